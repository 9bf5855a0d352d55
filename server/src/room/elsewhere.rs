//! A log that other nodes append to as well: hearing of it, looking for what was not heard, and waiting for it.
//!
//! Whatever is heard is only a reason to look. An entry that comes right behind what the room has, along the chain,
//! with nothing under way here, is taken as it is; after anything else the store is read. While an append is under
//! way nothing is taken: if somebody else was first, it is lost, and that is when the store is read.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use interline_core::entry::{Answer, EncodedEntry, Fact, Head};
use interline_core::id::{ClientId, ReviewId, Seq, User, UserId, Version};
use interline_core::sync::SequencerEffect;
use serde::Deserialize;
use tokio::time::Instant;
use tracing::{info, warn};

use super::load::{PAGE, line_map, patch_set};
use super::look::Look;
use super::task::{Broken, Came, Event, PatchSetCame, Room};
use super::{Failure, Join};
use crate::fanout::News;
use crate::store::{Store, StoreError};
use crate::time::now_ms;

/// How often the store is asked where the log ends, in milliseconds: a last message may be lost.
const LOOK_MS: Range<u64> = 2_000..4_000;
/// The same while nodes cannot hear each other.
const LOOK_ALONE_MS: Range<u64> = 250..750;
/// So many rooms of a node look that often; more of them look less often, so that together they ask no more.
const ALONE_TOGETHER: u64 = 1_000;
/// The same where nobody else appends: only what happens to the database itself is to be noticed.
const LOOK_ONLY_NODE_MS: Range<u64> = 3_000..6_000;
/// How long after something was not heard it is looked for at the soonest. Who came in elsewhere just before a room
/// listened is on record a moment later only (`GATHER` in `presence/board.rs`).
const ON_RECORD: Duration = Duration::from_millis(150);
/// How long after that it is looked once more. Another node may find Redis so much later than this one, and only then
/// write down who is there.
const ONCE_MORE: Duration = Duration::from_millis(1_600);

/// What a room knows of other nodes.
pub(super) struct Elsewhere {
    /// The log reaches at least to here.
    ahead: Version,
    /// Whether what came is being read with nothing under way.
    reading: bool,
    /// Whether the store is being asked where the log ends.
    looking: bool,
    /// When to ask it.
    pub(super) look_at: Instant,
    /// When to ask it in any case, however often it is asked before.
    due: Vec<Instant>,
    /// Whether others could not be told for a while who is here.
    cut_off: bool,
    /// Whether somebody may have read or viewed something elsewhere that was not heard: it is asked for then, too.
    marks_missed: bool,
    /// Joins that wait until the room is where the store was when they were looked up.
    waiting: Vec<Waiting>,
    /// Those who wait to be shown something at a version that the store has.
    pub(super) looks: Vec<(Version, Look)>,
}

struct Waiting {
    reaches: Version,
    number: u64,
    join: Box<Join>,
    answer: Option<Answer>,
}

#[derive(Deserialize)]
struct From {
    author: UserId,
    client: ClientId,
    seq: Seq,
}

impl Elsewhere {
    pub(super) fn new() -> Elsewhere {
        let now = Instant::now();
        Elsewhere {
            ahead: 0,
            reading: false,
            looking: false,
            look_at: now,
            due: Vec::new(),
            cut_off: false,
            marks_missed: false,
            waiting: Vec::new(),
            looks: Vec::new(),
        }
    }
}

impl Room {
    pub(super) fn is_shared(&self) -> bool {
        self.context.fanout.is_shared()
    }

    /// What another node says.
    pub(super) fn heard(&mut self, news: News) -> Result<(), Broken> {
        match news {
            News::Entry(entry) => self.overhear(entry),
            News::Ahead(head) => {
                self.follow(head.version);
                Ok(())
            }
            News::Present(presence) => {
                self.guest_present(presence);
                Ok(())
            }
            News::Gone(session) => {
                self.guest_gone(session);
                Ok(())
            }
            News::Marked(user) => {
                self.look_for_marks(user);
                Ok(())
            }
            News::Missed => {
                self.elsewhere.marks_missed = true;
                self.elsewhere.cut_off |= !self.context.fanout.is_healthy();
                // Not all rooms of all nodes at one moment.
                let soon = ON_RECORD + Duration::from_millis(fastrand::u64(0..alone(self.loaded()).start));
                let at = Instant::now() + soon;
                self.elsewhere.look_at = self.elsewhere.look_at.min(at);
                self.elsewhere.due = vec![at, at + ONCE_MORE];
                Ok(())
            }
        }
    }

