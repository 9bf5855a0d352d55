//! What things are called in Redis. Everything begins with the installation's prefix and what its store is told from
//! others by: nodes over a copy of a database have nothing to tell those over the original. What belongs to one review
//! has the review in braces, by which a cluster would keep it together.

use interline_core::id::ReviewId;
use uuid::Uuid;

use super::BadAddress;

/// The longest prefix.
const PREFIX_BYTES: usize = 64;

/// The names of one installation.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    /// Of nodes over a store, by its identity.
    pub(crate) fn new(prefix: &str, store: &str) -> Result<Keys, BadAddress> {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        match !prefix.is_empty() && prefix.len() <= PREFIX_BYTES && prefix.bytes().all(fine) {
            true => Ok(Keys { prefix: format!("{prefix}:{store}") }),
            false => Err(BadAddress(format!(
                "the prefix has to be 1 to {PREFIX_BYTES} letters, digits and any of -_.: long"
            ))),
        }
    }

    /// What the keys of a review's presence begin with.
    pub(crate) fn presence(&self, review: ReviewId) -> String {
        format!("{}:{{{review}}}:presence", self.prefix)
    }

    /// What the keys of session records begin with.
    pub(crate) fn sessions(&self) -> String {
        format!("{}:{{sessions}}", self.prefix)
    }

    /// The channel that nodes tell each other on what happens in a review.
    pub(crate) fn news(&self, review: ReviewId) -> String {
        format!("{}:{{{review}}}:news", self.prefix)
    }

    /// The channel on which every node hears which sessions are to be closed.
    pub(crate) fn closing(&self) -> String {
        format!("{}:closing", self.prefix)
    }

    /// A channel that nobody listens to, and keys that nobody reads: what may be done with them may be with others.
    pub(crate) fn tries(&self) -> String {
        format!("{}:{{tries}}", self.prefix)
    }

    /// The channel on which a node hears what others answer.
    pub(crate) fn answers(&self, node: Uuid) -> String {
        format!("{}:answers:{node}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_by_their_prefix_and_tagged_by_review() {
        let keys = Keys::new("ours", "7-1").unwrap();
        let review = ReviewId(uuid::Uuid::from_u128(7));
        for name in [keys.presence(review), keys.news(review)] {
            assert!(name.starts_with("ours:7-1:{") && name.contains(&format!("{{{review}}}")), "{name}");
        }
        assert!(keys.sessions().starts_with("ours:7-1:") && keys.closing().starts_with("ours:7-1:"));
        for bad in ["", "a{b}", "a b", "a*", &"a".repeat(65)] {
            assert!(Keys::new(bad, "7-1").is_err(), "{bad}");
        }
    }
}
