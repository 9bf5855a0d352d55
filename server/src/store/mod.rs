//! The store: every review's log, the answers that make resends harmless, patch sets, and people.
//!
//! [`Store`] is what the rest of the server knows of it. Nothing is locked across calls: an append carries
//! where it believes the log to end, and loses where it does not end there.

mod audit;
pub mod committer;
mod error;
mod fence;
mod fullness;
pub mod heads;
pub mod keeper;
mod postgres;
mod rows;
mod snapshot;
mod sqlite;
mod waiting;

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use interline_core::clock::Millis;
use interline_core::diff::PatchSet;
use interline_core::entry::{Answer, EncodedEntry, Hash, Head};
use interline_core::id::{ClientId, ReviewId, User, UserId, Version};
use interline_core::review::{Marks, StatusPolicy};
use interline_core::sync::Append;

pub(crate) use audit::{Audit, RawAnswer, RawEntry};
pub use error::{OpenError, StoreError};
use fullness::Fullness;
pub(crate) use postgres::PostgresAudit;
pub use postgres::{PostgresOptions, PostgresStore};
use snapshot::dispensable;
pub use snapshot::{SNAPSHOT_FORMAT, SnapshotState, StoredSnapshot, superfluous};
pub(crate) use sqlite::FILE as SQLITE_FILE;
pub(crate) use sqlite::SqliteAudit;
pub use sqlite::{SqliteOptions, SqliteStore};

/// The user that writes a log's first entry: nobody in particular, and no client's.
pub(crate) const SYSTEM: &str = "system";

/// What lists show of a review; kept up to date by every append.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReviewSummary {
    /// What it is called.
    pub title: String,
    /// Its status, by its word on the wire.
    pub status: String,
    /// How many comments it has, removed ones left out.
    pub comments: u32,
}

/// A review's head row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReviewRow {
    /// Which review.
    pub id: ReviewId,
    /// The name it was created with.
    pub key: Option<String>,
    /// When that was.
    pub created_at: Millis,
    /// Where its log ends.
    pub head: Head,
    /// What lists show of it.
    pub summary: ReviewSummary,
    /// Set if it is a log of private drafts.
    pub drafts: Option<DraftsOf>,
}

/// What a log of private drafts belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DraftsOf {
    /// The review that they are drafts in.
    pub review: ReviewId,
    /// Whose they are.
    pub owner: UserId,
}

/// A review to be created.
#[derive(Clone, Debug)]
pub struct NewReview {
    /// Its id.
    pub id: ReviewId,
    /// A name of the caller's, by which it can be found again.
    pub key: Option<String>,
    /// What it is called.
    pub title: String,
    /// What happens when two people move its status.
    pub status_policy: StatusPolicy,
    /// The code.
    pub patch_set: PatchSet,
    /// The hash of the request's body: the same again under the same key is the same review.
    pub body_hash: Hash,
    /// When.
    pub at: Millis,
}

/// What became of a request to create a review.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Creation {
    /// It exists now.
    Created(ReviewRow),
    /// The same request had created it before.
    Existing(ReviewRow),
    /// Another request had used the key.
    KeyInUse,
}

/// A patch set, without its code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatchSetRow {
    /// Counted from 1.
    pub number: u32,
    /// The name of the caller's that it was added with.
    pub key: Option<String>,
    /// The hash of the body of the request that added it; of the first, of the one that created the review.
    pub body_hash: Hash,
    /// How long its code is in JSON, in bytes.
    pub bytes: u64,
}

/// One review's part of a transaction.
#[derive(Clone, Debug)]
pub struct ReviewAppend {
    /// Which review.
    pub review: ReviewId,
    /// What comes behind which head.
    pub append: Append,
    /// What lists show afterwards.
    pub summary: ReviewSummary,
    /// Another review's part that happens with this one, or neither does. It has none of its own.
    pub linked: Option<Box<ReviewAppend>>,
}

impl ReviewAppend {
    /// This part, and the one that is linked to it.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &ReviewAppend> + Clone {
        std::iter::once(self).chain(self.linked.as_deref())
    }
}

/// What became of one review's part of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppendOutcome {
    /// It is durable.
    Appended,
    /// The log does not end where the appender believed, or one of the clients has moved on; nothing of it
    /// happened.
    Lost,
    /// The same of the linked review's log, whatever this one's: nothing of either happened.
    LinkedLost,
}