    fn overhear(&mut self, entry: EncodedEntry) -> Result<(), Broken> {
        let version = entry.version;
        if version <= self.sequencer.head().version {
            return Ok(());
        }
        let authors = who(std::slice::from_ref(&entry));
        if self.sequencer.overhear(entry).map_err(|error| Broken::Log(error.to_string()))? {
            self.deliver_foreign(&authors);
            self.moved();
        } else {
            self.follow(version);
        }
        Ok(())
    }

    /// The log reaches to a version: reads what this room lacks of it, unless that is being found out already.
    pub(super) fn follow(&mut self, version: Version) {
        self.elsewhere.ahead = self.elsewhere.ahead.max(version);
        let behind = self.elsewhere.ahead > self.sequencer.head().version;
        if behind && !self.elsewhere.reading && self.sequencer.tentative() == 0 {
            self.elsewhere.reading = true;
            self.context.metrics.gaps.increment(1);
            self.read_what_came(None);
        }
    }

    /// Reads what came; `under_way` are the clients whose append was lost to it.
    pub(super) fn read_what_came(&mut self, under_way: Option<Vec<ClientId>>) {
        let clients = self.sequencer.known_clients();
        let (store, review, head) = (self.context.store.clone(), self.id, self.sequencer.head());
        let read =
            async move { Event::Overtaken(under_way, what_came(&*store, review, head, clients).await) };
        self.work.push(read.boxed());
    }

    pub(super) fn overtaken(
        &mut self,
        under_way: Option<Vec<ClientId>>,
        read: Result<Came, StoreError>,
    ) -> Result<(), Broken> {
        if under_way.is_none() {
            self.elsewhere.reading = false;
            if self.sequencer.tentative() > 0 {
                // Something is under way by now: its append tells.
                return Ok(());
            }
        }
        let (mut entries, patch_sets, answers) = match read {
            Ok(Came::Read { entries, patch_sets, answers }) => (entries, patch_sets, answers),
            // Nobody is told anything more of it: whoever opens the review again sees what is left.
            Ok(Came::LogLost(version)) => {
                return Err(Broken::Log(format!(
                    "the store has lost entry {version}, which was acknowledged"
                )));
            }
            Err(error @ StoreError::Trimmed { .. }) => return Err(Broken::Log(error.to_string())),
            Err(error) if error.retryable() && (self.is_shared() || under_way.is_none()) => {
                warn!(review = %self.id, %error, "what other nodes appended cannot be read for now");
                self.cannot_follow(&error);
                return Ok(());
            }
            Err(error) => return Err(Broken::Store(error)),
        };
        // More came in meanwhile, from clients whose answers may have moved as well.
        if self.sequencer.known_clients().iter().any(|client| !answers.contains_key(client)) {
            self.elsewhere.reading |= under_way.is_none();
            self.read_what_came(under_way);
            return Ok(());
        }
        entries.retain(|entry| entry.version > self.sequencer.head().version);
        if under_way.is_none() {
            self.context.metrics.gap_entries.increment(entries.len() as u64);
        }
        let authors = who(&entries);
        let ours = authors.iter().any(|from| under_way.iter().flatten().any(|client| *client == from.client));
        for (number, code, map) in patch_sets {
            self.sequencer.learn_patch_set(number, code, map);
        }
        let lost = self.sequencer.lost(now_ms(), entries, answers.into_iter().collect());
        lost.map_err(|error| Broken::Log(error.to_string()))?;
        self.deliver_foreign(&authors);
        if ours {
            // A commit that was not known to have happened: nobody has told of it.
            self.context.fanout.publish(self.id, News::Ahead(self.sequencer.head()));
        }
        self.settle_again();
        self.moved();
        self.forget_departed();
        Ok(())
    }

    /// Nothing of what is under way has happened, for certain.
    fn cannot_follow(&mut self, error: &StoreError) {
        let failure = Failure::from(error.clone());
        if self.sequencer.tentative() > 0 {
            self.sequencer.failed();
            self.tail.clear();
            self.execute();
            self.fail_settling(&failure);
        }
        self.fail_waiting(&failure);
        self.forget_departed();
    }

    /// Carries out what comes of others' entries.
    fn deliver_foreign(&mut self, authors: &[From]) {
        while let Some(effect) = self.sequencer.poll() {
            // Of what was tentative, this is not any longer.
            if let SequencerEffect::Answer(client, _) | SequencerEffect::Refuse(client, ..) = &effect {
                self.tail.remove(client);
            }
            self.carry_out(effect);
        }
        self.tell_marks_again();
        let unnamed: HashSet<&UserId> = authors
            .iter()
            .map(|from| &from.author)
            .filter(|author| !self.names.contains_key(author))
            .collect();
        if !unnamed.is_empty() {
            let (store, ids) = (self.context.store.clone(), unnamed.into_iter().cloned().collect::<Vec<_>>());
            self.work.push(async move { Event::Names(store.users(&ids).await.unwrap_or_default()) }.boxed());
        }
    }

