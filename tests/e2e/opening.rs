//! Opening a review costs what its text costs, not what its history does. `cargo xtask opening` measures it at length.

use anyhow::{Result, ensure};
use interline_tests::opening::{Options, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_does_not_make_opening_slow() -> Result<()> {
    let report = run(Options { edits: [100, 3_000], text: 2_000, rounds: 5 }).await?;
    eprintln!("{report}");
    // Generous: everything runs beside other tests here. It would be 30 if each edit were told or folded.
    for (what, pair) in [("cold", report.cold), ("warm", report.warm), ("resume", report.resume)] {
        ensure!(pair.ratio() < 4.0 || pair.many < pair.few + 20.0, "{what}: {pair}");
    }
    Ok(())
}
