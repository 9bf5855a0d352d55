//! A client: its replica, its disk, its user's screen, and what its user did.

use std::collections::{BTreeMap, BTreeSet};

use interline_core::change::Entity;
use interline_core::clock::Millis;
use interline_core::entry::{Answer, Head};
use interline_core::id::{ClientId, CommentId, ReviewId, UserId};
use interline_core::sync::{Batcher, Frozen, Rejected, Replica, Save};
use serde_json::{Value, json};
use uuid::Uuid;

use super::disk::Disk;
use super::ink::Pen;
use super::ledger::Ledger;
use super::plan::{ClientSetup, Damage};
use super::screen::Screen;

/// The set that people put tags into.
const TAGS: &str = "tags";
/// The longest sleep.
const MAX_SLEEP_MS: Millis = 60_000;

/// A save under way.
#[derive(Debug)]
pub(super) struct Saving {
    pub(super) generation: u64,
    pub(super) state: Box<Save>,
    /// How many of its user's deeds it holds.
    pub(super) deeds: usize,
}

/// What a client saw as acknowledged when it heard that its server had lost a part of its history.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// Which of its ids was the next.
    pub(super) next: usize,
    /// Its own marks.
    pub(super) marks: String,
    /// What its user had written in the review's fields.
    pub(super) fields: Vec<(String, Value)>,
    /// The tags that it had put in, and its additions of them.
    pub(super) tags: Vec<(String, Value)>,
    /// What its user had decided, on whichever device.
    pub(super) decision: Option<Value>,
}

impl Held {
    /// The words of it alone.
    pub(super) fn words(self) -> Held {
        Held { fields: Vec::new(), tags: Vec::new(), decision: None, ..self }
    }
}

/// One client.
#[derive(Debug)]
pub(super) struct Client {
    /// The id it goes under, behind those that it had before.
    pub(super) ids: Vec<ClientId>,
    /// How many of those its local store cannot know any more.
    pub(super) strange: usize,
    pub(super) user: UserId,
    pub(super) review: ReviewId,
    pub(super) skew_ms: i64,
    pub(super) slow_disk: bool,
    pub(super) replica: Replica,
    pub(super) screen: Screen,
    pub(super) ledger: Ledger,
    pub(super) pen: Pen,
    pub(super) disk: Option<Disk>,
    pub(super) saving: Option<Saving>,
    /// The connection that it holds, by its place among all.
    pub(super) connection: Option<usize>,
    /// Out of reach.
    pub(super) away: bool,
    /// Every batch that it ever sent, once each.
    pub(super) sent: Vec<(ClientId, Frozen)>,
    /// When it wakes by itself, on nobody's clock: setting a clock moves no timer.
    pub(super) alarm: Millis,
    wake_at: Option<Millis>,
    /// Every answer that it was given, across its crashes.
    pub(super) told: Vec<(ClientId, Answer)>,
    /// Every place in the log that it was shown as confirmed, across its crashes.
    pub(super) heard: Vec<Head>,
    /// What it had each time that it heard of lost history.
    pub(super) held: Vec<Held>,
    /// What was refused and its user has discarded, or made once more.
    pub(super) discarded: Vec<Rejected>,
    pub(super) retried: Vec<Rejected>,
    /// In which texts what was pending was rebased three ways, and how much its user had done by then: beside what
    /// that stands, a comparison of texts has decided.
    pub(super) rebased: BTreeMap<CommentId, usize>,
    /// Its local store was copied, or is such a copy: of which client.
    pub(super) copied: Option<usize>,
    /// How often it had to open the review again.
    pub(super) resyncs: usize,
    /// What its user does now is an old text once more.
    pub(super) repeats: bool,
}

impl Client {
    pub(super) fn new(number: usize, setup: &ClientSetup, review: ReviewId) -> Client {
        let id = ClientId(Uuid::from_u128(0x100 + number as u128));
        let user = UserId::new(format!("user{}", setup.user)).expect("a printable name");
        let replica = Replica::new(id, user.clone(), review, Batcher::DEBOUNCE_MS);
        Client {
            ids: vec![id],
            strange: 0,
            user,
            review,
            skew_ms: setup.skew_ms,
            slow_disk: setup.slow_disk,
            screen: Screen::of(&replica),
            replica,
            ledger: Ledger::default(),
            pen: Pen::new(number),
            disk: None,
            saving: None,
            connection: None,
            away: false,
            sent: Vec::new(),
            alarm: 0,
            wake_at: None,
            told: Vec::new(),
            heard: Vec::new(),
            held: Vec::new(),
            discarded: Vec::new(),
            retried: Vec::new(),
            rebased: BTreeMap::new(),
            copied: None,
            resyncs: 0,
            repeats: false,
        }
    }

    /// One that starts from a copy of another's local store.
    pub(super) fn copy(original: &Client, pen: Pen, family: usize) -> Client {
        let setup = ClientSetup { user: 0, skew_ms: original.skew_ms, slow_disk: original.slow_disk };
        let (disk, user) = (original.disk.clone(), original.user.clone());
        // What was done before under other ids it can undo.
        let (ids, copied, ledger) = (original.ids.clone(), Some(family), original.ledger.next());
        Client { ids, user, pen, disk, copied, ledger, ..Client::new(0, &setup, original.review) }
    }

