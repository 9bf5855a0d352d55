//! Private drafts: comments that nobody else sees, until some or all of them are published in one step.
//!
//! They are a log of their own per review and user, with a replica and a slot like any review's. What belongs to both
//! meets here: publishing takes what the review shows, and edits that came too late for a publication go on in it.

use interline_core::change::{Change, PublishedDecision};
use interline_core::clock::{Millis, Stamp};
use interline_core::id::{CommentId, Version};
use interline_core::review::{self, Anchor, Place, Side, Status};
use interline_core::sync::{EditError as InvalidEdit, Rejected, Unsynced};
use interline_core::wire::ErrorCode;
use tokio::sync::oneshot;

use crate::comment::{Comment, CommentData, data_in};
use crate::error::{Coded, EditError, OpenError, Problem, SyncError};
use crate::event::{Event, Events};
use crate::place::{CommentPlace, drafted_at};
use crate::platform::{MaybeSend, MaybeSync};
use crate::review::{Observer, Review};
use crate::shared::Command;

/// This user's private drafts in a review. Nobody else sees that there are any; all their devices share them.
///
/// A handle: it keeps the review open as well. Drafts are written, saved and sent as comments are, offline too; the
/// handle of one is a [`Comment`]. The review's [`unsynced`](Review::unsynced) counts what is done to them, and its
/// [`synced`](Review::synced) waits for it.
#[derive(Clone)]
pub struct Drafts {
    of: Review,
    log: Review,
}

/// A draft as it is shown to its author.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Draft {
    /// The id of the comment that it becomes.
    pub id: CommentId,
    /// The thread that it answers; `None` where it starts one.
    pub thread: Option<CommentId>,
    /// Where it is to go; of one that answers a thread, where that is, if it is known here. One that was written on an
    /// older patch set counts as outdated: where its lines are now, the server says when it is published.
    pub place: Option<CommentPlace>,
    /// Its text.
    pub text: String,
    /// When it was written.
    pub created_at: Millis,
    /// Whether something of it is not durable on the server.
    pub pending: bool,
    /// It is on its way to everybody, and takes no more edits.
    pub publishing: bool,
}

/// Where a draft goes: on lines of the diff, or in a thread.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DraftPlace(Place);

impl From<Anchor> for DraftPlace {
    fn from(anchor: Anchor) -> DraftPlace {
        DraftPlace(Place::Line(anchor))
    }
}

impl From<CommentId> for DraftPlace {
    fn from(thread: CommentId) -> DraftPlace {
        DraftPlace(Place::Reply(thread))
    }
}

impl Review {
    /// This user's private drafts in it.
    ///
    /// With a connection this waits for what the server has of them, if there is no copy here. Without one, it does not
    /// wait: drafts can be written at once, and come together with what other devices wrote once there is one.
    pub async fn drafts(&self) -> Result<Drafts, OpenError> {
        let (shared, of) = (self.shared(), self.id());
        if self.slot().drafts_of().is_some() {
            let (code, message) = (ErrorCode::UnknownReview.code(), "there are no drafts in drafts".into());
            return Err(OpenError::Server(Problem { code, message, retryable: false }));
        }
        let log = match shared.find(&self.slot().beside.to_string()) {
            Some(slot) => slot,
            None => {
                let (reply, answer) = oneshot::channel();
                shared.command(Command::OpenDrafts { of, reply })?;
                answer.await.unwrap_or(Err(OpenError::Closed))?
            }
        };
        Ok(Drafts { of: self.clone(), log: self.and(log) })
    }
}

impl Drafts {
    /// The review that they are drafts in.
    pub fn review(&self) -> &Review {
        &self.of
    }

    /// Writes one: on lines of the diff, by an [`Anchor`], or in answer to a thread, by its id.
    pub fn add(&self, place: impl Into<DraftPlace>, text: &str) -> Result<Comment, EditError> {
        let place = match place.into().0 {
            // Published it is an answer to the thread, not to one of the comments in it.
            Place::Reply(to) => Place::Reply(self.of.get(to).and_then(|found| found.root()).unwrap_or(to)),
            line => line,
        };
        self.log.add(place, text)
    }

