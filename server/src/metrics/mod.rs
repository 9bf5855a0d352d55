//! What an operator watches: one count of everything, which `/metrics` shows as Prometheus reads it.
//!
//! Each server has counts of its own, so that several in one process do not mix. Whoever counts something holds a
//! [`Metrics`] and adds to one of its fields; what there is to count is listed in [`names`].

pub mod names;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use interline_core::wire::ErrorCode;
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use names::{ALL, Kind};

/// How often samples are folded into histograms: until then each takes memory, and it may be that nobody looks.
const FOLD: Duration = Duration::from_secs(5);
/// Upper ends of an append's times, in seconds.
const SECONDS: [f64; 13] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper ends of how many reviews are appended to in one transaction.
const SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
static METADATA: Metadata<'_> = Metadata::new("interline", Level::INFO, None);

/// The counts of one server; every clone is the same.
#[derive(Clone)]
pub struct Metrics(Arc<Counts>);

/// What is counted; see [`names`] for what each of them means.
pub struct Counts {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    pub(crate) sessions: Gauge,
    pub(crate) rooms: Gauge,
    pub(crate) degraded: Gauge,
    pub(crate) presence_up: Gauge,
    pub(crate) redis_up: Gauge,
    pub(crate) redis_connections: Counter,
    pub(crate) batches: Counter,
    pub(crate) changes: Counter,
    pub(crate) appended: Counter,
    pub(crate) lost: Counter,
    pub(crate) failed: Counter,
    pub(crate) unknown: Counter,
    pub(crate) waiting: Counter,
    pub(crate) append_seconds: Histogram,
    pub(crate) commit_appends: Histogram,
    pub(crate) opened: Counter,
    pub(crate) resyncs: Counter,
    pub(crate) reloads: Counter,
    pub(crate) slow_readers: Counter,
    pub(crate) gaps: Counter,
    pub(crate) gap_entries: Counter,
    pub(crate) published: Counter,
    pub(crate) dropped: Counter,
    pub(crate) heard: Counter,
    pub(crate) missed: Counter,
    pub(crate) received_bytes: Counter,
    pub(crate) sent_bytes: Counter,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let buckets = [(names::APPEND_SECONDS, &SECONDS[..]), (names::COMMIT_APPENDS, &SIZES[..])];
        let builder = buckets.into_iter().fold(PrometheusBuilder::new(), |builder, (name, ends)| {
            let matcher = Matcher::Full(name.to_owned());
            builder.set_buckets_for_metric(matcher, ends).expect("there are some")
        });
        let recorder = builder.build_recorder();
        for (name, kind, help) in ALL {
            let (name, help) = ((*name).into(), (*help).into());
            match kind {
                Kind::Counter => recorder.describe_counter(name, None, help),
                Kind::Gauge => recorder.describe_gauge(name, None, help),
                Kind::Histogram => recorder.describe_histogram(name, None, help),
            }
        }
        let counter = |name| recorder.register_counter(&Key::from_static_name(name), &METADATA);
        let gauge = |name| recorder.register_gauge(&Key::from_static_name(name), &METADATA);
        let histogram = |name| recorder.register_histogram(&Key::from_static_name(name), &METADATA);
        let appends = |outcome| labelled(&recorder, names::APPENDS, "outcome", outcome);
        let counts = Counts {
            handle: recorder.handle(),
            sessions: gauge(names::SESSIONS),
            rooms: gauge(names::ROOMS),
            degraded: gauge(names::DEGRADED),
            presence_up: gauge(names::PRESENCE_UP),
            redis_up: gauge(names::REDIS_UP),
            redis_connections: counter(names::REDIS_CONNECTIONS),
            batches: counter(names::BATCHES),
            changes: counter(names::CHANGES),
            appended: appends("appended"),
            lost: appends("lost"),
            failed: appends("failed"),
            unknown: counter(names::UNKNOWN_OUTCOMES),
            waiting: counter(names::WAITING_APPENDS),
            append_seconds: histogram(names::APPEND_SECONDS),
            commit_appends: histogram(names::COMMIT_APPENDS),
            opened: counter(names::OPENS),
            resyncs: counter(names::RESYNCS),
            reloads: counter(names::RELOADS),
            slow_readers: counter(names::SLOW_READERS),
            gaps: counter(names::GAPS),
            gap_entries: counter(names::GAP_ENTRIES),
            published: counter(names::PUBLISHED),
            dropped: counter(names::DROPPED),
            heard: counter(names::HEARD),
            missed: counter(names::MISSED),
            received_bytes: counter(names::RECEIVED_BYTES),
            sent_bytes: counter(names::SENT_BYTES),
            recorder,
        };
        Metrics(Arc::new(counts))
    }
}

