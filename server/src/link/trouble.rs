//! Why there is no connection, for people: Redis is away, or it answers and refuses, and then its words are told. What
//! it refuses for good is a matter of its configuration, which asking again at once does not change.

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
        let why = error.to_string();
        let lasting = asked == "SELECT" || answers(error).iter().any(|(code, _)| is_lasting(code));
        let told = match refused(asked, error) {
            _ if is_replicas(error) => LinkError::Refused(format!("Redis cannot be used: {REPLICA}")),
            Some(refused) => LinkError::Refused(refused),
            None => LinkError::Away,
        };
        Trouble { lasting: lasting && told != LinkError::Away, told, why }
    }

    /// The connection is of no use, and another may be.
    pub(super) fn gone(why: &str) -> Trouble {
        Trouble { told: LinkError::Away, why: why.to_owned(), lasting: false }
    }
}

/// What Redis has answered that refuses, in one line without what is secret; nothing where it has not answered.
pub(super) fn refused(asked: &str, error: &RedisError) -> Option<String> {
    let answers = answers(error);
    // Of a transaction what does not change by itself, for the rest is refused because of that.
    let lasting = answers.iter().find(|(code, _)| is_lasting(code));
    let (code, detail) = lasting.or(answers.first())?;
    Some(match (code.as_str(), asked) {
        ("NOAUTH", _) => "Redis wants a password, which belongs into --redis-url (NOAUTH)".to_owned(),
        ("WRONGPASS", _) => {
            "Redis does not take the user or the password in --redis-url (WRONGPASS)".to_owned()
        }
        ("NOPERM", _) => format!("Redis does not allow this node to {asked} (NOPERM {})", in_short(detail)),
        (_, "SELECT") => {
            format!("Redis does not have the database in --redis-url ({code} {})", in_short(detail))
        }
        _ => format!("Redis refuses to let this node {asked} ({code} {})", in_short(detail)),
    })
}

/// Some of its words, in one line.
fn in_short(detail: &str) -> String {
    let mut words: String = detail.replace(char::is_control, " ");
    if let Some((end, _)) = words.char_indices().nth(WORDS) {
        words.truncate(end);
        words.push('…');
    }
    words
}

/// How many characters of an answer are told.
const WORDS: usize = 100;

/// Whether an answer does not change by itself.
fn is_lasting(code: &str) -> bool {
    ["NOPERM", "NOAUTH", "WRONGPASS"].contains(&code)
}

/// What Redis has answered, by code: of a transaction what it refused of it.
fn answers(error: &RedisError) -> Vec<(String, String)> {
    let of = |code: &str, detail: Option<&str>| (code.to_owned(), detail.unwrap_or_default().to_owned());
    let parts = error.clone().into_server_errors().unwrap_or_default();
    match parts.is_empty() {
        true => error.code().map(|code| of(code, error.detail())).into_iter().collect(),
        false => parts.iter().map(|(_, part)| of(part.code(), part.details())).collect(),
    }
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

#[cfg(test)]
mod tests {
    use redis::make_extension_error;

    use super::*;

    fn told(asked: &str, code: &str, detail: &str) -> (String, bool) {
        let error = make_extension_error(code.to_owned(), Some(detail.to_owned()));
        let Trouble { told, lasting, .. } = Trouble::with(asked, &error);
        (told.to_string(), lasting)
    }

    #[test]
    fn whatever_redis_answers_is_told_in_its_words_and_what_lasts_is_known() {
        for (asked, code, detail, lasting) in [
            ("connect", "ERR", "max number of clients reached", false),
            ("SELECT", "ERR", "DB index is out of range", true),
            ("HELLO", "LOADING", "Redis is loading the dataset in memory", false),
            ("PUBLISH", "NOPERM", "this user has no permissions", true),
        ] {
            let (told, lasts) = told(asked, code, detail);
            assert!(told.contains(detail) && told.contains(code), "{told}");
            assert_eq!(lasts, lasting, "{told}");
        }
        let (long, _) = told("write or read", "MISCONF", &"ä".repeat(1_000));
        assert!(long.chars().count() < 200, "{long}");
        assert!(!told("connect", "ERR", "two\r\nlines").0.contains('\n'));
        let gone = RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        assert_eq!(Trouble::with("SELECT", &gone).told, LinkError::Away);
    }
}
