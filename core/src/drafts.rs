//! Private drafts: a log of its own per review and user, whose first entry follows from those two. So a client that has
//! never heard of the log can begin it, and what was written there while it was offline fits what the server has.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid, Version as UuidVersion};

use crate::entry::{EncodedEntry, Entry, Fact, Hash};
use crate::id::{ClientId, ReviewId, UserId};

/// Goes into every id, so that they are nobody else's digests.
const DOMAIN: &[u8] = b"interline drafts";
/// Who writes the first entry: nobody in particular.
const AUTHOR: &str = "system";
/// The format of the first entry. It stays, whatever [`ENTRY_FORMAT`](crate::entry::ENTRY_FORMAT) becomes: both sides
/// make the same bytes.
const FORMAT: u32 = 2;

impl ReviewId {
    /// The log of a user's private drafts in this review: SHA-256 over `interline drafts`, the 16 bytes of this id and
    /// the user's id, cut to 16 bytes, as a UUID of version 8.
    pub fn drafts_of(self, user: &UserId) -> ReviewId {
        let mut digest = Sha256::new();
        digest.update(DOMAIN);
        digest.update(self.0.as_bytes());
        digest.update(user.as_str().as_bytes());
        let digest: [u8; 32] = digest.finalize().into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        ReviewId(Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The client under which a log of drafts publishes.
    pub fn publisher(self) -> ClientId {
        ClientId(self.0)
    }
}

impl ClientId {
    /// Whether the id is of the kind that logs of drafts publish under: no replica may have such a one.
    pub fn is_reserved(self) -> bool {
        self.0.get_version() == Some(UuidVersion::Custom)
    }
}

/// The first entry of the log of a user's drafts in a review.
pub fn first_entry(of: ReviewId, owner: &UserId) -> (Entry, EncodedEntry) {
    let entry = Entry {
        format: FORMAT,
        version: 1,
        author: UserId::new(AUTHOR).unwrap_or_else(|_| owner.clone()),
        client: ClientId(Uuid::nil()),
        seq: 0,
        at: 0,
        facts: vec![Fact::DraftsOpened { review: of, owner: owner.clone() }],
        verdicts: Vec::new(),
    };
    let encoded = EncodedEntry::new(&entry, Hash::default());
    (entry, encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_make_the_same_log() {
        let review = ReviewId(Uuid::from_u128(1));
        let ann = UserId::new("ann").unwrap();
        let drafts = review.drafts_of(&ann);
        // What clients have saved under it must be found again by every later release.
        assert_eq!(drafts.to_string(), "43061787-6ee6-8d2e-92f2-3fbc35b809a7");
        assert!(drafts.publisher().is_reserved() && !ClientId(review.0).is_reserved());
        assert_ne!(drafts, review.drafts_of(&UserId::new("anna").unwrap()));
        let (_, encoded) = first_entry(review, &ann);
        let payload = concat!(
            r#"{"format":2,"version":1,"author":"system","client":"00000000-0000-0000-0000-000000000000","#,
            r#""seq":0,"at":0,"facts":[{"drafts_opened":{"review":"00000000-0000-0000-0000-000000000001","#,
            r#""owner":"ann"}}]}"#
        );
        assert_eq!(&*encoded.payload, payload);
    }
}
