//! How well sync works, counted.

use std::collections::VecDeque;

use serde::Serialize;

/// How many of the latest latencies are kept.
const KEPT: usize = 1_024;

/// What a client has counted since it was built.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Analytics {
    /// From sending a batch for the first time to its acknowledgement.
    pub ack: Latency,
    /// From making an edit to its being durable: [`ack`](Analytics::ack), and the wait before it was sent.
    pub durable: Latency,
    /// Received, in bytes of frames.
    pub bytes_in: u64,
    /// Sent, in bytes of frames.
    pub bytes_out: u64,
    /// Batches sent, each counted once.
    pub batches: u64,
    /// Edits made here.
    pub edits: u64,
    /// Batches sent again.
    pub retries: u64,
    /// Connections that followed a lost one.
    pub reconnects: u64,
    /// Reviews opened again because something was missing or differed.
    pub resyncs: u64,
    /// Those of them where this replica had come to differ from the server: always a defect somewhere.
    pub diverged: u64,
    /// Replicas that went on under another id, because the server lost history or the local store was copied.
    pub renewals: u64,
    /// Edits that came back as rejected then, for somebody to decide on.
    pub recovered: u64,
    /// Reviews of clients that had ended whose edits this client has brought to an end.
    pub finished: u64,
    /// Saves that the local store did not take.
    pub failed_saves: u64,
    /// Changes not durable on the server now, over all open reviews.
    pub queue_depth: usize,
    /// When the oldest of them was made, in milliseconds since the Unix epoch.
    pub queue_since: Option<u64>,
}

/// Quantiles of the latest 1,024 values, in milliseconds; 0 while there are none.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Latency {
    /// How many values there have been.
    pub count: u64,
    /// Half of the values are no longer.
    pub p50: f64,
    /// 95 of 100 are no longer.
    pub p95: f64,
    /// 99 of 100 are no longer.
    pub p99: f64,
}

/// The latest values of something.
#[derive(Default)]
pub(crate) struct Ring {
    count: u64,
    values: VecDeque<f64>,
}

impl Ring {
    pub(crate) fn push(&mut self, ms: f64) {
        if self.values.len() == KEPT {
            self.values.pop_front();
        }
        self.values.push_back(ms);
        self.count += 1;
    }

    fn latency(&self) -> Latency {
        let mut sorted: Vec<_> = self.values.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let quantile = |percent: usize| {
            // Nearest rank: the smallest value that so many percent do not exceed.
            let rank = (sorted.len() * percent).div_ceil(100).max(1);
            sorted.get(rank - 1).copied().unwrap_or_default()
        };
        Latency { count: self.count, p50: quantile(50), p95: quantile(95), p99: quantile(99) }
    }
}

/// The counters behind [`Analytics`].
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) counted: Analytics,
    pub(crate) ack: Ring,
    pub(crate) durable: Ring,
}

impl Counters {
    pub(crate) fn read(&self) -> Analytics {
        Analytics { ack: self.ack.latency(), durable: self.durable.latency(), ..self.counted.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_the_latest() {
        let mut ring = Ring::default();
        assert_eq!(ring.latency(), Latency::default());
        (1..=100).for_each(|ms| ring.push(f64::from(ms)));
        assert_eq!(ring.latency(), Latency { count: 100, p50: 50.0, p95: 95.0, p99: 99.0 });
        (0..2_000).for_each(|_| ring.push(7.0));
        assert_eq!(ring.latency(), Latency { count: 2_100, p50: 7.0, p95: 7.0, p99: 7.0 });
    }
}