    pub(super) fn named(&mut self, users: Vec<User>) {
        self.names.extend(users.into_iter().map(|user| (user.id.clone(), user)));
    }

    /// Committed state has moved, or nothing is under way any more: whoever waited for that goes on.
    pub(super) fn moved(&mut self) {
        let version = self.sequencer.head().version;
        for Waiting { number, join, answer, .. } in
            self.elsewhere.waiting.extract_if(.., |waiting| waiting.reaches <= version).collect::<Vec<_>>()
        {
            self.answer_found(number, join, Ok((answer, 0)));
        }
        self.show_waiting();
        self.follow(version);
    }

    /// A join has to wait until the room is where the store is.
    pub(super) fn wait_for(
        &mut self,
        reaches: Version,
        number: u64,
        join: Box<Join>,
        answer: Option<Answer>,
    ) {
        self.joining.insert(number, (join.session, join.client));
        self.elsewhere.waiting.push(Waiting { reaches, number, join, answer });
        self.follow(reaches);
    }

    pub(super) fn fail_waiting(&mut self, failure: &Failure) {
        for Waiting { number, join, .. } in std::mem::take(&mut self.elsewhere.waiting) {
            self.joining.remove(&number);
            self.forget_client(join.client, &join.user.id);
            let _ = join.reply.send(super::Joining::Failed(failure.clone()));
        }
        for (_, look) in std::mem::take(&mut self.elsewhere.looks) {
            look.fail(failure);
        }
    }

    /// How many rooms there are at this node.
    fn loaded(&self) -> usize {
        self.rooms.upgrade().map_or(1, |rooms| rooms.loaded())
    }

    /// Asks the store where the log ends, and who is here, now and then.
    pub(super) fn look(&mut self) {
        let healthy = self.context.fanout.is_healthy();
        let wait = match self.is_shared() {
            true if healthy => LOOK_MS,
            true => alone(self.loaded()),
            false => LOOK_ONLY_NODE_MS,
        };
        let now = Instant::now();
        let next = now + Duration::from_millis(fastrand::u64(wait));
        self.elsewhere.due.retain(|at| *at > now);
        self.elsewhere.look_at = self.elsewhere.due.iter().copied().fold(next, Instant::min);
        if self.is_shared() {
            self.look_for_guests(healthy);
            // Others may have been there all the time, and know of nothing that they have missed.
            if std::mem::replace(&mut self.elsewhere.cut_off, !healthy) && healthy {
                self.say_who_is_here();
            }
        }
        if std::mem::take(&mut self.elsewhere.marks_missed) {
            let users: Vec<UserId> = self.marks.keys().cloned().collect();
            users.into_iter().for_each(|user| self.look_for_marks(user));
        }
        if !std::mem::replace(&mut self.elsewhere.looking, true) {
            let (store, heads) = (self.context.store.clone(), self.context.heads.clone());
            let (review, ours) = (self.id, self.sequencer.head());
            let look = async move {
                let Some(there) = heads.of(review).await? else { return Ok(None) };
                let lost = match there.version.cmp(&ours.version) {
                    Ordering::Less => true,
                    Ordering::Equal => there != ours,
                    // It may have lost its end and gone on with other entries.
                    Ordering::Greater => !store.holds(review, ours).await?,
                };
                Ok::<_, StoreError>(Some((there, lost)))
            };
            self.work.push(async move { Event::Tail(ours, look.await) }.boxed());
        }
    }

    /// The store has said where the log ends, if there is one, and whether it has lost `ours`, which the room had when
    /// it was asked.
    pub(super) fn tail_seen(
        &mut self,
        ours: Head,
        there: Result<Option<(Head, bool)>, StoreError>,
    ) -> Result<(), Broken> {
        self.elsewhere.looking = false;
        match there {
            // Whoever opens it again is told that there is no such review.
            Ok(None) => return Err(Broken::Log("the store has lost it altogether".to_owned())),
            Ok(Some((there, true))) => {
                let (here, there) = (ours.version, there.version);
                return Err(Broken::Log(format!(
                    "the store's log ends at {there} and is not the one that this node has up to {here}"
                )));
            }
            Ok(Some((there, false))) => {
                if there.version > self.sequencer.head().version && self.sequencer.tentative() == 0 {
                    info!(review = %self.id, version = there.version, "the log has gone on unheard");
                }
                self.follow(there.version);
            }
            // Whoever wants something of the store is told; this is asked again.
            Err(error) => warn!(review = %self.id, %error, "cannot look where the log ends"),
        }
        Ok(())
    }
}

