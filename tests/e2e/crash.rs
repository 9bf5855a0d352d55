//! Writers and a server are killed and stopped under load, as `cargo xtask crash` does at length.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use interline_services::{Postgres, left_out};
use interline_tests::campaign::{self, Kind, Options, seed};

fn options(rounds: u32) -> Result<Options> {
    let writer = PathBuf::from(env!("CARGO_BIN_EXE_writer"));
    Ok(Options::with(seed()?, rounds, writer))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_or_saved_is_lost_or_doubled_by_kills() -> Result<()> {
    let report = campaign::run(options(9)?).await?;
    eprintln!("{report}");
    ensure!(report.acked > 0 && report.typed > report.acked / 2, "they were at work: {report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_over_postgres_which_crashes_as_well() -> Result<()> {
    let Some(postgres) = Postgres::start()? else { return Ok(()) };
    let report = campaign::run(options(9)?.over(postgres.database()?)).await?;
    eprintln!("{report}");
    ensure!(report.acked > 0 && report.typed > report.acked / 2, "they were at work: {report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_on_two_nodes_of_which_either_is_killed() -> Result<()> {
    let Some(postgres) = Postgres::start()? else { return Ok(()) };
    if left_out("redis") {
        return Ok(());
    }
    let report = campaign::run(options(9)?.over(postgres.database()?).on(2)).await?;
    eprintln!("{report}");
    ensure!(report.acked > 0 && report.typed > report.acked / 2, "they were at work: {report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_needs_nobody() -> Result<()> {
    // Nobody knocks: each client comes back when it thinks best.
    let report = campaign::run(Options { kinds: &[Kind::Rolling], eager: false, ..options(3)? }).await?;
    eprintln!("{report}");
    ensure!(report.terminations == 3 && report.gone == 0 && report.slips == 0, "{report}");
    Ok(())
}
