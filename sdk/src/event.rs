//! What an application hears of.

use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::stream::unfold;
use interline_core::change::Entity;
use interline_core::id::{CommentId, UserId};
use interline_core::review::{FieldValue, Settlement, Status};
use interline_core::sync::{Event as Change, Origin, Rejected, Replica, Unsynced};
use interline_core::text::TextOp;
use interline_core::wire::ErrorCode;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::conflict::DetectedConflict;
use crate::connection::ConnectionState;
use crate::error::Problem;
use crate::platform::BoxStream;
use crate::slot::Slot;

/// How many events wait for a subscriber that is slow, before the oldest are given up.
pub(crate) const QUEUE: usize = 1_024;

/// Something happened in or to an open review. The review itself is always up to date: an event tells what to
/// look at again.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Anything may have changed: the review was loaded anew.
    Loaded,
    /// The code under review has changed: comments may stand elsewhere, see [`Review::place`](crate::Review::place).
    PatchSetAdded {
        /// The newest patch set's number.
        number: u32,
    },
    /// Two people started threads on one line, neither having seen the other's: it may be the same remark. One of the
    /// two is this user's. Told to both, where they take in single changes: not where the review was loaded anew.
    SameLine {
        /// The one that came later.
        comment: CommentId,
        /// The one that came before it.
        other: CommentId,
    },
    /// What this user has read or viewed has changed, here or on another device: see [`Review::unread`] and
    /// [`Review::viewed`].
    ///
    /// [`Review::unread`]: crate::Review::unread
    /// [`Review::viewed`]: crate::Review::viewed
    Marks,
    /// Drafts are being published, or were by another device: [`Draft::publishing`](crate::Draft::publishing). With
    /// [`Origin::Rollback`] they were not after all. Told by [`Drafts`](crate::Drafts) alone.
    DraftsPublished {
        /// Which; none where it was only a decision.
        comments: Vec<CommentId>,
        /// Whether it came from here.
        origin: Origin,
    },
    /// A comment came.
    CommentAdded {
        /// Which.
        comment: CommentId,
        /// Whose change it was.
        by: UserId,
        /// Whether it came from here.
        origin: Origin,
    },
    /// A comment went.
    CommentRemoved {
        /// Which.
        comment: CommentId,
        /// Whose change it was.
        by: UserId,
        /// Whether it came from here.
        origin: Origin,
    },
    /// The server did not take a removal: the comment is back.
    CommentRestored {
        /// Which.
        comment: CommentId,
    },
    /// A text changed.
    TextEdited {
        /// Whose text.
        comment: CommentId,
        /// Applies to the text as it was shown before this event, after all events before it.
        op: TextOp,
        /// Whose change it was.
        by: UserId,
        /// Whether it came from here.
        origin: Origin,
    },
    /// A field has another value.
    FieldChanged {
        /// Whose field.
        entity: Entity,
        /// Which.
        field: String,
        /// Its value now; `None` if it is unset again.
        value: Option<FieldValue>,
        /// Whose change it was.
        by: UserId,
        /// Whether it came from here.
        origin: Origin,
    },
    /// A field written here keeps the value of somebody who wrote it at the same time.
    Superseded {
        /// Whose field.
        entity: Entity,
        /// Which.
        field: String,
        /// The value that stands.
        value: FieldValue,
        /// Whose it is.
        by: UserId,
    },
    /// A field written here was overwritten by somebody who had not seen that.
    Overwritten {
        /// Whose field.
        entity: Entity,
        /// Which.
        field: String,
        /// The value that stands.
        value: FieldValue,
        /// Whose it is.
        by: UserId,
    },
    /// Something came to a set, such as tags, or went from it.
    SetChanged {
        /// Whose set.
        entity: Entity,
        /// Which.
        field: String,
        /// Whose change it was.
        by: UserId,
        /// Whether it came from here.
        origin: Origin,
    },
    /// A reviewer decided.
    Decided {
        /// What.
        value: Status,
        /// Who.
        by: UserId,
        /// Whether it came from here.
        origin: Origin,
    },
    /// A conflict is open, or has got another side. Both sides hear of it, and whoever looks on; it can be
    /// [resolved](DetectedConflict::resolve) right there.
    Conflict(Box<DetectedConflict>),
    /// A conflict is over.
    ConflictSettled(Box<Settlement>),
    /// A resolution came second: what somebody else had settled stands. No error; a text that was written for it is in
    /// [`Review::rejected`](crate::Review::rejected).
    AlreadySettled(Box<Settlement>),
    /// Something is not on the server, or not as it was meant: see its cause. It stays in
    /// [`Review::rejected`](crate::Review::rejected).
    Rejected(Rejected),
    /// What can be undone or redone in a comment's text has changed.
    Undoable {
        /// Whose text.
        comment: CommentId,
    },
    /// How much is not durable on the server has changed. While a queue drains, `of - count` of `of` changes are.
    Unsynced(Unsynced),
    /// Who is here, or where they are, has changed.
    Presence,
    /// The server will never take what is in flight. Told once: it is kept, nothing more is sent for this review, and
    /// [`Review::synced`](crate::Review::synced) fails with this code, until somebody decides to
    /// [reload](crate::Review::reload).
    ///
    /// With [`ErrorCode::UnknownReview`] the server does not know the review any more: it was restored from a copy that
    /// is older. What was pending, and what the server had of this user's, is in
    /// [`Review::rejected`](crate::Review::rejected); the rest can still be read here. The review's key opens whatever
    /// the server has under it since; this copy opens by its [id](crate::Review::id).
    Stuck(ErrorCode),
    /// The server cannot do what this review needs, or the local store cannot.
    Problem(Problem),
    /// The client's connection has changed.
    Connection(ConnectionState),
    /// This subscriber, or observer, was too slow and missed events: read the review again.
    Lagged {
        /// How many.
        missed: u64,
    },
}