    /// The handle of one.
    pub fn get(&self, draft: CommentId) -> Result<Comment, EditError> {
        self.log.get(draft)
    }

    /// All that are neither published nor removed: by file, line and age; answers to threads behind them.
    pub fn list(&self) -> Vec<Draft> {
        let mut shown = self.log.slot().read(|inner| {
            let replica = &inner.replica;
            let drafts = replica.list_drafts().into_iter().chain(replica.publishing());
            drafts.map(|draft| (replica.is_pending(draft.id), draft)).collect::<Vec<_>>()
        });
        shown.sort_by_cached_key(|(_, draft)| order(draft));
        let place = |of: &Place| match of {
            Place::Line(anchor) => Some(drafted_at(anchor, self.of.patch_set())),
            Place::Reply(root) => self.of.place(*root).or_else(|| {
                // Of a thread that is to begin with a draft.
                let first = shown.iter().find(|(_, draft)| draft.id == *root);
                first
                    .and_then(|(_, draft)| line_of(&draft.place))
                    .map(|at| drafted_at(at, self.of.patch_set()))
            }),
        };
        let told = |(pending, draft): &(bool, review::Comment)| Draft {
            id: draft.id,
            thread: match draft.place {
                Place::Reply(root) => Some(root),
                Place::Line(_) => None,
            },
            place: place(&draft.place),
            text: draft.text.as_str().to_owned(),
            created_at: draft.created.at.ms,
            pending: *pending,
            publishing: draft.published.is_some(),
        };
        shown.iter().map(told).collect()
    }

    /// Publishes some of them, and a decision with its note if there is one: everybody sees all of it at once. Where the
    /// server refuses it, nothing of it has happened, and it is in [`rejected`](Drafts::rejected). Waits behind what was
    /// done to the drafts before; without a connection it happens with the next.
    pub fn publish(
        &self,
        drafts: &[CommentId],
        decision: Option<(Status, Option<&str>)>,
    ) -> Result<(), EditError> {
        self.publish_as_of(drafts, decision, None)
    }

    /// [`publish`](Drafts::publish) with a decision of the patch set that its author looked at, as
    /// [`Review::decide_on`].
    pub fn publish_on(
        &self,
        patch_set: u32,
        drafts: &[CommentId],
        decision: Option<(Status, Option<&str>)>,
    ) -> Result<(), EditError> {
        self.publish_as_of(drafts, decision, Some(patch_set))
    }

    fn publish_as_of(
        &self,
        drafts: &[CommentId],
        decision: Option<(Status, Option<&str>)>,
        patch_set: Option<u32>,
    ) -> Result<(), EditError> {
        let decision = decision.map(|(status, note)| (status, note.map(str::to_owned), patch_set));
        let (decision, seen) = self.decided(decision)?;
        let drafts = drafts.to_vec();
        self.log.slot().edit(|replica, now| replica.publish_drafts(now, drafts, decision, seen))?;
        self.log.wake();
        Ok(())
    }

    /// A decision as of what the review shows, and the version that it shows.
    fn decided(
        &self,
        decision: Option<(Status, Option<String>, Option<u32>)>,
    ) -> Result<(Option<PublishedDecision>, Option<Version>), InvalidEdit> {
        self.of.slot().read(|inner| {
            let decision = decision
                .map(|(status, note, patch_set)| inner.replica.decision(status, note, patch_set))
                .transpose()?;
            Ok((decision, inner.replica.head().map(|head| head.version)))
        })
    }

    /// Publishes all that there are now, and a decision of the newest code that is here.
    pub fn publish_all(&self, decision: Option<(Status, Option<&str>)>) -> Result<(), EditError> {
        let all = self.list().into_iter().filter(|draft| !draft.publishing);
        self.publish(&all.map(|draft| draft.id).collect::<Vec<_>>(), decision)
    }

