//! An open review.

use std::collections::BTreeSet;
use std::sync::Arc;

use interline_core::change::Entity;
use interline_core::clock::Millis;
use interline_core::id::{ClientId, CommentId, DisplayName, ReviewId, User, UserId, Version};
use interline_core::presence::Presence;
use interline_core::review::{Anchor, CommentHistory, Place, Status};
use interline_core::sync::{EditError as InvalidEdit, Receipt, Rejected, Unsynced};

use crate::client::ClientHandle;
use crate::comment::{Comment, CommentData, Thread, data, data_in};
use crate::driver::late;
use crate::error::{EditError, HistoryError, SyncError};
use crate::event::{Event, Events};
use crate::platform::{self, MaybeSend, MaybeSync};
use crate::presence::PresenceUpdate;
use crate::progress::Durable;
use crate::shared::{Command, Shared};
use crate::slot::{Held, Inner, Slot};
use crate::{export, history};

/// An open review: what is confirmed, with everything done here on top.
///
/// A handle: clones, and further openings, share one replica. Edits are applied at once and never wait; the client
/// saves and sends them in the background. Once the last handle is gone and everything is durable, the review is
/// left.
#[derive(Clone)]
pub struct Review {
    handle: Arc<Handle>,
}

struct Handle {
    slot: Held,
    // The client lives as long as anything opened with it.
    client: Arc<ClientHandle>,
}

/// Ends what [`Review::observe`] began when dropped.
#[must_use = "nothing is told once this is dropped"]
pub struct Observer {
    slot: Arc<Slot>,
    id: u64,
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.slot.untap(self.id);
    }
}

/// An id in the place of a name. It is printable; at most it is too long.
fn name_of(id: &UserId) -> DisplayName {
    let cut: String = id.as_str().chars().take(DisplayName::MAX_CHARS).collect();
    DisplayName::new(cut.trim_end()).expect("the beginning of a printable id is printable")
}

impl Review {
    pub(crate) fn new(slot: Held, client: Arc<ClientHandle>) -> Review {
        Review { handle: Arc::new(Handle { slot, client }) }
    }

    pub(crate) fn slot(&self) -> &Slot {
        &self.handle.slot
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.client.shared
    }

    /// Another one of the same client.
    pub(crate) fn and(&self, slot: Held) -> Review {
        Review::new(slot, Arc::clone(&self.handle.client))
    }

    /// Its id.
    pub fn id(&self) -> ReviewId {
        self.slot().id
    }

    /// What it is called.
    pub fn title(&self) -> String {
        self.slot().read(|inner| inner.replica.title())
    }

    /// Its decision.
    pub fn status(&self) -> Status {
        self.slot().read(|inner| inner.replica.status())
    }

    /// How much of its history is here: the version of the confirmed review.
    pub fn version(&self) -> Version {
        self.slot().read(|inner| inner.replica.confirmed().version)
    }

    /// The number of the code's newest state, counted from 1.
    pub fn patch_set(&self) -> u32 {
        self.slot().read(|inner| inner.replica.confirmed().patch_set)
    }

    /// When it was created, on the server's clock.
    pub fn created_at(&self) -> Millis {
        self.slot().read(|inner| inner.replica.confirmed().created_at)
    }

    /// Whether it is open at the server and caught up.
    pub fn is_online(&self) -> bool {
        self.slot().read(|inner| inner.replica.is_online())
    }

    /// All threads: by file, line and age. A removed root stays while it has replies.
    pub fn threads(&self) -> Vec<Thread> {
        self.slot().read(|inner| {
            let replica = &inner.replica;
            let thread = |of: &interline_core::sync::Thread| {
                let comments = std::iter::once(&of.root).chain(&of.replies);
                let comments: Vec<_> = comments.filter_map(|one| data_in(replica, one, &of.root)).collect();
                let first = comments.first()?;
                let (id, anchor, resolved) = (first.id, first.anchor.clone(), first.resolved);
                Some(Thread { id, anchor, resolved, comments })
            };
            replica.threads().iter().filter_map(thread).collect()
        })
    }

    /// Every comment, removed ones included, in the order of their ids.
    pub fn comments(&self) -> Vec<CommentData> {
        let ids: BTreeSet<_> = self.slot().read(|inner| {
            let replica = &inner.replica;
            let confirmed = replica.confirmed().comments.keys().copied();
            let threads = replica.threads();
            let shown =
                threads.iter().flat_map(|thread| std::iter::once(&thread.root).chain(&thread.replies));
            // Of drafts those, too, that answer threads which are not here.
            let drafts = if replica.drafts_of().is_some() { replica.list_drafts() } else { Vec::new() };
            confirmed.chain(shown.chain(&drafts).map(|comment| comment.id)).collect()
        });
        ids.into_iter().filter_map(|id| self.comment_data(id)).collect()
    }

