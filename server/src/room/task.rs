//! A room's life: load, take inputs and events until nobody wants the room or its log breaks, end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock, Weak};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use interline_core::diff::{LineMap, PatchSet};
use interline_core::entry::{Answer, EncodedEntry, Head};
use interline_core::id::{ClientId, ReviewId, SessionId, User, UserId, Version};
use interline_core::presence::Presence;
use interline_core::review::Marks;
use interline_core::sync::{Past, PublicationOutcome, Sequencer, Submission};
use interline_core::wire::ErrorCode;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, error};

use super::elsewhere::Elsewhere;
use super::load::{Loaded, load};
use super::members::Members;
use super::patch_sets::Adding;
use super::publish::{Codes, Publishing};
use super::ring::Ring;
use super::submit::refused;
use super::{Failure, Input, Join, Joining, RoomContext, Rooms, Shot, View};
use crate::fanout::Subscription;
use crate::metrics::Metrics;
use crate::presence::PresenceError;
use crate::store::{AppendOutcome, StoreError};

/// A room and everything it knows.
pub(super) struct Room {
    pub(super) id: ReviewId,
    pub(super) context: RoomContext,
    pub(super) sequencer: Sequencer,
    pub(super) ring: Ring,
    pub(super) members: Members,
    pub(super) elsewhere: Elsewhere,
    /// Joins whose client's last answer is being looked up, by their numbers: a session may leave and join again.
    pub(super) joining: HashMap<u64, (SessionId, ClientId)>,
    /// The number of the last such join.
    pub(super) joins: u64,
    /// Those among them that wait for an append to settle a seq.
    pub(super) settling: Vec<(u64, Box<Join>)>,
    /// Clients that left while a batch of theirs was under way, and their users.
    pub(super) departed: HashMap<ClientId, UserId>,
    /// Everybody who has an entry in the log.
    pub(super) authors: BTreeSet<UserId>,
    pub(super) names: HashMap<UserId, User>,
    /// What runs beside the mailbox.
    pub(super) work: FuturesUnordered<BoxFuture<'static, Event>>,
    /// For how many text edits the tentative batch of each client counts; a client has one at most.
    pub(super) tail: HashMap<ClientId, usize>,
    /// Who waits for what becomes of a patch set.
    pub(super) adding: Adding,
    /// Whose drafts are being published here.
    pub(super) publishing: Publishing,
    /// Where this log ended when the review last said that it had gone on.
    pub(super) overtaken_at: Option<Head>,
    /// Where the review's room is to be had from, of a log of drafts.
    pub(super) rooms: Weak<Rooms>,
    /// What users who are here have read and viewed, as far as they asked.
    pub(super) marks: BTreeMap<UserId, Marks>,
    /// Users whose marks are being read because of what another node said; whether it has said so again since.
    pub(super) looking_for_marks: BTreeMap<UserId, bool>,
    /// The newest patch set when they were last told.
    pub(super) told_patch_set: u32,
    /// How many batches wait for older entries.
    pub(super) reading_history: usize,
    /// When to tell of presence that was held back.
    pub(super) presence_due: Option<Instant>,
    shot: Option<Arc<Shot>>,
}

/// What comes back from work beside the mailbox.
pub(super) enum Event {
    /// An append of these clients' batches has ended.
    Appended(Vec<ClientId>, Result<AppendOutcome, StoreError>),
    /// What somebody else has appended, and the clients whose append was lost to it, if one was.
    Overtaken(Option<Vec<ClientId>>, Result<Came, StoreError>),
    /// A joining client's last answer, the number of the join, and where the log ended behind it.
    LastAnswer(u64, Box<Join>, Result<(Option<Answer>, Version), StoreError>),
    /// Where it did for this room when that was asked, where the log ends, and whether it has lost what was there.
    Tail(Head, Result<Option<(Head, bool)>, StoreError>),
    /// Who is in the review on any node, asked then.
    Guests(Instant, Result<Vec<Presence>, PresenceError>),
    /// Names of authors on other nodes.
    Names(Vec<User>),
    /// What a user has read and viewed, wherever they did.
    Marks(UserId, Result<Marks, StoreError>),
    /// What became of a publication of these clients' in the review.
    Published(Vec<ClientId>, Result<PublicationOutcome, StoreError>),
    /// The code that a batch of drafts is about, as far as there is any.
    Code(Box<Submission>, Result<Codes, StoreError>),
    /// The entries that a batch has to be carried over.
    History(Box<Submission>, Result<Past, Failure>),
}

