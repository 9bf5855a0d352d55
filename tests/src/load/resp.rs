//! Asking Redis about itself.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, bail};

/// What Redis answers to a command of words without spaces.
fn ask(port: u16, command: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(crate::DEADLINE))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let mut answer = BufReader::new(stream);
    let mut line = String::new();
    answer.read_line(&mut line)?;
    match line.trim_end().split_at_checked(1) {
        Some((":" | "+", value)) => Ok(value.to_owned()),
        Some(("$", length)) => {
            let mut body = vec![0; length.parse()?];
            answer.read_exact(&mut body)?;
            Ok(String::from_utf8(body)?)
        }
        _ => bail!("{command}: {line}"),
    }
}

/// How many keys there are.
pub(super) fn keys(port: u16) -> Result<u64> {
    Ok(ask(port, "DBSIZE")?.parse()?)
}

/// A number that `INFO` tells, such as `used_memory`.
pub(super) fn info(port: u16, name: &str) -> Result<u64> {
    let info = ask(port, "INFO")?;
    let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    Ok(value.with_context(|| format!("Redis does not tell {name}"))?.parse()?)
}