    /// What is pending is about to be rebased three ways.
    pub(super) fn note_rebased(&mut self) {
        let confirmed = &self.replica.confirmed().comments;
        let all: BTreeSet<_> = confirmed.keys().copied().chain(self.screen.standing()).collect();
        for id in all {
            // A comment of its own that is on its way may have come to the server without its hearing of it.
            let of = confirmed.get(&id).map(|comment| comment.text.as_str());
            if self.screen.text(id).is_some_and(|shown| Some(shown) != of) {
                self.rebased.insert(id, self.ledger.len());
            }
        }
    }

    /// What stands in the review that has just come was not lost; what becomes of it later is seen then.
    pub(super) fn still_there(&mut self) {
        let texts: String = self.replica.confirmed().comments.values().map(|one| one.text.as_str()).collect();
        let (fields, sets) = (&self.replica.confirmed().fields, &self.replica.confirmed().sets);
        let decision = self.decision();
        for held in &mut self.held {
            held.marks.retain(|mark| !texts.contains(mark));
            held.tags.retain(|(tag, _)| sets.elements(TAGS).all(|there| there != tag));
            let said = |decision: &Value| decision["said"].clone();
            held.decision.take_if(|held| decision.as_ref().map(said) == Some(said(held)));
            held.fields
                .retain(|(name, value)| fields.value(name).map(|value| json!(value)).as_ref() != Some(value));
        }
    }

    /// What its user has decided, as far as that is acknowledged.
    pub(super) fn decision(&self) -> Option<Value> {
        let decision = self.replica.confirmed().decisions.get(&self.user)?;
        let said = json!({"value": decision.value, "patch_set": decision.patch_set, "note": decision.note});
        Some(json!({"said": said, "stamp": decision.stamp}))
    }

    /// The tags that it has put in, as far as that is acknowledged and shown.
    pub(super) fn tags(&self) -> Vec<(String, Value)> {
        let (confirmed, shown) = (&self.replica.confirmed().sets, self.replica.sets(Entity::Review));
        let shown: BTreeSet<&str> = shown.elements(TAGS).collect();
        let own = &self.ids[self.strange..];
        let put = |tag: &str| {
            let dots = confirmed.get(TAGS).into_iter().flat_map(|tags| tags.dots(tag));
            dots.filter(|dot| own.contains(&dot.client)).collect::<Vec<_>>()
        };
        let tags = confirmed.elements(TAGS).filter(|tag| shown.contains(tag)).map(|tag| (tag, put(tag)));
        tags.filter(|(_, put)| !put.is_empty()).map(|(tag, put)| (tag.to_owned(), json!(put))).collect()
    }

    /// The id that it goes under.
    pub(super) fn id(&self) -> ClientId {
        self.replica.client()
    }

    /// What its clock says.
    pub(super) fn clock(&self, now: Millis) -> Millis {
        now.saturating_add_signed(self.skew_ms)
    }

    /// Sets the timer for what its replica wants done next, as the SDK does: at once if that has changed, else never
    /// for long, for clocks are set.
    pub(super) fn set_alarm(&mut self, now: Millis) {
        let (clock, wake_at) = (self.clock(now), self.replica.wake_at());
        let wait = wake_at.map_or(MAX_SLEEP_MS, |at| at.saturating_sub(clock)).min(MAX_SLEEP_MS);
        let changed = std::mem::replace(&mut self.wake_at, wake_at) != wake_at;
        self.alarm = if changed { now } else { now + wait };
    }

    /// The save under way is on the disk.
    pub(super) fn written(&mut self) -> Option<u64> {
        let Saving { generation, state, deeds } = self.saving.take()?;
        match &mut self.disk {
            Some(disk) => disk.write(*state),
            None => self.disk = Some(Disk::new(*state)),
        }
        self.ledger.keep(deeds);
        Some(generation)
    }

    /// It dies, and starts again from its disk.
    pub(super) fn restart(
        &mut self,
        now: Millis,
        written: bool,
        damage: Option<Damage>,
    ) -> Result<(), String> {
        if written {
            self.written();
        }
        self.saving = None;
        self.ledger.forget();
        let evicted =
            damage == Some(Damage::Evicted) && self.disk.as_ref().is_some_and(|disk| !disk.precious);
        if evicted {
            self.ledger.broken();
            // It goes on under its id, but once it gets another one nothing tells that it had this.
            self.strange = self.ids.len();
            self.disk = None;
        }
        self.replica = match &mut self.disk {
            None => Replica::new(self.id(), self.user.clone(), self.review, Batcher::DEBOUNCE_MS),
            Some(disk) => {
                disk.suffer(damage);
                if damage.is_some() {
                    // What it had of what its server lost may have been in what is broken.
                    self.held.clear();
                    self.ledger.broken();
                }
                let now = now.saturating_add_signed(self.skew_ms);
                Replica::restore(now, disk.read()?, Batcher::DEBOUNCE_MS)
            }
        };
        // It may have died before it had saved a new one, and what it had been told before it took that.
        if self.ids.last() != Some(&self.id()) {
            let before = self.ids.iter().rposition(|id| *id == self.id()).unwrap_or_default();
            self.held.retain(|held| held.next <= before);
            self.ids.push(self.id());
        }
        self.screen = Screen::of(&self.replica);
        Ok(())
    }
}