/// What came into a log from elsewhere.
pub(super) enum Came {
    Read {
        entries: Vec<EncodedEntry>,
        /// The patch sets that they speak of.
        patch_sets: Vec<PatchSetCame>,
        /// No older than any of the entries.
        answers: BTreeMap<ClientId, Option<Answer>>,
    },
    /// Nothing came: the entry of this version, which the room ends with, is not in the log any more.
    LogLost(Version),
}

/// A patch set's number, its code, and where the lines of the one before are in it.
pub(super) type PatchSetCame = (u32, Arc<PatchSet>, Arc<LineMap>);

/// Why a room cannot go on. Its sessions open the review again, from what the store has.
pub(super) enum Broken {
    /// Entries do not follow from each other.
    Log(String),
    Store(StoreError),
}

/// Runs a room to its end.
pub(super) async fn run(
    id: ReviewId,
    context: RoomContext,
    rooms: Weak<Rooms>,
    mut inputs: mpsc::Receiver<Input>,
    unloadable: Arc<OnceLock<Failure>>,
) {
    // First of all, so that nothing falls between what is loaded and what is heard.
    let news = context.fanout.subscribe(id);
    let metrics = context.metrics.clone();
    match load(&context, id).await {
        Ok(loaded) => Room::new(id, context, loaded, rooms).run(inputs, news).await,
        Err(failure) => {
            error!(review = %id, why = %failure.message, "cannot load review");
            let failure = unloadable.get_or_init(|| failure);
            turn_away(id, &mut inputs, failure, &metrics).await;
        }
    }
}

/// Answers what is in the mailbox, and closes it.
async fn turn_away(id: ReviewId, inputs: &mut mpsc::Receiver<Input>, failure: &Failure, metrics: &Metrics) {
    inputs.close();
    while let Some(input) = inputs.recv().await {
        match input {
            Input::Join(join) => drop(join.reply.send(Joining::Failed(failure.clone()))),
            Input::Look(_, look) => look.fail(failure),
            Input::PatchSet(_, reply) => drop(reply.send(Err(failure.clone()))),
            Input::Publish(publish) => drop(publish.reply.send(PublicationOutcome::StoreFailed)),
            Input::Submit(submit) => {
                let seq = submit.submission.batch.seq;
                metrics.refused(ErrorCode::NotOpen);
                submit.outbox.push(refused(id, seq, ErrorCode::NotOpen, &failure.message));
            }
            Input::Leave(_) | Input::Presence(..) | Input::Marks(_) | Input::Stop => {}
        }
    }
}

impl Room {
    pub(super) fn new(id: ReviewId, context: RoomContext, loaded: Loaded, rooms: Weak<Rooms>) -> Room {
        let Loaded { review, head, patch_sets, authors, names } = loaded;
        debug!(review = %id, version = head.version, "review loaded");
        let told_patch_set = review.patch_set;
        Room {
            id,
            sequencer: Sequencer::new(review, head, patch_sets, context.limits),
            ring: Ring::new(head),
            members: Members::new(id),
            elsewhere: Elsewhere::new(),
            context,
            joining: HashMap::new(),
            joins: 0,
            settling: Vec::new(),
            departed: HashMap::new(),
            authors,
            names,
            work: FuturesUnordered::new(),
            tail: HashMap::new(),
            adding: Adding::default(),
            publishing: Publishing::new(),
            overtaken_at: None,
            rooms,
            marks: BTreeMap::new(),
            looking_for_marks: BTreeMap::new(),
            told_patch_set,
            reading_history: 0,
            presence_due: None,
            shot: None,
        }
    }

