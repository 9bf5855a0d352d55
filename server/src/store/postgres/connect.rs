//! Finding the database: what can be said of its address, what it has to be, and what every session is told.

use std::io::ErrorKind;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Error, PgConnection, PgPool};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::MIGRATIONS;
use super::error::code;
use super::session::Pool;
use super::standbys::Standbys;
use crate::store::OpenError;

/// The oldest release that this was made for, as PostgreSQL numbers them.
const OLDEST: i32 = 140_000;
/// How long one attempt to connect may take at the start, and what lies between two.
const ATTEMPT: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(250);
/// How long a call waits for a connection, each time that it tries. The longer this is the longer are the pauses
/// between attempts to connect, towards the end.
const WAIT: Duration = Duration::from_secs(1);
/// A connection that was used so long ago is asked whether it is still there before it is used.
const FRESH: Duration = Duration::from_secs(1);

/// What an address may say behind its question mark.
const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// What every session is told. Whoever is gone in the midst of a transaction shall not hold its locks for long, and
/// nobody waits for ever for a lock.
const SETTINGS: &str = "SET lock_timeout = '8s'; SET idle_in_transaction_session_timeout = '10s'; \
    SET statement_timeout = 0; SET client_min_messages = warning";

/// What a server says of itself.
#[derive(sqlx::FromRow)]
struct About {
    release: i32,
    release_name: String,
    encoding: String,
    standby: bool,
    fsync: String,
}

const ABOUT: &str = "SELECT current_setting('server_version_num')::int AS release, \
    current_setting('server_version') AS release_name, current_setting('server_encoding') AS encoding, \
    pg_is_in_recovery() AS standby, current_setting('fsync') AS fsync";

/// A database that was found, and its tables brought up to date.
pub(super) struct Found {
    pub(super) pool: Pool,
    /// For people; without a user or a password.
    pub(super) place: String,
    pub(super) release: String,
    /// What tells it from every other database.
    pub(super) identity: String,
}

/// Reads an address as in `postgres://user:password@host:5432/database`.
pub(super) fn address(url: &str) -> Result<PgConnectOptions, OpenError> {
    let bad = |why: String| OpenError::BadAddress(why);
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(bad("it does not begin with postgres://".to_owned()));
    }
    // Read on, one that is not known would be logged with its value, which may be a secret.
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let keys = query.split('&').filter_map(|pair| pair.split('=').next()).filter(|key| !key.is_empty());
    if let Some(key) = keys.into_iter().find(|key| !PARAMETERS.contains(key) && !key.starts_with("options["))
    {
        // It may be the rest of a password that has a question mark in it, and then an @ follows.
        let is_word = key.chars().all(|c| c.is_ascii_alphabetic() || "_-".contains(c));
        return Err(bad(match is_word && !query.contains('@') {
            true => format!("there is no parameter {key:?}"),
            false => "it has a parameter that there is not; in a password, ? is written as %3F".to_owned(),
        }));
    }
    let options = PgConnectOptions::from_str(url).map_err(|error| bad(error.to_string()))?;
    Ok(options.application_name("interline"))
}

/// Connects, waiting for a database that is about to be there.
pub(super) async fn connect(
    options: PgConnectOptions,
    connections: u32,
    patience: Duration,
) -> Result<Found, OpenError> {
    let place = place(&options);
    let failed = |why: String| OpenError::Failed { place: place.clone(), why };
    let (mut connection, about) = first(&options, &place, patience).await?;
    suits(&about).map_err(failed)?;
    if about.fsync != "on" {
        warn!(
            "PostgreSQL runs with fsync={}: what is acknowledged may be lost with its machine",
            about.fsync
        );
    }
    MIGRATIONS.run_direct(None, &mut connection, false).await.map_err(|error| match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => OpenError::TooNew(place.clone()),
        error => failed(error.to_string()),
    })?;
    let identity = identity(&mut connection).await.map_err(|error| failed(error.to_string()))?;
    // Whether it takes the leave well is of no interest.
    let _ = connection.close().await;
    let standbys = Arc::<Standbys>::default();
    let pool = Pool::new(pool(options, connections, standbys.clone()), standbys);
    Ok(Found { pool, place, release: about.release_name, identity })
}

