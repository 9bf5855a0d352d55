//! Opening a review costs what its text costs, not what its history does. `cargo xtask opening` measures it at length.

use anyhow::{Result, ensure};
use interline_tests::opening::{Options, Report, run};

/// What may be read of an entry behind a snapshot, in bytes: its row, and its part of an index.
const ENTRY: f64 = 1_024.0;
/// What may be read more or less by chance, in bytes: two pages.
const PAGES: f64 = 8_192.0;

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_does_not_make_opening_slow() -> Result<()> {
    let report = run(Options { edits: [100, 3_000], text: 2_000, rounds: 9 }).await?;
    eprintln!("{report}");
    let Report { cold, crashed, warm, resume, tail: [tail, interval], work, .. } = report;
    // A log that goes on behind its snapshot, and not for much longer than the shorter one is.
    ensure!(interval < 200 && (interval / 2..=interval).contains(&tail), "{tail} of {interval}");
    let ways = ["cold", "after SIGKILL", "warm", "resume"];
    for ((what, work), behind) in ways.iter().zip(work).zip([0, tail, 0, 0]) {
        // Whatever else this machine does: each entry that was told or read would count, and there are thirty times as
        // many of them.
        let [few, many] = work.sent;
        ensure!(many <= 1.5 * few, "{what}: {work}");
        if let Some([few, many]) = work.read {
            ensure!(many <= 1.5 * few + ENTRY * behind as f64 + PAGES, "{what}: {work}");
        }
    }
    // What is folded once more without being read takes time alone, which other tests take here as well:
    // generous, it would be 30.
    for (what, pair) in ways.iter().zip([cold, crashed, warm, resume]) {
        ensure!(pair.ratio() < 4.0 || pair.many < pair.few + 20.0, "{what}: {pair}");
    }
    Ok(())
}
