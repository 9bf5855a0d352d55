//! What measures nodes under load measures. `cargo xtask load` does it at length and in release; here only that it
//! works, and that nothing is lost meanwhile: everything runs beside other tests.

use std::time::Duration;

use anyhow::{Result, ensure};
use interline_tests::load::{arrival, sizing, soak};

#[tokio::test(flavor = "multi_thread")]
async fn edits_arrive_at_another_node() -> Result<()> {
    let (rate, measured) = (18, Duration::from_secs(3));
    for everywhere in [false, true] {
        let options = arrival::Options { nodes: 2, rate, reviews: 3, writers: 2, measured, everywhere };
        let Some(report) = arrival::run(options).await? else { return Ok(()) };
        eprintln!("{report}");
        let expected = f64::from(rate) * measured.as_secs_f64();
        ensure!(report.arrival.count as f64 > 0.9 * expected, "{report}");
        // Without fan-out it would be the store that is asked now and then: every 2 to 4 s.
        ensure!(report.arrival.p50 < 900.0, "{report}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn people_come_and_go_and_memory_comes_back() -> Result<()> {
    let (span, warm) = (Duration::from_secs(8), Duration::from_secs(4));
    // Rooms stay loaded for a minute: waiting for that twice is for the long run.
    let options =
        soak::Options { span, warm, people: 6, reviews: 2, renewed: span / 2, restarts: 2, unload: false };
    let Some(report) = soak::run(options, |figures| eprintln!("{figures}")).await? else { return Ok(()) };
    eprintln!("{report}");
    ensure!(report.words > 0 && report.visits >= 12 && report.restarts == 2, "{report}");
    report.check()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_everything_spends_is_told() -> Result<()> {
    let (still, measured, step) = (Duration::from_secs(2), Duration::from_secs(3), Duration::from_secs(2));
    let steps = vec![20, 40];
    let options = sizing::Options { connections: 100, rooms: 10, still, rate: 30, measured, steps, step };
    let Some(report) = sizing::run(&options).await? else { return Ok(()) };
    eprintln!("{report}");
    let sizing::Report { idle, edit, steps } = &report;
    // Its socket, and the handle by which it is shut down.
    ensure!((1.0..2.5).contains(&idle.files), "{report}");
    ensure!(idle.connection > 0.0 && idle.record > 0.0 && idle.presence > idle.record, "{report}");
    ensure!(edit.writing > 0.0 && edit.reading > 0.0 && edit.postgres > 0.0, "{report}");
    ensure!(edit.wal > 100.0 && edit.bytes > 100.0, "{report}");
    ensure!(steps.first().is_some_and(sizing::Step::arrived), "{report}");
    Ok(())
}
