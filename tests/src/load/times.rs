//! How long things took, all in all.

use std::fmt;
use std::time::Duration;

/// Percentiles, in milliseconds.
#[derive(Clone, Copy, Default, Debug)]
pub struct Times {
    /// How many there were.
    pub count: usize,
    /// Half took no longer.
    pub p50: f64,
    /// Of a hundred 95 took no longer.
    pub p95: f64,
    /// Of a hundred 99 took no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Times {
    /// Of so many.
    pub fn of(times: impl IntoIterator<Item = Duration>) -> Times {
        let mut times: Vec<f64> = times.into_iter().map(|time| time.as_secs_f64() * 1_000.0).collect();
        times.sort_by(f64::total_cmp);
        let Some(&max) = times.last() else { return Times::default() };
        // The smallest that so many of a hundred do not exceed.
        let at = |percent: usize| times[(times.len() * percent).div_ceil(100).max(1) - 1];
        Times { count: times.len(), p50: at(50), p95: at(95), p99: at(99), max }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Times { p50, p95, p99, max, count } = self;
        write!(f, "p50 {p50:.1} ms, p95 {p95:.1} ms, p99 {p99:.1} ms, max {max:.1} ms, of {count}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_there_is() {
        let times = Times::of((1..=200).rev().map(Duration::from_millis));
        assert_eq!((times.p50, times.p95, times.p99, times.max), (100.0, 190.0, 198.0, 200.0));
        let one = Times::of([Duration::from_millis(3)]);
        assert_eq!((one.count, one.p50, one.p99, one.max), (1, 3.0, 3.0, 3.0));
        assert_eq!(Times::of([]).count, 0);
    }
}
