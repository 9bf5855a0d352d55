//! What an application hears of.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::stream::unfold;
use interline_core::change::Entity;
use interline_core::id::{CommentId, UserId};
use interline_core::review::FieldValue;
use interline_core::sync::{Event as Change, Origin, Rejected, Unsynced};
use interline_core::text::TextOp;
use interline_core::wire::ErrorCode;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::connection::ConnectionState;
use crate::error::Problem;
use crate::platform::BoxStream;

/// How many events wait for a subscriber that is slow, before the oldest are given up.
pub(crate) const QUEUE: usize = 1_024;

/// Something happened in or to an open review. The review itself is always up to date: an event tells what to
/// look at again.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Anything may have changed: the review was loaded anew, or its code was.
    Loaded,
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

impl From<Change> for Event {
    fn from(change: Change) -> Event {
        match change {
            Change::Loaded => Event::Loaded,
            Change::CommentAdded { comment, by, origin } => Event::CommentAdded { comment, by, origin },
            Change::CommentRemoved { comment, by, origin } => Event::CommentRemoved { comment, by, origin },
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
