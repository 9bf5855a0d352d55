//! What a snapshot is, and how many are kept.

use std::collections::BTreeSet;

use interline_core::entry::{EncodedEntry, Hash, Head};
use interline_core::id::{ReviewId, UserId, Version};
use interline_core::review::Review;
use serde::{Deserialize, Serialize};

use super::StoreError;

/// The format of snapshots that this software writes. It reads every one up to this.
pub const SNAPSHOT_FORMAT: u32 = 2;

/// A review as of a version, and everybody who has an entry up to there.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotState {
    /// [`SNAPSHOT_FORMAT`] of the software that wrote it.
    pub format: u32,
    /// The fold of the log.
    pub review: Review,
    /// Whose entries those were.
    pub authors: BTreeSet<UserId>,
}

/// A snapshot as it is stored.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredSnapshot {
    /// Where in the log it was taken.
    pub head: Head,
    /// The state in JSON.
    pub state: String,
    /// The digest that was written beside the state.
    pub state_hash: Hash,
}

impl StoredSnapshot {
    /// Reads the state, which must be what was written, of this review and this version; or says what is wrong.
    pub fn read(&self, review: ReviewId) -> Result<SnapshotState, String> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        if Hash::of(self.state.as_bytes()) != self.state_hash {
            return Err("it is not what was written".to_owned());
        }
        let unreadable = |error: serde_json::Error| format!("it cannot be read: {error}");
        let Format { format } = serde_json::from_str(&self.state).map_err(unreadable)?;
        if format > SNAPSHOT_FORMAT {
            return Err(format!("its format {format} is newer than this software"));
        }
        let state: SnapshotState = serde_json::from_str(&self.state).map_err(unreadable)?;
        if state.review.id != review {
            return Err(format!("it is of review {}", state.review.id));
        }
        if state.review.version != self.head.version {
            return Err(format!("it is of version {}", state.review.version));
        }
        Ok(state)
    }
}

/// Which of a review's snapshots go, given all their versions in ascending order and up to where its log is trimmed:
/// those before that, onto which nothing can be folded, and of the others those that are [`superfluous`]. A node that
/// is slow may take one that late, and the first that is kept has to be one that can be used.
pub(super) fn dispensable(versions: &[Version], trimmed_to: Version) -> Vec<Version> {
    let kept = versions.partition_point(|version| *version < trimmed_to);
    let mut gone = versions[..kept].to_vec();
    gone.extend(superfluous(&versions[kept..]));
    gone
}

/// Which of a review's snapshots need not be kept, given all their versions in ascending order: the older one
/// is, the further its neighbours may be apart. So their number grows with the logarithm of the log's length,
/// and wherever the log is to be trimmed a snapshot is not far.
pub fn superfluous(versions: &[Version]) -> Vec<Version> {
    let Some((&newest, older)) = versions.split_last() else { return Vec::new() };
    let mut drop = Vec::new();
    let mut kept: Option<Version> = None;
    for (at, &version) in older.iter().enumerate() {
        let next = versions[at + 1];
        match kept {
            // Without it, as much would lie between its neighbours as half of what has come since.
            Some(before) if next - before <= (newest - next) / 2 => drop.push(version),
            _ => kept = Some(version),
        }
    }
    drop
}

/// Holds entries that are about to be trimmed against the chain, from where it stood before them, and says where it
/// stands behind the last of them. What does not fit is not let go of.
pub(super) fn check_chain(
    review: ReviewId,
    from: (Version, Hash),
    page: &[EncodedEntry],
) -> Result<(Version, Hash), StoreError> {
    let (mut at, mut link) = from;
    for entry in page {
        if entry.version != at + 1 || link.chain(entry.payload.as_bytes()) != entry.hash {
            let what = format!("the chain of hashes breaks at entry {}, so it is not trimmed", at + 1);
            return Err(StoreError::corrupt(review, what));
        }
        (at, link) = (entry.version, entry.hash);
    }
    if page.is_empty() {
        return Err(StoreError::corrupt(review, format!("its log ends early, at {at}")));
    }
    Ok((at, link))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn only_what_was_written_of_this_review_and_version_is_read() {
        let id = ReviewId(Uuid::from_u128(1));
        let review = Review { version: 3, ..Review::new(id) };
        let state = SnapshotState { format: SNAPSHOT_FORMAT, review, authors: BTreeSet::new() };
        let head = Head { version: 3, hash: Hash::of(b"link") };
        let stored = |state: &SnapshotState| {
            let state = serde_json::to_string(state).unwrap();
            StoredSnapshot { head, state_hash: Hash::of(state.as_bytes()), state }
        };
        let good = stored(&state);
        assert_eq!(good.read(id), Ok(state.clone()));
        assert!(good.read(ReviewId(Uuid::nil())).unwrap_err().contains("of review"));
        let elsewhere = StoredSnapshot { head: Head { version: 4, ..head }, ..good.clone() };
        assert!(elsewhere.read(id).unwrap_err().contains("of version 3"));
        let flipped =
            StoredSnapshot { state: good.state.replace("\"patch_set\":0", "\"patch_set\":1"), ..good };
        assert!(flipped.read(id).unwrap_err().contains("not what was written"));
        let newer = stored(&SnapshotState { format: SNAPSHOT_FORMAT + 1, ..state });
        assert!(newer.read(id).unwrap_err().contains("newer than this software"));
    }

    #[test]
    fn none_is_kept_from_before_the_start_of_the_log() {
        // Beside the one at 500, which came late, the first that can be used would seem superfluous.
        assert_eq!(superfluous(&[500, 600, 700, 9_000]), [600]);
        assert_eq!(dispensable(&[500, 600, 700, 9_000], 600), [500]);
        assert_eq!(dispensable(&[500, 600], 700), [500, 600]);
        assert_eq!(dispensable(&[500, 600, 700, 9_000], 0), [600]);
    }

    #[test]
    fn few_snapshots_are_kept_and_one_is_never_far() {
        let mut kept: Vec<Version> = Vec::new();
        for version in (1..=1_000).map(|n| n * 1_000) {
            kept.push(version);
            let drop = superfluous(&kept);
            kept.retain(|version| !drop.contains(version));
            assert!(kept.len() <= 40, "{kept:?}");
            assert_eq!((kept[0], kept.last()), (1_000, Some(&version)));
            for pair in kept.windows(2) {
                let age = version - pair[1];
                assert!(pair[1] - pair[0] <= (age / 2).max(1_000), "{kept:?}");
            }
        }
        assert!(superfluous(&[]).is_empty() && superfluous(&[5]).is_empty());
    }
}
