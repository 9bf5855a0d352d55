//! Opening a review costs what its text costs, not what its history does. `cargo xtask opening` measures it at length.

use anyhow::{Result, ensure};
use interline_tests::opening::{Options, Report, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_does_not_make_opening_slow() -> Result<()> {
    let report = run(Options { edits: [100, 3_000], text: 2_000, rounds: 5 }).await?;
    eprintln!("{report}");
    // Generous: everything runs beside other tests here. It would be 30 if each edit were told or folded.
    let Report { cold, crashed, warm, resume, .. } = report;
    for (what, pair) in [("cold", cold), ("after SIGKILL", crashed), ("warm", warm), ("resume", resume)] {
        ensure!(pair.ratio() < 4.0 || pair.many < pair.few + 20.0, "{what}: {pair}");
    }
    // What that measured: a log that goes on behind its snapshot, and not for much longer than the shorter one is.
    let [tail, interval] = report.tail;
    ensure!(interval < 200 && (interval / 2..=interval).contains(&tail), "{tail} of {interval}");
    Ok(())
}
