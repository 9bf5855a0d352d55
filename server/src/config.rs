//! What an operator can choose.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::app::StartError;
use crate::link::Link;
use crate::store::PostgresStore;

/// A self-hosted server for live code review.
#[derive(Clone, Debug, Parser)]
#[command(name = "interline-server", version, about)]
pub struct Config {
    /// Address to listen on; loopback only, for there are no tokens yet. Port 0 takes any free port
    #[arg(long, env = "INTERLINE_LISTEN", default_value = "127.0.0.1:8080", value_parser = address)]
    pub listen: SocketAddr,
    /// Where reviews are kept without PostgreSQL; made if it does not exist
    #[arg(long, env = "INTERLINE_DATA_DIR", default_value = "./data", global = true)]
    pub data_dir: PathBuf,
    /// Keep reviews in this PostgreSQL, as in postgres://user:password@host:5432/database; in the data directory without
    #[arg(long, env = "INTERLINE_DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,
    /// Keep presence in this Redis, and tell other nodes over it what happens, as in redis://127.0.0.1:6379
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<String>,
    /// What everything in Redis begins with; nodes that share their data share it, others must not
    #[arg(long, env = "INTERLINE_REDIS_PREFIX", value_name = "PREFIX", default_value = "interline")]
    pub redis_prefix: String,
    /// A further origin that browsers may use the server from, as in https://review.example.com
    #[arg(long = "origin", env = "INTERLINE_ORIGIN", value_delimiter = ',', value_parser = origin)]
    pub origins: Vec<String>,
    /// Of each review keep only the last N entries whole, 1000 at least; all of them without
    #[arg(long, env = "INTERLINE_KEEP_ENTRIES", value_name = "N", value_parser = clap::value_parser!(u64).range(1_000..))]
    pub keep_entries: Option<u64>,
    /// How large the database file may become, in MiB; as large as the disk allows without
    #[arg(long, env = "INTERLINE_MAX_DATABASE_MB", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_database_mb: Option<u64>,
    /// What to log to stderr, as in info or interline_server=debug
    #[arg(long, env = "RUST_LOG", default_value = "info,sqlx=warn,actix_server=warn")]
    pub log: String,
}