/// What holds the logs.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// For people: which kind it is, and where.
    fn describe(&self) -> String;

    /// What tells it from every other store, from copies of it as well, and is the same at all nodes that share it: a
    /// few letters, digits, `-` and `.`.
    fn identity(&self) -> String;

    /// Creates a review: its row, its first patch set and its first entry, in one transaction.
    async fn create_review(&self, new: NewReview) -> Result<Creation, StoreError>;

    /// Finds a review by its id, or else by its key. A log of private drafts is none.
    async fn find_review(&self, name: &str) -> Result<Option<ReviewRow>, StoreError>;

    /// Finds a log by its id: a review's, or one of private drafts. Whoever asks for others has to look whose it is.
    async fn find_log(&self, id: ReviewId) -> Result<Option<ReviewRow>, StoreError>;

    /// Where logs end. Those that are not there, or whose head row cannot be read, are left out.
    async fn heads(&self, logs: &[ReviewId]) -> Result<HashMap<ReviewId, Head>, StoreError>;

    /// Finds the log of a user's private drafts in a review that there is, and makes it if there is none yet.
    async fn open_drafts(&self, of: &DraftsOf) -> Result<ReviewRow, StoreError>;

    /// Reviews, newest first, behind one if it is given. Without logs of private drafts.
    async fn list_reviews(&self, after: Option<ReviewId>, limit: u32) -> Result<Vec<ReviewRow>, StoreError>;

    /// Entries behind a version, in order. Where the first of them was trimmed that is
    /// [`StoreError::Trimmed`], never a list that starts later.
    async fn entries(
        &self,
        review: ReviewId,
        after: Version,
        limit: u32,
    ) -> Result<Vec<EncodedEntry>, StoreError>;

    /// The version behind which every entry is there; 0 where nothing was trimmed.
    async fn kept_after(&self, review: ReviewId) -> Result<Version, StoreError>;

    /// Whether a review's log goes through a head, trimmed entries included. Every log goes through the empty
    /// log's head.
    async fn holds(&self, review: ReviewId, head: Head) -> Result<bool, StoreError>;

    /// Keeps what a review was at a head of its log, as [`SnapshotState`] encodes it. Of older snapshots those
    /// that are [`superfluous`] go. A head that the log does not go through is [`StoreError::Corrupt`].
    async fn put_snapshot(&self, review: ReviewId, head: Head, state: &str) -> Result<(), StoreError>;

    /// The newest snapshot, or the newest that is no newer than a version. One that cannot be read is reported and
    /// passed over for the one before it; it is [`StoreError::Corrupt`] only where none of them can be.
    async fn newest_snapshot(
        &self,
        review: ReviewId,
        at_most: Option<Version>,
    ) -> Result<Option<StoredSnapshot>, StoreError>;

    /// Lets go of what no reader can need who is content with the entries behind `up_to`: of the payloads up to
    /// the newest snapshot that is no newer than `up_to`, and of the snapshots before that one. So what is kept
    /// begins with a snapshot, and where there is none nothing is trimmed. Versions, hashes and digests of
    /// payloads stay. Takes several transactions, so that appends get their turn between them. Payloads that
    /// do not fit the chain are not touched: that is [`StoreError::Corrupt`].
    ///
    /// Returns what [`Store::kept_after`] does afterwards.
    async fn trim(&self, review: ReviewId, up_to: Version) -> Result<Version, StoreError>;

    /// The last answers that clients got in a review, of those that got one, as of one moment.
    async fn last_answers(
        &self,
        review: ReviewId,
        clients: &[ClientId],
    ) -> Result<HashMap<ClientId, Answer>, StoreError>;

    /// The last answer that a client got in a review.
    async fn last_answer(&self, review: ReviewId, client: ClientId) -> Result<Option<Answer>, StoreError> {
        Ok(self.last_answers(review, &[client]).await?.remove(&client))
    }

    /// A patch set, in JSON.
    async fn patch_set(&self, review: ReviewId, number: u32) -> Result<Option<String>, StoreError>;

    /// Where the lines of the patch set before `number` are in it, in JSON; the first has none.
    async fn line_map(&self, review: ReviewId, number: u32) -> Result<Option<String>, StoreError>;

    /// Every patch set of a review, in order.
    async fn patch_sets(&self, review: ReviewId) -> Result<Vec<PatchSetRow>, StoreError>;

    /// Takes in what a user has read and viewed, by [`Marks::merge`], and returns all of it once that is durable.
    /// Nothing of it is anybody else's business.
    async fn merge_marks(&self, review: ReviewId, user: &UserId, more: &Marks) -> Result<Marks, StoreError>;

    /// Says whether a client belongs to a user; the first to ask owns it.
    async fn claim_client(&self, client: ClientId, user: &UserId) -> Result<bool, StoreError>;

    /// Remembers a user's name.
    async fn put_user(&self, user: &User) -> Result<(), StoreError>;

    /// The names of those users that are known.
    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError>;

    /// Appends to several reviews in one transaction. Each part stands or falls by itself, as a whole: it is
    /// lost where the log does not end at its expected head, and where a record's seq is not the one behind the
    /// last that was answered to its client, 1 at first. So no batch can be answered twice, whoever appends.
    /// What a record has of a patch set is stored with it.
    /// An error means that none of them happened, except for [`StoreError::UnknownOutcome`].
    async fn append(&self, appends: &[ReviewAppend]) -> Result<Vec<AppendOutcome>, StoreError>;

    /// The same, waiting for nobody: where somebody else has a part's review locked, or the one that is linked to it,
    /// that part is `None`, and nothing of it happened. Where one waits for locks it has to be done by
    /// [`Store::append_within`].
    async fn try_append(&self, appends: &[ReviewAppend]) -> Result<Vec<Option<AppendOutcome>>, StoreError> {
        Ok(self.append(appends).await?.into_iter().map(Some).collect())
    }

    /// Appends to one review, waiting so long for whoever has locked it, or the one that is linked to it; nothing where
    /// that was not enough, and then nothing of it happened.
    async fn append_within(
        &self,
        append: &ReviewAppend,
        _wait: Duration,
    ) -> Result<Option<AppendOutcome>, StoreError> {
        Ok(self.append(std::slice::from_ref(append)).await?.into_iter().next())
    }

    /// How long to wait before appending to a review again, so that other nodes get their turn that have lost races
    /// for it.
    fn courtesy(&self, _review: ReviewId) -> Duration {
        Duration::ZERO
    }

    /// Whether a log may lose its end under a running node, as by a failover to a standby that lagged behind: then
    /// rooms look now and then, also where nobody else appends to their logs.
    fn may_lose_its_end(&self) -> bool {
        false
    }

    /// Whether it can be read, and written as far as is known: where there was no room a moment ago it is
    /// [`StoreError::Full`].
    async fn ping(&self) -> Result<(), StoreError>;

    /// Finishes what is under way and closes it.
    async fn close(&self);
}
