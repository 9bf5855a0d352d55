//! Rooms: one task per loaded review, which owns everything about it.
//!
//! A room takes [`Input`]s from a bounded mailbox one at a time and carries out what the sequencer in core
//! says. It never waits: an append or a read of the store runs beside the mailbox and comes back as an event,
//! and a subscriber whose outbox is full is cut off.

mod bells;
mod comment_past;
mod elsewhere;
mod guests;
mod join;
mod load;
mod look;
mod marks;
mod members;
mod opened;
mod past;
mod patch_sets;
mod place;
mod publish;
mod registry;
mod ring;
mod settle;
mod shot;
mod submit;
mod task;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use bytestring::ByteString;
use interline_core::diff::PatchSet;
use interline_core::entry::Head;
use interline_core::id::{ClientId, ReviewId, Seq, SessionId, User, UserId, Version};
use interline_core::presence::{Presence, PresenceUpdate};
use interline_core::review::{Marks, Review};
use interline_core::sync::{NewPatchSet, PatchSetOutcome, Submission};
use interline_core::wire::{ErrorCode, ErrorFrame, ServerFrame, encode};
use tokio::sync::{mpsc, oneshot};

pub(crate) use bells::Bells;
pub(crate) use comment_past::CommentPast;
use look::Look;
pub(crate) use opened::OpenedFrame;
pub(crate) use past::review_at;
use publish::Publish;
pub(crate) use registry::{RoomContext, Rooms};
pub(crate) use shot::Shot;
pub(crate) use submit::refused;

use crate::session::Outbox;

/// How many inputs wait for a room.
const MAILBOX: usize = 256;
/// How many entries a client gets at a time that is not nearly there. Who lacks no more gets them as they are.
pub(crate) const PIECE: usize = 256;

/// Everything that can be asked of a room.
#[derive(Debug)]
pub(crate) enum Input {
    /// A session wants to take part.
    Join(Box<Join>),
    /// A session takes no part any longer.
    Leave(SessionId),
    /// A session hands in a batch.
    Submit(Box<Submit>),
    /// A session tells where its user is.
    Presence(SessionId, Box<PresenceUpdate>),
    /// Somebody wants to look, at no less than this version.
    Look(Version, Look),
    /// Somebody adds a patch set.
    PatchSet(Box<NewPatchSet>, oneshot::Sender<Result<PatchSetOutcome, Failure>>),
    /// A user's private drafts are published.
    Publish(Box<Publish>),
    /// What a user has read and viewed, as it is stored by now, because a session of theirs asked under a number.
    Marks(Box<(UserId, Marks, (SessionId, u64))>),
    /// The server stops: finish what is under way, then end.
    Stop,
}

/// A session on its way in.
#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) session: SessionId,
    pub(crate) client: ClientId,
    pub(crate) user: User,
    /// The name that the client opened the review by.
    pub(crate) requested: String,
    /// What the client has; nothing if absent.
    pub(crate) have: Option<Head>,
    /// Set once the client was sent `opened`: the sessions it was told of.
    pub(crate) told: Option<Vec<SessionId>>,
    /// A seq of the client's that has to have its final answer first. Only where it has nothing.
    pub(crate) settle: Option<Seq>,
    /// For `opened`.
    pub(crate) held: Option<Version>,
    pub(crate) outbox: Outbox,
    pub(crate) reply: oneshot::Sender<Joining>,
}

/// What becomes of a [`Join`].
#[derive(Debug)]
pub(crate) enum Joining {
    /// The session is in: it has been sent, and will be sent, every entry behind what it had.
    Joined,
    /// The client is too far behind to be caught up in one go: send it these and join again.
    Behind(Behind),
    /// It cannot be.
    Failed(Failure),
}

/// What a client that is far behind gets before it can join.
#[derive(Debug)]
pub(crate) struct Behind {
    /// Where the log ends.
    pub(crate) head: Head,
    /// What `opened` is made of, for a client that was not sent it yet.
    pub(crate) scene: Option<Scene>,
    /// The next entries; none where they are so old that they have to come from the store.
    pub(crate) entries: Vec<(Head, ByteString)>,
}

/// A room as `opened` tells of it.
#[derive(Debug)]
pub(crate) struct Scene {
    /// The review at the log's end, for a client that lacks more than [`PIECE`] entries.
    pub(crate) whole: Option<Arc<Shot>>,
    pub(crate) users: Vec<User>,
    /// Everybody else who is here.
    pub(crate) presence: Vec<Presence>,
}

/// A batch on its way in.
#[derive(Debug)]
pub(crate) struct Submit {
    pub(crate) session: SessionId,
    pub(crate) submission: Submission,
    /// Why its bytes are no batch of this protocol, if they are not: `submission` then has the seq and the hash alone.
    pub(crate) unreadable: Option<String>,
    /// For the refusal, where the session is not in the room.
    pub(crate) outbox: Outbox,
}

