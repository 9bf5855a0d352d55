//! `kill -9` under load: `crash [--rounds N] [--seed N] [--writers N] [--store postgres [--nodes N]] [--only rolling]`.
//! See `interline_tests::campaign`.

use std::env;

use anyhow::{Context, bail, ensure};
use interline_services::Postgres;
use interline_tests::campaign::{self, Kind, Options};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut options = Options::new(fastrand::u64(..), 100)?;
    let (mut nodes, mut rolling) = (1, false);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--seed" => options.seed = value.parse()?,
            "--rounds" => options.rounds = value.parse()?,
            "--writers" => options.writers = value.parse()?,
            // Over a PostgreSQL of its own, which is crashed as well.
            "--store" if value == "postgres" => {
                let postgres = Postgres::start()?.context("INTERLINE_WITHOUT leaves PostgreSQL out")?;
                options = options.over(postgres.database()?);
            }
            "--nodes" => nodes = value.parse()?,
            // Nothing but orderly restarts, where nobody knocks before their client does.
            "--only" if value == "rolling" => rolling = true,
            other => bail!("unknown argument {other}"),
        }
    }
    ensure!(nodes >= 1, "there is at least one node");
    ensure!(nodes == 1 || options.database.is_some(), "several nodes need `--store postgres`");
    options = options.on(nodes);
    if rolling {
        (options.kinds, options.eager) = (&[Kind::Rolling], false);
    }
    let (rounds, seed, writers) = (options.rounds, options.seed, options.writers);
    println!("{rounds} rounds with {writers} writers and {nodes} nodes, from seed {seed}");
    println!("{}", campaign::run(options).await?);
    Ok(())
}