    /// What happens to them from now on, here and on other devices: the events of comments, and
    /// [`Event::DraftsPublished`].
    pub fn events(&self) -> Events {
        self.log.events()
    }

    /// Calls `tell` with every event, on the spot, as [`Review::observe`] does.
    pub fn observe(&self, tell: impl Fn(&Event) + MaybeSend + MaybeSync + 'static) -> Observer {
        self.log.observe(tell)
    }

    /// Whether they are open at the server and caught up.
    pub fn is_online(&self) -> bool {
        self.log.is_online()
    }

    /// How much of what was done to them is not durable on the server.
    pub fn unsynced(&self) -> Unsynced {
        self.log.unsynced()
    }

    /// Waits until everything done to them so far is settled by the server, as [`Review::synced`] does.
    pub async fn synced(&self) -> Result<(), SyncError> {
        self.log.synced().await
    }

    /// What of them is not on the server as it was meant, as [`Review::rejected`]. An edit of a draft that another
    /// device had published goes on in the published comment by itself, and is here only where that is not possible.
    pub fn rejected(&self) -> Vec<Rejected> {
        let mut rejected = self.log.rejected();
        rejected.retain(|record| !record.is_late());
        rejected
    }

    /// Makes something refused once more, and forgets the record: a publication with those drafts that still are, and its
    /// decision as of what the review shows by now, but of the patch set that its author looked at.
    pub fn retry_rejected(&self, id: u64) -> Result<(), EditError> {
        let record = self.log.rejected().into_iter().find(|record| record.id == id);
        let publication =
            record.into_iter().flat_map(|record| record.changes).find_map(|change| match change {
                Change::DraftsPublished { decision, .. } => Some(decision),
                _ => None,
            });
        match publication {
            None => self.log.retry_rejected(id)?,
            Some(decision) => {
                let said = decision.map(|decision| {
                    let value = Status::from_value(&decision.status.value).ok_or(InvalidEdit::BadValue)?;
                    // Unless the server has lost that.
                    let on = decision.status.patch_set.map(|number| number.min(self.of.patch_set()));
                    Ok::<_, InvalidEdit>((value, decision.note, on))
                });
                let (decision, seen) = self.decided(said.transpose()?)?;
                self.log.slot().edit(|replica, now| replica.retry_publication(now, id, decision, seen))?;
            }
        }
        self.log.wake();
        Ok(())
    }

    /// Forgets one refused change, or with `None` all of them; says whether there was any.
    pub fn discard_rejected(&self, id: Option<u64>) -> bool {
        self.log.discard_rejected(id)
    }

    /// What was rejected, as JSON: as [`Review::export_rejected`].
    pub fn export_rejected(&self) -> String {
        self.log.export_rejected()
    }

    /// The log that they are in, as a review whose comments they are. It has no title, decision or presence of its own.
    pub fn log(&self) -> &Review {
        &self.log
    }
}

impl Review {
    /// A draft that answers a thread of the review, as it is shown.
    pub(crate) fn answer_data(&self, draft: &review::Comment, pending: bool) -> Option<CommentData> {
        let (of, Place::Reply(root)) = (self.slot().drafts_of()?, &draft.place) else { return None };
        let slot = self.shared().entered(&of.to_string())?;
        let data = slot.read(|inner| data_in(&inner.replica, draft, &inner.replica.comment(*root)?))?;
        Some(CommentData { pending, ..data })
    }
}

fn line_of(place: &Place) -> Option<&Anchor> {
    match place {
        Place::Line(anchor) => Some(anchor),
        Place::Reply(_) => None,
    }
}

/// By file, line, side and age; answers to threads last.
fn order(draft: &review::Comment) -> (bool, Option<(String, u32, Side)>, Stamp, CommentId) {
    let line = line_of(&draft.place).map(|at| (at.file.clone(), at.line, at.side));
    (line.is_none(), line, draft.created, draft.id)
}
