//! How a comment's text came to be, read from the log page by page; the room is only asked where the comment stands.

use interline_core::clock::Millis;
use interline_core::entry::{EncodedEntry, Entry, Fact};
use interline_core::id::{CommentId, ReviewId, UserId, Version};
use interline_core::review::{Comment, CommentHistory};
use interline_core::text::Text;
use interline_core::wire::ErrorCode;
use serde::Serialize;

use super::load::{PAGE, start};
use super::past::LOOKING_BACK;
use super::{Failure, RoomHandle};
use crate::store::{Store, StoreError};

/// The most edits of one answer.
const EDITS: usize = 1_000;
/// How large their entries may be together.
const BYTES: usize = 1 << 20;
/// How many entries are looked through for one answer.
const ENTRIES: u64 = 20_000;
/// How often it is begun again when the log was trimmed meanwhile.
const ATTEMPTS: usize = 3;

/// A comment of which the past is asked.
pub(crate) struct CommentPast<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) room: &'a RoomHandle,
    pub(crate) comment: CommentId,
    /// A version that the store has: nothing older counts as the newest.
    pub(crate) reaches: Version,
}

/// A comment as of a version.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CommentAt {
    pub(crate) review: ReviewId,
    pub(crate) comment: CommentId,
    pub(crate) version: Version,
    pub(crate) text: String,
    pub(crate) author: UserId,
    pub(crate) added: Version,
    /// The last change of the text; absent where that is not kept any more, or very long ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<Changed>,
}

/// A change of a text.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Changed {
    pub(crate) version: Version,
    pub(crate) at: Millis,
    pub(crate) by: UserId,
}

/// A text as of a version.
struct Base {
    at: Version,
    text: Text,
}

/// Lets other sessions of this thread have their turn while entries are searched and decoded.
#[derive(Default)]
struct Breath(usize);

impl Breath {
    /// How much is searched in between: some tenths of a millisecond.
    const BYTES: usize = 128 << 10;

    async fn take(&mut self, encoded: &EncodedEntry) {
        self.0 += encoded.payload.len();
        if self.0 > Breath::BYTES {
            self.0 = 0;
            tokio::task::yield_now().await;
        }
    }
}