    async fn run(mut self, mut inputs: mpsc::Receiver<Input>, mut news: Subscription) {
        let (mut open, shared) = (true, self.is_shared());
        let looks = shared || self.context.store.may_lose_its_end();
        let mut idle_at = Instant::now() + self.context.idle;
        loop {
            let busy = !self.work.is_empty();
            let vacant = self.members.is_empty() && !busy;
            let (presence_due, look_at) = (self.presence_due, self.elsewhere.look_at);
            let step = tokio::select! {
                input = inputs.recv(), if open => match input {
                    Some(Input::Stop) => { inputs.close(); Ok(()) }
                    Some(input) => {
                        idle_at = Instant::now() + self.context.idle;
                        self.take(input)
                    }
                    None => { open = false; Ok(()) }
                },
                Some(event) = self.work.next(), if busy => self.resume(event),
                news = news.next(), if open && shared => self.heard(news),
                () = sleep_until(look_at), if open && looks => {
                    self.look();
                    Ok(())
                }
                () = sleep_until(presence_due.unwrap_or(idle_at)), if presence_due.is_some() => {
                    self.tell_held_back();
                    Ok(())
                }
                () = sleep_until(idle_at), if open && vacant => {
                    match self.rooms.upgrade() {
                        Some(rooms) if !rooms.unload(self.id, &inputs) => idle_at = Instant::now() + self.context.idle,
                        _ => open = false,
                    }
                    Ok(())
                }
                // Stopped, and nothing is under way any more.
                else => break,
            };
            if let Err(broken) = step {
                return self.end(broken, inputs).await;
            }
            if !open && self.work.is_empty() {
                break;
            }
        }
        let (review, head) = (self.sequencer.committed(), self.sequencer.head());
        self.context.snapshots.unloading(self.id, review, head, &self.authors);
        debug!(review = %self.id, "review unloaded");
    }

    fn take(&mut self, input: Input) -> Result<(), Broken> {
        match input {
            Input::Join(join) => self.join(join),
            Input::Leave(session) => self.leave(session),
            Input::Submit(submit) => self.submit(*submit),
            Input::Presence(session, update) => self.presence(session, *update),
            Input::Look(reaches, look) => self.show(reaches, look),
            Input::Marks(told) => {
                let (user, marks, asked) = *told;
                self.marks(user, marks, asked);
            }
            Input::PatchSet(new, reply) => self.add_patch_set(*new, reply),
            Input::Publish(publish) => self.publish(*publish),
            Input::Stop => {}
        }
        Ok(())
    }

    pub(super) fn resume(&mut self, event: Event) -> Result<(), Broken> {
        match event {
            Event::Appended(clients, outcome) => self.appended(&clients, outcome)?,
            Event::Overtaken(under_way, read) => self.overtaken(under_way, read)?,
            Event::Tail(ours, there) => self.tail_seen(ours, there)?,
            Event::Guests(asked, found) => self.guests_found(asked, found),
            Event::Names(users) => self.named(users),
            Event::Marks(user, read) => self.marks_found(user, read),
            Event::LastAnswer(number, join, answer) => self.answer_found(number, join, answer),
            Event::Published(clients, outcome) => self.published(&clients, outcome)?,
            Event::Code(submission, codes) => self.code_read(*submission, codes),
            Event::History(submission, past) => self.history_read(*submission, past),
        }
        Ok(())
    }

    /// The log cannot be continued from what this room holds: everybody has to open the review again.
    async fn end(mut self, broken: Broken, mut inputs: mpsc::Receiver<Input>) {
        let (failure, why) = match broken {
            Broken::Log(why) => (Failure::ended(), why),
            Broken::Store(error) => (Failure::from(error.clone()), error.to_string()),
        };
        self.context.metrics.reloads.increment(1);
        error!(review = %self.id, %why, "review has to be reloaded");
        // First the mailbox, so that whoever opens the review again finds a new room.
        inputs.close();
        self.fail_settling(&failure);
        self.fail_waiting(&failure);
        self.members.broadcast(&failure.frame(Some(self.id), None));
        for (session, _) in self.members.iter() {
            self.context.board.gone(self.id, session);
        }
        turn_away(self.id, &mut inputs, &failure, &self.context.metrics).await;
    }

    /// The committed review, copied once a version.
    pub(super) fn shot(&mut self) -> Arc<Shot> {
        let committed = self.sequencer.committed();
        let current = self.shot.take().filter(|shot| shot.review.version == committed.version);
        let fresh = || Arc::new(Shot::new(committed.clone()));
        self.shot.insert(current.unwrap_or_else(fresh)).clone()
    }

    pub(super) fn view(&mut self) -> View {
        let review = self.shot().review.clone();
        View { review, head: self.sequencer.head(), users: self.users() }
    }

    /// The names of everybody who took part.
    pub(super) fn users(&self) -> Vec<User> {
        self.authors.iter().filter_map(|id| self.names.get(id)).cloned().collect()
    }
}