    /// Starts a thread on a line of the diff, as of [`head`](Review::head) or [`base`](Review::base). A line that the diff does not carry comes back as
    /// [`Event::Rejected`]: the code is not here to check.
    pub fn comment(&self, anchor: Anchor, text: &str) -> Result<Comment, EditError> {
        self.add(Place::Line(anchor), text)
    }

    pub(crate) fn add(&self, place: Place, text: &str) -> Result<Comment, EditError> {
        let id = CommentId(platform::new_id());
        self.slot().edit(|replica, now| replica.add_comment(now, id, place, text))?;
        Ok(Comment { review: self.clone(), id })
    }

    /// The handle of a comment that is there, or was: a removed one can still be looked at.
    pub fn get(&self, comment: CommentId) -> Result<Comment, EditError> {
        let exists = self.slot().read(|inner| inner.replica.comment(comment).is_some());
        if !exists {
            return Err(InvalidEdit::UnknownComment.into());
        }
        Ok(Comment { review: self.clone(), id: comment })
    }

    /// A comment as it is shown, if there is one.
    pub fn comment_data(&self, comment: CommentId) -> Option<CommentData> {
        let (found, shown, pending) = self.slot().read(|inner| {
            let shown = inner.replica.comment(comment)?;
            Some((data(&inner.replica, &shown), shown, inner.replica.is_pending(comment)))
        })?;
        found.or_else(|| self.answer_data(&shown, pending))
    }

    /// Moves the status, as of the newest code that is here. Where a person looks at the code,
    /// [`decide_on`](Review::decide_on) says which they looked at.
    pub fn set_status(&self, status: Status) -> Result<(), EditError> {
        self.slot().edit(|replica, now| replica.set_field(now, Entity::Review, "status", status.into()))
    }

    /// Gives it another title.
    pub fn set_title(&self, title: &str) -> Result<(), EditError> {
        let title = interline_core::review::FieldValue::Text(title.to_owned());
        self.slot().edit(|replica, now| replica.set_field(now, Entity::Review, "title", title))
    }

    /// Everybody else who has it open, one per session, with their selections in the texts as they are shown.
    pub fn presence(&self) -> Vec<Presence> {
        self.slot().read(|inner| inner.replica.presence())
    }

    /// Tells the others where this user is. The latest update counts; it goes out at most ten times a second, and
    /// again after a reconnect. A selection moves with the text until the next update.
    pub fn update_presence(&self, update: PresenceUpdate) {
        match self.slot().drafts_of() {
            None => self.slot().with(|inner, _| inner.presence.update(update)),
            // Drafts have no presence of their own, and nobody hears which of them it is.
            Some(of) => {
                let update = PresenceUpdate { selection: None, writing: true, ..update };
                if let Some(slot) = self.shared().entered(&of.to_string()) {
                    slot.with(|inner, _| inner.presence.update(update));
                }
            }
        }
        self.wake();
    }

    /// A person by their id: the name under which they were last here, or the id where that is not known.
    pub fn user(&self, id: &UserId) -> User {
        let name = self.slot().read(|inner| inner.names.get(id).cloned());
        User { id: id.clone(), display_name: name.unwrap_or_else(|| name_of(id)) }
    }

    /// Everybody whose name is known here: who took part, and who is here.
    pub fn users(&self) -> Vec<User> {
        let user = |(id, name): (&UserId, &DisplayName)| User { id: id.clone(), display_name: name.clone() };
        self.slot().read(|inner| inner.names.iter().map(user).collect())
    }

    /// What happens from now on. A subscriber that falls behind by more than 1,024 events misses the oldest and
    /// gets [`Event::Lagged`].
    pub fn events(&self) -> Events {
        Events::new(self.slot().subscribe())
    }

    /// Calls `tell` with every event from now on, within the very call that causes it: an edit made here, or the
    /// arrival of a frame. Nothing else of this program runs in between where there is one thread, as in a browser;
    /// an editor that applies [`Event::TextEdited`] there never sends an edit that refers to an older text.
    ///
    /// `tell` may call into the review; what comes of that is told after it returns. It must be quick, and must not
    /// panic.
    ///
    /// Where more than 4,096 events wait for it to return, those that follow are given up; after the last of those
    /// that waited comes [`Event::Lagged`].
    pub fn observe(&self, tell: impl Fn(&Event) + MaybeSend + MaybeSync + 'static) -> Observer {
        let slot = Arc::clone(self.handle.slot.slot());
        let id = slot.tap(Arc::new(tell));
        Observer { slot, id }
    }

    /// How much of what was done here is not durable on the server; what was done to this user's
    /// [drafts](Review::drafts) in it counts.
    pub fn unsynced(&self) -> Unsynced {
        self.slot().read(Inner::unsynced)
    }

    /// Whether the local store has everything that is here, so that it outlasts the program where the store does.
    pub fn is_saved(&self) -> bool {
        let saved = |slot: &Slot| slot.read(|inner| inner.replica.is_saved());
        saved(self.slot()) && self.slot().open_drafts().is_none_or(|drafts| saved(&drafts))
    }