/// How often each of so many rooms looks while nodes cannot hear each other, in milliseconds.
fn alone(rooms: usize) -> Range<u64> {
    let times = (rooms as u64).div_ceil(ALONE_TOGETHER).max(1);
    (LOOK_ALONE_MS.start * times).min(LOOK_MS.start)..(LOOK_ALONE_MS.end * times).min(LOOK_MS.end)
}

/// Who wrote entries.
fn who(entries: &[EncodedEntry]) -> Vec<From> {
    entries.iter().filter_map(|entry| serde_json::from_str(&entry.payload).ok()).collect()
}

/// Where a log ends.
pub(super) async fn tail(store: &dyn Store, review: ReviewId) -> Result<Head, StoreError> {
    let row = store.find_log(review).await?;
    row.map(|row| row.head).ok_or_else(|| StoreError::corrupt(review, "its head row is gone"))
}

/// The entries behind a head, and answers that are neither older nor newer than they are. A log that does not go
/// through the head any more has lost its end: the store was restored, or failed over to a standby that lagged behind.
async fn what_came(
    store: &dyn Store,
    review: ReviewId,
    head: Head,
    clients: Vec<ClientId>,
) -> Result<Came, StoreError> {
    let mut entries = Vec::new();
    read_on(store, review, head, Version::MAX, &mut entries).await?;
    // What comes behind another entry than the head is noticed by the chain of hashes.
    if entries.is_empty() && !store.holds(review, head).await? {
        return Ok(Came::LogLost(head.version));
    }
    loop {
        // The log may grow for ever, faster than it is read: only as far as these answers reach it is of interest.
        let mut found = store.last_answers(review, &clients).await?;
        let reach = found.values().filter_map(Answer::version).max().unwrap_or_default();
        let before = entries.len();
        read_on(store, review, head, reach, &mut entries).await?;
        // Those of many clients are read in several steps, and the first may be older than such an entry.
        let is_older = |from: From| {
            clients.contains(&from.client)
                && found.get(&from.client).is_none_or(|answer| answer.seq < from.seq)
        };
        if !who(&entries[before..]).into_iter().any(is_older) {
            let all = clients.into_iter().map(|client| (client, found.remove(&client)));
            let patch_sets = patch_sets_of(store, review, &entries).await?;
            return Ok(Came::Read { entries, patch_sets, answers: all.collect() });
        }
    }
}

/// Reads the entries that follow, to a version or to where the log ends at the moment.
async fn read_on(
    store: &dyn Store,
    review: ReviewId,
    head: Head,
    to: Version,
    entries: &mut Vec<EncodedEntry>,
) -> Result<(), StoreError> {
    loop {
        let at = entries.last().map_or(head.version, |entry| entry.version);
        let count = to.saturating_sub(at).min(u64::from(PAGE)) as u32;
        if count == 0 {
            return Ok(());
        }
        let page = store.entries(review, at, count).await?;
        let ended = page.len() < count as usize;
        entries.extend(page);
        if ended {
            return Ok(());
        }
    }
}

/// The patch sets that entries speak of. A node that has heard of one has its entry only together with its code:
/// comments are placed by that.
async fn patch_sets_of(
    store: &dyn Store,
    review: ReviewId,
    entries: &[EncodedEntry],
) -> Result<Vec<PatchSetCame>, StoreError> {
    let mut patch_sets = Vec::new();
    for encoded in entries {
        let entry = encoded.decode().map_err(|error| StoreError::corrupt(review, error))?;
        for fact in entry.facts {
            if let Fact::PatchSetAdded { number, .. } = fact {
                let code = patch_set(store, review, number).await?;
                patch_sets.push((number, Arc::new(code), Arc::new(line_map(store, review, number).await?)));
            }
        }
    }
    Ok(patch_sets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_rooms_that_are_alone_ask_no_more_together_than_some() {
        assert_eq!((alone(0), alone(ALONE_TOGETHER as usize)), (LOOK_ALONE_MS, LOOK_ALONE_MS));
        assert_eq!(alone(3_000), 750..2_250);
        for rooms in (1_000..=5_000_usize).step_by(500) {
            let every = alone(rooms);
            let a_second = rooms as u64 * 1_000 * 2 / (every.start + every.end);
            assert!(a_second <= 2 * ALONE_TOGETHER, "{rooms} rooms ask {a_second} times a second");
        }
        assert_eq!(alone(1_000_000), LOOK_MS, "never less often than where all is well");
    }
}
