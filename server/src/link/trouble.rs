//! Why there is no connection, for people: Redis is away, or it answers and refuses. What it refuses for good is a
//! matter of its configuration, which asking again at once does not change.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::LinkError;

/// What a replica is left for.
pub(super) const REPLICA: &str = "it is a replica, which takes no writes";

/// Why a connection could not be made, or is of no use any more.
pub(super) struct Trouble {
    /// What is told of it; the same for as long as nothing has changed.
    pub(super) told: LinkError,
    /// All that is known.
    pub(super) why: String,
    /// Whether only somebody who configures Redis, or this node, can help.
    pub(super) lasting: bool,
}

impl Trouble {
    /// What was wrong when Redis was asked for something.
    pub(super) fn with(asked: &str, error: &RedisError) -> Trouble {
        let (why, refused) = (error.to_string(), refused(asked, error));
        let lasting = refused.is_some();
        let told = match refused {
            Some(refused) => LinkError::Refused(refused),
            None if is_replicas(error) => LinkError::Refused(format!("Redis cannot be used: {REPLICA}")),
            None => LinkError::Away,
        };
        Trouble { told, why, lasting }
    }

    /// The connection is of no use, and another may be.
    pub(super) fn gone(why: &str) -> Trouble {
        Trouble { told: LinkError::Away, why: why.to_owned(), lasting: false }
    }
}

/// What Redis refuses for good, in one line without what is secret; nothing where that may pass.
pub(super) fn refused(asked: &str, error: &RedisError) -> Option<String> {
    let (code, detail) = answers(error).into_iter().find(|(code, _)| LASTING.contains(&code.as_str()))?;
    Some(match code.as_str() {
        "NOAUTH" => "Redis wants a password, which belongs into --redis-url (NOAUTH)".to_owned(),
        "WRONGPASS" => "Redis does not take the user or the password in --redis-url (WRONGPASS)".to_owned(),
        _ => {
            let detail = detail.replace(char::is_control, " ");
            format!("Redis does not allow this node to {asked} ({code} {detail})")
        }
    })
}

/// What Redis said, in one line: of a transaction the first that it refused.
pub(super) fn in_short(error: &RedisError) -> String {
    let parts = error.clone().into_server_errors().unwrap_or_default();
    match parts.first() {
        Some((_, part)) => format!("{} {}", part.code(), part.details().unwrap_or_default()),
        None => error.to_string(),
    }
}

/// Codes of answers that do not change by themselves.
const LASTING: [&str; 3] = ["NOPERM", "NOAUTH", "WRONGPASS"];

/// What Redis has answered, by code: of a transaction what it refused of it.
fn answers(error: &RedisError) -> Vec<(String, String)> {
    let of = |code: &str, detail: Option<&str>| (code.to_owned(), detail.unwrap_or_default().to_owned());
    let parts = error.clone().into_server_errors().unwrap_or_default();
    let parts = parts.iter().map(|(_, part)| of(part.code(), part.details()));
    error.code().map(|code| of(code, error.detail())).into_iter().chain(parts).collect()
}

/// Whether it is what a replica says that cannot do what was asked.
pub(super) fn is_replicas(error: &RedisError) -> bool {
    use ServerErrorKind::{MasterDown, ReadOnly};
    let is_one = |kind| matches!(kind, ReadOnly | MasterDown);
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::ExecAbort) => {
            // What was refused of a transaction.
            let refused = error.clone().into_server_errors();
            refused.is_some_and(|refused| refused.iter().any(|(_, error)| error.kind().is_some_and(is_one)))
        }
        ErrorKind::Server(kind) => is_one(kind),
        _ => false,
    }
}

/// Whether there is no use in the connection any more.
pub(super) fn is_gone(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_unrecoverable_error()
}
