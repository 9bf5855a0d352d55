//! What opening a review costs, by how long its history is: `opening [--edits N] [--rounds N]`. See
//! `interline_tests::opening`.

use anyhow::{Context, bail};
use interline_tests::opening::{self, Options};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut options = Options { edits: [100, 100_000], text: 2_000, rounds: 20 };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--edits" => options.edits[1] = value.parse()?,
            "--rounds" => options.rounds = value.parse()?,
            other => bail!("unknown argument {other}"),
        }
    }
    println!("{}", opening::run(options).await?);
    Ok(())
}