/// How long things take; tests are less patient than operators.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long a connection may take to say hello.
    pub hello: Duration,
    /// How often a silent client is asked whether it is still there.
    pub ping: Duration,
    /// How long it may stay silent.
    pub silence: Duration,
    /// How long a room stays loaded once nobody wants it.
    pub room_idle: Duration,
    /// How long stopping may take.
    pub stop: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            hello: Duration::from_secs(5),
            ping: Duration::from_secs(20),
            silence: Duration::from_secs(60),
            room_idle: Duration::from_secs(60),
            stop: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// Refuses what can be read and yet must not be; one line.
    pub fn check(&self) -> Result<(), StartError> {
        if !self.listen.ip().is_loopback() {
            return Err(StartError(format!(
                "refusing to listen on {}: without tokens anybody who reaches the server may do anything, so it \
                 listens on loopback only; use --listen 127.0.0.1:{}",
                self.listen,
                self.listen.port()
            )));
        }
        if let Some(url) = self.redis_url() {
            let unusable = |error| StartError(format!("--redis-url cannot be used: {error}"));
            Link::check(url, &self.redis_prefix).map_err(unusable)?;
        }
        let Some(url) = self.database_url() else { return Ok(()) };
        PostgresStore::check_address(url).map_err(|error| StartError(error.to_string()))?;
        if self.max_database_mb.is_some() {
            return Err(StartError(
                "--max-database-mb bounds a SQLite file: leave it out, and bound PostgreSQL by its disk or its \
                 tablespace"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Where PostgreSQL is, if it is to be used.
    pub fn database_url(&self) -> Option<&str> {
        given(self.database_url.as_deref())
    }

    /// Where Redis is, if it is to be used.
    pub(crate) fn redis_url(&self) -> Option<&str> {
        given(self.redis_url.as_deref())
    }
}

/// A variable that is set to nothing is how some environments say that it is not set.
fn given(url: Option<&str>) -> Option<&str> {
    url.filter(|url| !url.trim().is_empty())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    match text.strip_prefix("localhost:").map(str::parse) {
        Some(Ok(port)) => Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        _ => text.parse().map_err(|_| "give an address and a port, as in 127.0.0.1:8080".to_owned()),
    }
}

fn origin(text: &str) -> Result<String, String> {
    let origin = text.trim_end_matches('/').to_ascii_lowercase();
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) => Ok(origin),
        _ => Err("give a scheme and a host, as in https://review.example.com".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_listened_on() {
        let check = |listen: &str| {
            let listen = address(listen)?;
            let config = Config { listen, ..Config::parse_from(["interline-server"]) };
            config.check().map_err(|error| error.to_string()).map(|()| listen.port())
        };
        assert!(check("127.0.0.1:0").is_ok() && check("[::1]:8080").is_ok());
        assert_eq!(check("localhost:81"), Ok(81));
        let why = check("0.0.0.0:8080").unwrap_err();
        assert!(why.contains("tokens") && why.contains("127.0.0.1:8080") && !why.contains('\n'), "{why}");
        assert!(check("192.168.0.1:8080").is_err() && check("8080").is_err());
    }

    #[test]
    fn a_database_is_refused_that_cannot_work() {
        let check = |arguments: &[&str]| {
            let config = Config::try_parse_from(["interline-server"].iter().chain(arguments)).unwrap();
            config.check().map_err(|error| error.to_string())
        };
        let url = "postgres://ann:secret@db.example/reviews";
        assert_eq!(check(&["--database-url", url]), Ok(()));
        assert_eq!(check(&["--database-url", " "]), Ok(()), "not set");
        let why = check(&["--database-url", url, "--max-database-mb", "64"]).unwrap_err();
        assert!(why.contains("--max-database-mb") && !why.contains("secret"), "{why}");
        let why = check(&["--database-url", "sqlite://ann:secret@x"]).unwrap_err();
        assert!(why.contains("--database-url") && !why.contains("secret"), "{why}");
    }

    #[test]
    fn a_redis_is_refused_that_cannot_be_one() {
        let check = |arguments: &[&str]| {
            let config = Config::try_parse_from(["interline-server"].iter().chain(arguments)).unwrap();
            config.check().map_err(|error| error.to_string())
        };
        let url = "rediss://ann:secret@redis.example:6380/2";
        assert_eq!(check(&["--redis-url", url, "--redis-prefix", "ours"]), Ok(()));
        for refused in [
            ["--redis-url", "http://ann:secret@x", "--origin", "http://x"],
            ["--redis-url", url, "--redis-prefix", "{}"],
        ] {
            let why = check(&refused).unwrap_err();
            assert!(why.contains("--redis-") && !why.contains("secret") && !why.contains('\n'), "{why}");
        }
    }

    #[test]
    fn bounds_are_within_reason() {
        let read = |arguments: [&str; 2]| {
            let config = Config::try_parse_from(["interline-server"].into_iter().chain(arguments));
            config.map(|config| (config.keep_entries, config.max_database_mb))
        };
        assert_eq!(read(["--keep-entries", "1000"]).unwrap().0, Some(1_000));
        assert_eq!(read(["--max-database-mb", "64"]).unwrap().1, Some(64));
        assert_eq!(read(["--listen", "127.0.0.1:0"]).unwrap(), (None, None));
        assert!(read(["--keep-entries", "999"]).is_err() && read(["--max-database-mb", "0"]).is_err());
    }

    #[test]
    fn an_origin_is_no_url() {
        assert_eq!(origin("https://Review.example.com/").unwrap(), "https://review.example.com");
        assert!(origin("review.example.com").is_err());
        assert!(origin("https://review.example.com/path").is_err());
        assert!(origin("https://").is_err());
    }
}
