//! Looking at what a room holds. Whoever asks over HTTP has just been shown by the store how far the log reaches, and
//! may have heard at another node what is there: what they get is never older than that.

use interline_core::entry::Head;
use interline_core::id::{CommentId, Version};
use interline_core::review::Comment;
use tokio::sync::oneshot;

use super::task::Room;
use super::{Code, Failure, Input, RoomHandle, View};

type Reply<T> = oneshot::Sender<Result<T, Failure>>;

/// What somebody wants to see, and where they wait for it.
#[derive(Debug)]
pub(crate) enum Look {
    /// The review.
    Review(Reply<View>),
    /// One comment, and where the log ends.
    Comment(CommentId, Reply<(Option<Comment>, Head)>),
    /// The newest code.
    Code(Reply<Code>),
}

impl Look {
    /// It cannot be seen.
    pub(super) fn fail(self, failure: &Failure) {
        match self {
            Look::Review(reply) => drop(reply.send(Err(failure.clone()))),
            Look::Comment(_, reply) => drop(reply.send(Err(failure.clone()))),
            Look::Code(reply) => drop(reply.send(Err(failure.clone()))),
        }
    }

    /// Whether nobody waits for it any more.
    fn is_given_up(&self) -> bool {
        match self {
            Look::Review(reply) => reply.is_closed(),
            Look::Comment(_, reply) => reply.is_closed(),
            Look::Code(reply) => reply.is_closed(),
        }
    }
}

impl RoomHandle {
    /// The review, once the room has a version that the store was seen to have.
    pub(crate) async fn read(&self, reaches: Version) -> Result<View, Failure> {
        self.look(reaches, Look::Review).await
    }

    /// One comment, and where the log ends, as of such a version at least.
    pub(crate) async fn comment(
        &self,
        id: CommentId,
        reaches: Version,
    ) -> Result<(Option<Comment>, Head), Failure> {
        self.look(reaches, |reply| Look::Comment(id, reply)).await
    }

    /// The newest code, as of such a version at least.
    pub(crate) async fn code(&self, reaches: Version) -> Result<Code, Failure> {
        self.look(reaches, Look::Code).await
    }

    /// Waits for a place in the mailbox, and for the room to be there.
    async fn look<T>(&self, reaches: Version, look: impl FnOnce(Reply<T>) -> Look) -> Result<T, Failure> {
        let (reply, seen) = oneshot::channel();
        let _ = self.mailbox.send(Input::Look(reaches, look(reply))).await;
        seen.await.unwrap_or_else(|_| Err(self.why()))
    }
}

impl Room {
    /// Shows something, at once or when the log has been read as far as it reaches.
    pub(super) fn show(&mut self, reaches: Version, look: Look) {
        if reaches <= self.sequencer.head().version {
            return self.show_now(look);
        }
        // No more of them than there are requests: who has hung up waits for nothing.
        self.elsewhere.looks.retain(|(_, look)| !look.is_given_up());
        self.elsewhere.looks.push((reaches, look));
        self.follow(reaches);
    }

    /// Shows what was waited for, as far as the room is there by now.
    pub(super) fn show_waiting(&mut self) {
        let version = self.sequencer.head().version;
        let there = self.elsewhere.looks.extract_if(.., |(reaches, _)| *reaches <= version);
        for (_, look) in there.collect::<Vec<_>>() {
            self.show_now(look);
        }
    }

    fn show_now(&mut self, look: Look) {
        match look {
            Look::Review(reply) => drop(reply.send(Ok(self.view()))),
            Look::Comment(id, reply) => {
                let comment = self.sequencer.committed().comments.get(&id).cloned();
                let _ = reply.send(Ok((comment, self.sequencer.head())));
            }
            Look::Code(reply) => drop(reply.send(self.code())),
        }
    }
}