impl Metrics {
    /// Keeps histograms small, whether anybody looks at them or not.
    pub(crate) fn keep(&self) -> JoinHandle<()> {
        let metrics = self.clone();
        tokio::spawn(async move {
            let mut fold = interval(FOLD);
            fold.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                fold.tick().await;
                metrics.0.handle.run_upkeep();
            }
        })
    }

    /// Everything, as Prometheus reads it.
    pub fn render(&self) -> String {
        self.0.handle.render()
    }

    /// A batch was refused.
    pub(crate) fn refused(&self, code: ErrorCode) {
        self.coded(names::REFUSED_BATCHES, code);
    }

    /// A client was told of an error.
    pub(crate) fn error(&self, code: ErrorCode) {
        self.coded(names::ERRORS, code);
    }

    fn coded(&self, name: &'static str, code: ErrorCode) {
        let word = serde_json::to_value(code).ok().and_then(|code| code.as_str().map(str::to_owned));
        labelled(&self.0.recorder, name, "code", word.as_deref().unwrap_or("unknown")).increment(1);
    }
}

fn labelled(recorder: &PrometheusRecorder, name: &'static str, label: &'static str, value: &str) -> Counter {
    let key = Key::from_parts(name, vec![Label::new(label, value.to_owned())]);
    recorder.register_counter(&key, &METADATA)
}

impl std::ops::Deref for Metrics {
    type Target = Counts;

    fn deref(&self) -> &Counts {
        &self.0
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the table in the documents: name, kind, and what it means.
    fn documented() -> Vec<(String, String)> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");
        let text = std::fs::read_to_string(path).unwrap();
        let row = |line: &str| {
            let mut cells = line.strip_prefix("| `interline_")?.split(" | ");
            let name = cells.next()?.trim_end_matches('`').split(['`', '{']).next()?;
            Some((format!("interline_{name}"), cells.next()?.to_owned()))
        };
        text.lines().filter_map(row).collect()
    }

    #[test]
    fn the_documents_list_what_there_is() {
        let mut there: Vec<_> =
            ALL.iter().map(|(name, kind, _)| ((*name).to_owned(), kind.word().to_owned())).collect();
        let mut listed = documented();
        there.sort();
        listed.sort();
        assert_eq!(listed, there, "docs/operations.md and server/src/metrics/names.rs differ");
    }

    #[test]
    fn everything_is_shown_from_the_start_with_what_it_is() {
        let metrics = Metrics::default();
        metrics.refused(ErrorCode::Overloaded);
        metrics.error(ErrorCode::HistoryLost);
        metrics.append_seconds.record(0.003);
        metrics.commit_appends.record(2.0);
        let shown = metrics.render();
        for (name, kind, help) in ALL {
            assert!(shown.contains(&format!("# TYPE {name} {}\n", kind.word())), "{name}: {shown}");
            assert!(shown.contains(&format!("# HELP {name} {help}\n")), "{name}: {shown}");
        }
        let types = shown.lines().filter(|line| line.starts_with("# TYPE ")).count();
        assert_eq!(types, ALL.len(), "{shown}");
        for line in [
            r#"interline_refused_batches_total{code="overloaded"} 1"#,
            r#"interline_errors_total{code="history_lost"} 1"#,
            r#"interline_append_seconds_bucket{le="0.002"} 0"#,
            r#"interline_append_seconds_bucket{le="0.005"} 1"#,
            r#"interline_commit_appends_bucket{le="2"} 1"#,
            "interline_appends_total{outcome=\"lost\"} 0",
        ] {
            assert!(shown.contains(&format!("{line}\n")), "{line}: {shown}");
        }
    }
}