/// A review as far as it is durable.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) review: Arc<Review>,
    pub(crate) head: Head,
    pub(crate) users: Vec<User>,
}

/// The newest code, as far as it is durable.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) number: u32,
    pub(crate) code: Arc<PatchSet>,
}

/// Why a room cannot do something.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into() }
    }

    /// The room ended under the request.
    pub(crate) fn ended() -> Failure {
        Failure::new(ErrorCode::Internal, "the review is being reloaded, open it again")
    }

    /// As an `error` frame that answers a `history`.
    pub(crate) fn history_frame(&self, review: ReviewId, nonce: u64) -> ByteString {
        let error = ErrorFrame::new(self.code, self.message.clone());
        encode(&ServerFrame::Error(ErrorFrame { review: Some(review), nonce: Some(nonce), ..error })).into()
    }

    /// As an `error` frame about a review.
    pub(crate) fn frame(&self, review: Option<ReviewId>, requested: Option<String>) -> ByteString {
        let error = ErrorFrame { review, requested, ..ErrorFrame::new(self.code, self.message.clone()) };
        encode(&ServerFrame::Error(error)).into()
    }
}

impl From<crate::store::StoreError> for Failure {
    fn from(error: crate::store::StoreError) -> Failure {
        Failure::new(error.code(), error.to_string())
    }
}

/// The way to a room. Whoever holds one keeps the room loaded.
#[derive(Clone, Debug)]
pub(crate) struct RoomHandle {
    id: ReviewId,
    mailbox: mpsc::Sender<Input>,
    /// Why the review could not be loaded: whoever comes when the mailbox is closed already hears it, too.
    unloadable: Arc<OnceLock<Failure>>,
}

impl RoomHandle {
    pub(crate) fn id(&self) -> ReviewId {
        self.id
    }

    /// A room that has ended, where there is none and none is to be had.
    fn none(id: ReviewId) -> RoomHandle {
        RoomHandle { id, mailbox: mpsc::channel(1).0, unloadable: Arc::default() }
    }

    /// Whether it is that of a log of private drafts.
    pub(crate) fn is_private(&self) -> bool {
        self.id.publisher().is_reserved()
    }

    /// Why it answers nothing.
    fn why(&self) -> Failure {
        self.unloadable.get().cloned().unwrap_or_else(Failure::ended)
    }

    /// Whether the room has ended; a new one is to be had from [`Rooms`].
    pub(crate) fn ended(&self) -> bool {
        self.mailbox.is_closed()
    }

    /// Hands in a batch, unless the mailbox is full.
    pub(crate) fn submit(&self, submit: Submit) -> Result<(), ErrorCode> {
        self.mailbox.try_send(Input::Submit(Box::new(submit))).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => ErrorCode::Overloaded,
            mpsc::error::TrySendError::Closed(_) => ErrorCode::NotOpen,
        })
    }

    /// Joins; waits for a place in the mailbox.
    pub(crate) async fn join(&self, join: Join, joining: oneshot::Receiver<Joining>) -> Joining {
        let _ = self.mailbox.send(Input::Join(Box::new(join))).await;
        joining.await.unwrap_or_else(|_| Joining::Failed(self.why()))
    }

    /// Tells where a session's user is; waits for a place in the mailbox.
    pub(crate) async fn presence(&self, session: SessionId, update: PresenceUpdate) {
        let _ = self.mailbox.send(Input::Presence(session, Box::new(update))).await;
    }

    /// Tells a user's sessions what they have read and viewed; waits for a place in the mailbox.
    pub(crate) async fn marks(&self, user: UserId, marks: Marks, asked: (SessionId, u64)) {
        let _ = self.mailbox.send(Input::Marks(Box::new((user, marks, asked)))).await;
    }

    /// Takes a session out, behind everything that it has sent; waits for a place in the mailbox.
    pub(crate) async fn leave(self, session: SessionId) {
        let _ = self.mailbox.send(Input::Leave(session)).await;
    }

    /// Takes out a session that never comes back.
    pub(crate) fn leave_soon(self, session: SessionId) {
        if let Err(mpsc::error::TrySendError::Full(leave)) = self.mailbox.try_send(Input::Leave(session)) {
            tokio::spawn(async move { self.mailbox.send(leave).await });
        }
    }

    /// Adds a patch set; waits until it is durable, or is not. `None` if the room ended under it: only the store can
    /// tell then.
    pub(crate) async fn add_patch_set(&self, new: NewPatchSet) -> Option<Result<PatchSetOutcome, Failure>> {
        let (reply, outcome) = oneshot::channel();
        let _ = self.mailbox.send(Input::PatchSet(Box::new(new), reply)).await;
        outcome.await.ok()
    }
}