impl CommentPast<'_> {
    /// What happened to its text behind a version, as much as one answer takes.
    pub(crate) async fn history(&self, after: Version) -> Result<CommentHistory, Failure> {
        let (comment, head) = self.standing().await?;
        let _one_of_a_few = LOOKING_BACK.acquire().await;
        let base = self.text_at(&comment, after.clamp(comment.added, head), true).await?;
        let mut history = CommentHistory {
            comment: comment.id,
            added: comment.added,
            author: comment.author,
            from: base.at,
            text: base.text.as_str().to_owned(),
            edits: Vec::new(),
            to: base.at,
            complete: false,
        };
        let (mut bytes, mut breath) = (0, Breath::default());
        let end = head.min(base.at.saturating_add(ENTRIES));
        while history.to < end {
            let page = match self.page(history.to, end).await {
                // The next request begins where the log does then.
                Err(StoreError::Trimmed { .. }) => {
                    let message = "the log was trimmed meanwhile, ask again";
                    return Err(Failure::new(ErrorCode::StoreFailed, message));
                }
                page => page?,
            };
            for encoded in page {
                breath.take(&encoded).await;
                let Some(entry) = self.about(&encoded)? else {
                    history.to = encoded.version;
                    continue;
                };
                bytes += encoded.payload.len();
                if history.edits.len() >= EDITS || (bytes > BYTES && !history.edits.is_empty()) {
                    return Ok(history);
                }
                history.push(&entry);
            }
        }
        history.complete = history.to >= head;
        Ok(history)
    }

    /// Its text as of a version, the newest if none is given.
    pub(crate) async fn at(&self, version: Option<Version>) -> Result<CommentAt, Failure> {
        let (comment, head) = self.standing().await?;
        let _one_of_a_few = LOOKING_BACK.acquire().await;
        let version = version.unwrap_or(head);
        if version > head {
            return Err(Failure::unknown_version(version, head));
        }
        if version < comment.added {
            let message = format!("at version {version} there was no comment {}", self.comment);
            return Err(Failure::new(ErrorCode::UnknownComment, message));
        }
        let text = match version == head {
            true => comment.text.clone(),
            false => self.text_at(&comment, version, false).await?.text,
        };
        let last = self.last_change(&comment, version).await?;
        Ok(CommentAt {
            review: self.room.id(),
            comment: comment.id,
            version,
            text: text.as_str().to_owned(),
            author: comment.author,
            added: comment.added,
            last,
        })
    }

    /// The comment as it is now, and where the log ends.
    async fn standing(&self) -> Result<(Comment, Version), Failure> {
        let (comment, head) = self.room.comment(self.comment, self.reaches).await?;
        let unknown = || {
            let message = format!("there is no comment {} in this review", self.comment);
            Failure::new(ErrorCode::UnknownComment, message)
        };
        Ok((comment.ok_or_else(unknown)?, head.version))
    }

    /// The text at a version, or where that is not kept and `or_later`, at the oldest that is.
    async fn text_at(&self, comment: &Comment, version: Version, or_later: bool) -> Result<Base, Failure> {
        let mut attempts = 0;
        loop {
            match self.try_text_at(comment, version, or_later).await {
                Err(StoreError::Trimmed { .. }) if or_later && attempts < ATTEMPTS => attempts += 1,
                Err(StoreError::Trimmed { oldest, .. }) => {
                    return Err(Failure::not_kept(version, oldest));
                }
                base => return Ok(base?),
            }
        }
    }

    async fn try_text_at(
        &self,
        comment: &Comment,
        version: Version,
        or_later: bool,
    ) -> Result<Base, StoreError> {
        let (review, id) = (self.room.id(), comment.id);
        let kept = self.store.kept_after(review).await?;
        let version = if or_later { version.max(kept) } else { version };
        let corrupt = |what: String| StoreError::corrupt(review, what);
        // Where it is asked from its beginning, that is nearer than any snapshot.
        let snapshot = match version > comment.added || comment.added <= kept {
            true => self.snapshot(version).await?,
            false => None,
        };
        let mut base = match snapshot {
            Some(base) => base,
            None => {
                let added = self.store.entries(review, comment.added - 1, 1).await?.into_iter().next();
                let added = added.ok_or_else(|| corrupt(format!("entry {} is gone", comment.added)))?;
                let begun =
                    CommentHistory::begun_by(&added.decode().map_err(|e| corrupt(e.to_string()))?, id);
                let begun =
                    begun.ok_or_else(|| corrupt(format!("entry {} does not add {id}", comment.added)))?;
                Base { at: begun.from, text: Text::new(begun.text.as_str()) }
            }
        };
        let mut breath = Breath::default();
        while base.at < version {
            for encoded in self.page(base.at, version).await? {
                breath.take(&encoded).await;
                base.at = encoded.version;
                for fact in self.about(&encoded)?.iter().flat_map(|entry| &entry.facts) {
                    if let Fact::TextEdited { comment, op, .. } = fact
                        && *comment == id
                    {
                        base.text
                            .apply(op)
                            .map_err(|error| corrupt(format!("entry {}: {error}", base.at)))?;
                    }
                }
            }
        }
        Ok(base)
    }

    /// The comment as the newest snapshot that is no newer than a version has it.
    async fn snapshot(&self, version: Version) -> Result<Option<Base>, StoreError> {
        let mut fold = start(self.store, self.room.id(), Some(version)).await?;
        let comment = fold.review.comments.remove(&self.comment);
        Ok(comment.map(|comment| Base { at: fold.head.version, text: comment.text }))
    }

    /// The last change of the text up to a version, looked for backwards.
    async fn last_change(&self, comment: &Comment, version: Version) -> Result<Option<Changed>, StoreError> {
        let kept = self.store.kept_after(self.room.id()).await?;
        let oldest = comment.added.max(kept).max(version.saturating_sub(ENTRIES));
        let (mut end, mut breath) = (version, Breath::default());
        while end > oldest {
            let from = end.saturating_sub(u64::from(PAGE)).max(oldest);
            let page = match self.page(from, end).await {
                Err(StoreError::Trimmed { .. }) => return Ok(None),
                page => page?,
            };
            for encoded in page.iter().rev() {
                breath.take(encoded).await;
                if let Some(entry) = self.about(encoded)?
                    && entry.facts.iter().any(|fact| self.is_edit(fact))
                {
                    return Ok(Some(Changed { version: entry.version, at: entry.at, by: entry.author }));
                }
            }
            end = from;
        }
        // Nobody has touched it since it was added.
        let added = Changed { version: comment.added, at: comment.created.at.ms, by: comment.author.clone() };
        Ok((oldest == comment.added).then_some(added))
    }

    /// Entries in (after, to], at most a page of them and never none.
    async fn page(&self, after: Version, to: Version) -> Result<Vec<EncodedEntry>, StoreError> {
        let count = u64::from(PAGE).min(to - after);
        let page = self.store.entries(self.room.id(), after, count as u32).await?;
        if page.is_empty() {
            return Err(StoreError::corrupt(self.room.id(), format!("its log ends early, at {after}")));
        }
        Ok(page)
    }

    /// Decodes an entry, if it speaks of the comment: ids are always written alike.
    fn about(&self, encoded: &EncodedEntry) -> Result<Option<Entry>, StoreError> {
        if !encoded.payload.contains(&self.comment.to_string()) {
            return Ok(None);
        }
        let entry = encoded.decode().map_err(|error| StoreError::corrupt(self.room.id(), error))?;
        Ok(Some(entry))
    }

    fn is_edit(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::TextEdited { comment, .. } if *comment == self.comment)
    }
}