impl Event {
    /// What happened, as a user sees it.
    pub(crate) fn of(change: Change, replica: &Replica, slot: &Weak<Slot>) -> Event {
        match change {
            Change::SetChanged { entity, field, by, origin } => {
                Event::SetChanged { entity, field, by, origin }
            }
            Change::Decided { value, by, origin } => Event::Decided { value, by, origin },
            Change::Conflict(conflict) => {
                Event::Conflict(Box::new(DetectedConflict::new(*conflict, replica, slot.clone())))
            }
            Change::ConflictSettled(settled) => Event::ConflictSettled(settled),
            Change::AlreadySettled(settled) => Event::AlreadySettled(Box::new(settled)),
            Change::Loaded => Event::Loaded,
            Change::CommentAdded { comment, by, origin } => Event::CommentAdded { comment, by, origin },
            Change::CommentRemoved { comment, by, origin } => Event::CommentRemoved { comment, by, origin },
            Change::PatchSetAdded { number } => Event::PatchSetAdded { number },
            Change::Marks => Event::Marks,
            Change::DraftsPublished { comments, origin } => Event::DraftsPublished { comments, origin },
            Change::SameLine { comment, other } => Event::SameLine { comment, other },
            Change::CommentRestored { comment } => Event::CommentRestored { comment },
            Change::TextEdited { comment, op, by, origin } => Event::TextEdited { comment, op, by, origin },
            Change::FieldChanged { entity, field, value, by, origin } => {
                Event::FieldChanged { entity, field, value, by, origin }
            }
            Change::Superseded { entity, field, value, by } => Event::Superseded { entity, field, value, by },
            Change::Overwritten { entity, field, value, by } => {
                Event::Overwritten { entity, field, value, by }
            }
            Change::Rejected(rejected) => Event::Rejected(rejected),
            Change::Undoable { comment } => Event::Undoable { comment },
            Change::Unsynced(unsynced) => Event::Unsynced(unsynced),
            Change::Presence => Event::Presence,
            Change::Stuck(code) => Event::Stuck(code),
        }
    }
}

/// The events of a review from the moment it was asked for. Ends when the client is closed.
pub struct Events(BoxStream<Event>);

impl Events {
    pub(crate) fn new(receiver: broadcast::Receiver<Event>) -> Events {
        Events(Box::pin(unfold(receiver, |mut receiver| async {
            match receiver.recv().await {
                Ok(event) => Some((event, receiver)),
                Err(RecvError::Lagged(missed)) => Some((Event::Lagged { missed }, receiver)),
                Err(RecvError::Closed) => None,
            }
        })))
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.0.as_mut().poll_next(context)
    }
}
