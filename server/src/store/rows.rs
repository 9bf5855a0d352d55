//! What the databases have in common: how values stand in their rows, and what comes first in every log.

use interline_core::drafts::first_entry;
use interline_core::entry::{Answer, ENTRY_FORMAT, EncodedEntry, Entry, Fact, Hash, Head};
use interline_core::id::{ClientId, DisplayName, ReviewId, User, UserId};
use interline_core::review::{Marks, Status};
use uuid::Uuid;

use super::{DraftsOf, NewReview, ReviewRow, ReviewSummary, SYSTEM, StoreError};

/// A head row as it is stored, for those who list or find reviews.
#[derive(sqlx::FromRow)]
pub(super) struct HeadColumns {
    id: Uuid,
    key: Option<String>,
    created_at: i64,
    version: i64,
    hash: Vec<u8>,
    title: String,
    status: String,
    comments: i64,
    body_hash: Vec<u8>,
    drafts_of: Option<Uuid>,
    owner: Option<String>,
}

impl HeadColumns {
    /// What it says.
    pub(super) fn row(self) -> Result<ReviewRow, StoreError> {
        let id = ReviewId(self.id);
        let head = Head { version: natural(self.version)?, hash: hash(&self.hash)? };
        let comments = u32::try_from(self.comments)
            .map_err(|_| StoreError::corrupt(id, format!("{} comments", self.comments)))?;
        let summary = ReviewSummary { title: self.title, status: self.status, comments };
        let drafts = match (self.drafts_of, self.owner) {
            (None, None) => None,
            (Some(of), Some(owner)) => {
                let owner = UserId::new(owner).map_err(|error| StoreError::corrupt(id, error))?;
                Some(DraftsOf { review: ReviewId(of), owner })
            }
            _ => return Err(StoreError::corrupt(id, "nobody's drafts, or drafts in nothing")),
        };
        Ok(ReviewRow { id, key: self.key, created_at: natural(self.created_at)?, head, summary, drafts })
    }

    /// Whether the same request created it.
    pub(super) fn was_created_by(&self, new: &NewReview) -> Result<bool, StoreError> {
        Ok(hash(&self.body_hash)? == new.body_hash)
    }
}

/// Where a log ends.
#[derive(sqlx::FromRow)]
pub(super) struct EndColumns {
    id: Uuid,
    version: i64,
    hash: Vec<u8>,
}

impl EndColumns {
    /// What it says, if that can be read.
    pub(super) fn head(self) -> Option<(ReviewId, Head)> {
        let head = Head { version: natural(self.version).ok()?, hash: hash(&self.hash).ok()? };
        Some((ReviewId(self.id), head))
    }
}

/// A new review as it is stored: the JSON of its code, its first entry, and its head row.
pub(super) struct FirstRows {
    pub(super) diff: String,
    pub(super) entry: EncodedEntry,
    pub(super) row: ReviewRow,
}

impl FirstRows {
    /// Large diffs take a while: not while a connection is held that others wait for.
    pub(super) fn of(new: &NewReview) -> Result<FirstRows, StoreError> {
        let corrupt = |error: &dyn std::fmt::Display| StoreError::corrupt(new.id, error);
        let diff = serde_json::to_string(&new.patch_set).map_err(|error| corrupt(&error))?;
        let entry = Entry {
            format: ENTRY_FORMAT,
            version: 1,
            author: UserId::new(SYSTEM).map_err(|error| corrupt(&error))?,
            client: ClientId(Uuid::nil()),
            seq: 0,
            at: new.at,
            facts: vec![
                Fact::ReviewCreated { title: new.title.clone(), status_policy: new.status_policy },
                Fact::PatchSetAdded { number: 1, moves: vec![] },
            ],
            verdicts: Vec::new(),
        };
        let entry = EncodedEntry::new(&entry, Hash::default());
        let status = Status::default().name().to_owned();
        let summary = ReviewSummary { title: new.title.clone(), status, comments: 0 };
        let head = Head { version: entry.version, hash: entry.hash };
        let key = new.key.clone();
        let row = ReviewRow { id: new.id, key, created_at: new.at, head, summary, drafts: None };
        Ok(FirstRows { diff, entry, row })
    }
}

/// A new log of private drafts as it is stored: its id, its first entry, and what lists never show.
pub(super) fn first_of_drafts(of: &DraftsOf) -> (ReviewId, EncodedEntry, ReviewSummary) {
    let (_, entry) = first_entry(of.review, &of.owner);
    let status = Status::default().name().to_owned();
    let summary = ReviewSummary { title: String::new(), status, comments: 0 };
    (of.review.drafts_of(&of.owner), entry, summary)
}

/// A client's last answer, by its columns.
pub(super) fn answer(
    review: ReviewId,
    client: ClientId,
    seq: i64,
    payload_hash: &[u8],
    result: &str,
) -> Result<Answer, StoreError> {
    let unreadable = |error| StoreError::corrupt(review, format!("the answer of client {client}: {error}"));
    let result = serde_json::from_str(result).map_err(unreadable)?;
    Ok(Answer { seq: natural(seq)?, payload: hash(payload_hash)?, result })
}

/// What a user has read and viewed, as it is stored.
pub(super) fn marks(review: ReviewId, json: &str) -> Result<Marks, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::corrupt(review, format!("marks: {error}")))
}

/// A user, by their columns.
pub(super) fn user(id: String, name: String) -> Result<User, StoreError> {
    let corrupt = |what: String| StoreError::Corrupt { review: None, what };
    let display_name =
        DisplayName::new(name).map_err(|error| corrupt(format!("the name of {id}: {error}")))?;
    let id = UserId::new(id).map_err(|error| corrupt(format!("a user id: {error}")))?;
    Ok(User { id, display_name })
}

/// The databases' integers are signed.
pub(super) fn integer(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value)
        .map_err(|_| StoreError::Corrupt { review: None, what: format!("{value} is too large") })
}

pub(super) fn natural(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value)
        .map_err(|_| StoreError::Corrupt { review: None, what: format!("{value} is negative") })
}

pub(super) fn hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    let wrong = |_| StoreError::Corrupt { review: None, what: format!("a hash of {} bytes", bytes.len()) };
    bytes.try_into().map(Hash).map_err(wrong)
}