    /// The id under which this replica numbers its batches: the client's, unless it had to begin under another.
    pub fn client_id(&self) -> ClientId {
        self.slot().read(|inner| inner.replica.client())
    }

    /// What is not on the server, or not as it was meant, and waits for a decision: refused changes, edits that were
    /// merged into what somebody else had rewritten, and what the server has lost. Each stays until it is
    /// [retried](Review::retry_rejected) or [discarded](Review::discard_rejected).
    pub fn rejected(&self) -> Vec<Rejected> {
        self.slot().read(|inner| inner.replica.rejected().to_vec())
    }

    /// Makes a rejected change once more, on what is there now, and forgets the record. Where its comment is gone, a new
    /// one says the same in its place.
    pub fn retry_rejected(&self, id: u64) -> Result<(), EditError> {
        let fresh = CommentId(platform::new_id());
        self.slot().edit(|replica, now| replica.retry_rejected(now, id, fresh))
    }

    /// Forgets one rejected change, or with `None` all of them; says whether there was any.
    pub fn discard_rejected(&self, id: Option<u64>) -> bool {
        self.slot().with(|inner, _| inner.replica.discard_rejected(id))
    }

    /// What was rejected, as JSON: `{"format": 1, "review", "client", "rejected": [..]}` with texts and changes.
    pub fn export_rejected(&self) -> String {
        self.slot().read(|inner| export::rejected(&inner.replica))
    }

    /// Proofs of what the server has made durable of this replica lately: a week's, at most 256. What a client that has
    /// ended left, and this one sent for it, is not among them.
    pub fn receipts(&self) -> Vec<Receipt> {
        self.slot().read(|inner| inner.replica.receipts().to_vec())
    }

    /// The receipts as JSON: `{"format": 1, "review", "client", "receipts": [{"seq", "version", "hash", "at"}]}`.
    /// `interline-server verify --receipts` checks them against a database.
    pub fn export_receipts(&self) -> String {
        self.slot().read(|inner| export::receipts(&inner.replica))
    }

    /// How a comment's text came to be: every edit that the server keeps, with its author and time. Asks the server;
    /// what is pending here is not part of it.
    pub async fn history(&self, comment: CommentId) -> Result<CommentHistory, HistoryError> {
        history::of(&self.handle.client.shared, self.id(), comment).await
    }

    /// Sends what waits for typing to rest, as soon as that is possible.
    pub fn flush(&self) {
        self.slot().with(|inner, now| inner.replica.flush(now));
        if let Some(drafts) = self.slot().open_drafts() {
            drafts.with(|inner, now| inner.replica.flush(now));
        }
        self.wake();
    }

    /// Waits until everything done here so far, to drafts as well, is settled by the server: durable, or refused and in
    /// [`rejected`](Review::rejected). Flushes. Waits as long as it takes; fails only when the client is closed, or
    /// where the server will never take what is pending or has lost the whole review, as [`Event::Stuck`] has told, or
    /// where somebody else has the store.
    pub async fn synced(&self) -> Result<(), SyncError> {
        self.flush();
        if let Some(drafts) = self.slot().open_drafts() {
            settled(&drafts).await?;
            // What came too late for a publication goes on here.
            late::carry(self.shared(), &drafts);
        }
        settled(self.slot()).await
    }

    /// There is something to send.
    pub(crate) fn wake(&self) {
        self.handle.client.shared.wake.notify_one();
    }

    /// Starts over from the server's whole state, for a [problem](Event::Problem) that stays, or for what is
    /// [stuck](Event::Stuck): the server settles the batch in flight first. What is pending is carried there as after a
    /// long absence, and goes out under another number; where somebody else rewrote the same words meanwhile, the
    /// merged text stands, and what was meant is in [`rejected`](Review::rejected). Without a connection it happens
    /// with the next.
    pub fn reload(&self) {
        // Fails only for a closed client, which has nothing to start over.
        let _ = self.handle.client.shared.command(Command::Reload(self.id()));
    }
}

/// Waits until everything done in a slot so far is settled by the server.
async fn settled(slot: &Slot) -> Result<(), SyncError> {
    let (edits, mut durable) = slot.progress();
    slot.with(|inner, now| inner.replica.flush(now));
    slot.shared.wake.notify_one();
    let over = |durable: &Durable| {
        durable.edits >= edits || durable.closed || durable.taken_over || durable.stuck.is_some()
    };
    match durable.wait_for(over).await.as_deref() {
        Ok(durable) if durable.edits >= edits && !durable.lost() => Ok(()),
        Ok(Durable { closed: false, taken_over: true, .. }) => Err(SyncError::TakenOver),
        Ok(Durable { closed: false, stuck: Some(code), .. }) => Err(SyncError::Stuck(*code)),
        _ => Err(SyncError::Closed),
    }
}