/// Of its server, which a standby that is promoted keeps, of the database, and of its tables. Nothing that is in the
/// tables: copies would have that, too.
async fn identity(connection: &mut PgConnection) -> Result<String, Error> {
    let tables: String = sqlx::query_scalar(
        "SELECT format('%s-%s', (SELECT oid FROM pg_database WHERE datname = current_database()), \
         'reviews'::regclass::oid)",
    )
    .fetch_one(&mut *connection)
    .await?;
    let server = sqlx::query_scalar("SELECT system_identifier::text FROM pg_control_system()");
    let server: String = match server.fetch_one(connection).await {
        // Somebody has forbidden it.
        Err(error) if code(&error).is_some() => {
            warn!(%error, "databases of several servers that share a Redis need a --redis-prefix each");
            "server".to_owned()
        }
        server => server?,
    };
    Ok(format!("{server}-{tables}"))
}

/// The first connection. What a little patience cannot help is said at once.
async fn first(
    options: &PgConnectOptions,
    place: &str,
    patience: Duration,
) -> Result<(PgConnection, About), OpenError> {
    let end = Instant::now() + patience;
    let mut told = String::new();
    loop {
        let why = match timeout(ATTEMPT, greet(options)).await {
            Ok(Ok((connection, about))) if !about.standby => return Ok((connection, about)),
            Ok(Ok(_)) => "it is a standby, which takes no writes".to_owned(),
            Ok(Err(error)) if is_hopeless(&error) => {
                return Err(OpenError::Failed { place: place.to_owned(), why: error.to_string() });
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        if Instant::now() >= end {
            return Err(OpenError::Unreachable { place: place.to_owned(), why, waited: patience });
        }
        if why != told {
            info!(%why, "waiting for PostgreSQL at {place}");
            told = why;
        }
        sleep(PAUSE).await;
    }
}

async fn greet(options: &PgConnectOptions) -> Result<(PgConnection, About), Error> {
    let mut connection = options.connect().await?;
    make_durable(&mut connection).await?;
    let about = sqlx::query_as(ABOUT).fetch_one(&mut connection).await?;
    Ok((connection, about))
}

/// A wrong password, a database that does not exist, certificates that do not fit.
fn is_hopeless(error: &Error) -> bool {
    match error {
        Error::Configuration(_) | Error::Tls(_) => true,
        // A certificate that is not trusted comes as this.
        Error::Io(error) => error.kind() == ErrorKind::InvalidData,
        _ => code(error).is_some_and(|code| code.starts_with("28") || ["3D000", "42501"].contains(&&*code)),
    }
}

fn suits(about: &About) -> Result<(), String> {
    if about.release < OLDEST {
        let (wanted, found) = (OLDEST / 10_000, &about.release_name);
        return Err(format!("PostgreSQL {found} is too old, {wanted} or newer is needed"));
    }
    if about.encoding != "UTF8" {
        return Err(format!("its encoding is {}: create a database with ENCODING 'UTF8'", about.encoding));
    }
    Ok(())
}

fn pool(options: PgConnectOptions, connections: u32, standbys: Arc<Standbys>) -> PgPool {
    let told = standbys.clone();
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(WAIT)
        .test_before_acquire(false)
        .before_acquire(move |connection, meta| {
            let standbys = standbys.clone();
            Box::pin(async move {
                // The question also tells whether the connection is still there.
                if standbys.leads_elsewhere(meta.age) {
                    return Ok(false);
                }
                if meta.idle_for >= FRESH || standbys.is_stale() {
                    let asked = timeout(FRESH, waits_for_standbys(connection));
                    standbys.learn(asked.await.map_err(|_| Error::PoolTimedOut)??);
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| {
            let standbys = told.clone();
            Box::pin(async move {
                sqlx::raw_sql(SETTINGS).execute(&mut *connection).await?;
                make_durable(connection).await?;
                let standby: bool =
                    sqlx::query_scalar("SELECT pg_is_in_recovery()").fetch_one(&mut *connection).await?;
                // It may lag behind what was acknowledged, and that would look like a log that has lost its end.
                if standby {
                    return Err(Error::Configuration("it is a standby, which takes no writes".into()));
                }
                let started = sqlx::query_scalar("SELECT pg_postmaster_start_time()::text");
                let started: String = started.fetch_one(&mut *connection).await?;
                standbys.connected(started, waits_for_standbys(connection).await?);
                Ok(())
            })
        })
        .connect_lazy_with(options)
}

/// Whether commits wait for standbys: that can be changed while the server runs.
async fn waits_for_standbys(connection: &mut PgConnection) -> Result<bool, Error> {
    let asked = sqlx::query_scalar("SELECT current_setting('synchronous_standby_names') <> ''");
    asked.fetch_one(connection).await
}

/// A commit has to mean what it says, whatever the server's or the user's defaults are.
async fn make_durable(connection: &mut PgConnection) -> Result<(), Error> {
    let setting = "SELECT current_setting('synchronous_commit')";
    let now: String = sqlx::query_scalar(setting).fetch_one(&mut *connection).await?;
    // The only other one that waits for as much: for standbys to have applied it, too.
    if ["on", "remote_apply"].contains(&now.as_str()) {
        return Ok(());
    }
    sqlx::raw_sql("SET synchronous_commit = on").execute(&mut *connection).await?;
    let now: String = sqlx::query_scalar(setting).fetch_one(connection).await?;
    if now == "on" {
        Ok(())
    } else {
        Err(Error::Configuration(format!("synchronous_commit stays {now}").into()))
    }
}

/// Where it is, for people; without a user or a password.
pub(super) fn place(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or(options.get_username());
    match options.get_socket() {
        Some(folder) => format!("{}:{}/{database}", folder.display(), options.get_port()),
        None => format!("{}:{}/{database}", options.get_host(), options.get_port()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_shown_without_secrets() {
        let shown = |url: &str| address(url).map(|options| place(&options));
        assert_eq!(
            shown("postgres://ann:secret@db.example:6000/reviews").unwrap(),
            "db.example:6000/reviews"
        );
        assert_eq!(shown("postgresql://ann@db.example").unwrap(), "db.example:5432/ann");
        assert_eq!(shown("postgres://ann@%2Frun%2Fpg/reviews").unwrap(), "/run/pg:5432/reviews");
        assert!(shown("postgres://ann@db/reviews?sslmode=verify-full&options[work_mem]=1MB").is_ok());
        let unknown = "postgres://ann@db/reviews?sslmode=disable&sslpassword=secret";
        assert!(shown(unknown).unwrap_err().to_string().contains("sslpassword"));
        for bad in [
            "",
            "reviews",
            "mysql://ann:secret@db/reviews",
            "postgres://ann:secret@db:port/reviews",
            unknown,
            // A question mark in a password, as it is and next to what looks like a parameter.
            "postgres://ann:pa?secret@db.example/reviews",
            "postgres://ann:12?secret=3@db.example/reviews",
            "postgres://ann:12?3&secret&4@db.example/reviews?sslmode=disable",
            "postgres://ann:12?secret%403",
        ] {
            let error = shown(bad).unwrap_err().to_string();
            assert!(error.contains("--database-url") && !error.contains("secret"), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn what_does_not_suit_is_said() {
        let about = |release, encoding: &str| About {
            release,
            release_name: "x".to_owned(),
            encoding: encoding.to_owned(),
            standby: false,
            fsync: "on".to_owned(),
        };
        assert!(suits(&about(140_000, "UTF8")).is_ok());
        assert!(suits(&about(130_021, "UTF8")).unwrap_err().contains("14 or newer"));
        assert!(suits(&about(150_014, "SQL_ASCII")).unwrap_err().contains("UTF8"));
    }
}
