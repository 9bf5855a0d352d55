//! `kill -9` under load: `crash [--rounds N] [--seed N] [--writers N] [--store postgres] [--only rolling]`. See
//! `interline_tests::campaign`.

use std::env;

use anyhow::{Context, bail};
use interline_services::Postgres;
use interline_tests::campaign::{self, Kind, Options};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut options = Options::new(fastrand::u64(..), 100)?;
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
            // Nothing but orderly restarts, where nobody knocks before their client does.
            "--only" if value == "rolling" => (options.kinds, options.eager) = (&[Kind::Rolling], false),
            other => bail!("unknown argument {other}"),
        }
    }
    let (rounds, seed, writers) = (options.rounds, options.seed, options.writers);
    println!("{rounds} rounds with {writers} writers, from seed {seed}");
    println!("{}", campaign::run(options).await?);
    Ok(())
}
