//! A new state of the code on its way into the log: an entry like any other, through the same append, so that every
//! comment is placed on one side of it or the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::sequencer::{BrokenLog, Record, Sequencer, SequencerEffect};
use crate::clock::Millis;
use crate::diff::{LineMap, PatchSet};
use crate::entry::{Answer, AnswerResult, ENTRY_FORMAT, Entry, Fact, Hash};
use crate::id::{ClientId, UserId, Version};
use crate::review::{Move, Place};

/// A patch set to be added.
#[derive(Clone, Debug)]
pub struct NewPatchSet {
    /// The number behind the newest one's.
    pub number: u32,
    /// Who adds it.
    pub author: UserId,
    /// The code.
    pub code: Arc<PatchSet>,
    /// Where the lines of the one before are.
    pub map: Arc<LineMap>,
    /// `code` in JSON, for the store.
    pub code_json: Arc<str>,
    /// `map` in JSON.
    pub map_json: Arc<str>,
    /// The hash of the request's body.
    pub body_hash: Hash,
    /// A name of the caller's for the request.
    pub key: Option<String>,
}

/// What became of a patch set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PatchSetOutcome {
    /// It is durable, as this entry.
    Added(Version),
    /// Another has its number: its map is for other code. Nothing of it happened.
    Overtaken,
    /// The store did not take it. Nothing of it happened.
    StoreFailed,
}

impl NewPatchSet {
    /// Patch sets are the server's own batches, counted behind the one that the review was created with.
    pub const CLIENT: ClientId = ClientId(Uuid::nil());
}

impl Sequencer {
    /// Takes in a patch set. What became of it is said by a [`SequencerEffect::PatchSet`].
    pub fn add_patch_set(&mut self, now: Millis, new: NewPatchSet) {
        self.sequence_patch_set(now, Arc::new(new));
        self.append();
    }

    /// A patch set that another server has added: to be called before the entry that says so comes by
    /// [`lost`](Sequencer::lost) or [`overhear`](Sequencer::overhear).
    pub fn learn_patch_set(&mut self, number: u32, code: Arc<PatchSet>, map: Arc<LineMap>) {
        if number > self.committed().patch_set {
            self.learned.insert(number, (code, map));
        }
    }

    pub(super) fn sequence_patch_set(&mut self, now: Millis, new: Arc<NewPatchSet>) {
        let number = new.number;
        if Some(number) != self.tip.patch_set.checked_add(1) {
            let overtaken = SequencerEffect::PatchSet(number, PatchSetOutcome::Overtaken);
            return self.push_effect(overtaken);
        }
        self.patch_sets.insert(number, new.code.clone());
        self.patch_sets.insert_map(number, new.map.clone());
        let version = self.tip.version + 1;
        let facts = vec![Fact::PatchSetAdded { number, moves: self.moves(number) }];
        let seq = u64::from(number) - 1;
        let entry = Entry {
            format: ENTRY_FORMAT,
            version,
            author: new.author.clone(),
            client: NewPatchSet::CLIENT,
            seq,
            at: now,
            facts,
            verdicts: Vec::new(),
        };
        match self.tip.apply(&entry) {
            Ok(()) => {
                let result = AnswerResult::Committed { version, hash: None, verdicts: Vec::new() };
                let answer = Answer { seq, payload: new.body_hash, result };
                let record = Record { patch_set: Some(new), ..Record::new(NewPatchSet::CLIENT, answer) };
                self.push_record(record, Some(entry), None);
            }
            Err(error) => self.distrust_tip(&error, None),
        }
    }

    /// Where every thread stands once a patch set is there.
    fn moves(&self, number: u32) -> Vec<Move> {
        let moves = self.tip.comments.values().filter_map(|comment| {
            let Place::Line(anchor) = &comment.place else { return None };
            let (anchor, standing) = self.patch_sets.carry(anchor, comment.standing.as_ref(), number)?;
            Some(Move { comment: comment.id, anchor, standing })
        });
        moves.collect()
    }

    /// Whether the code that an entry of another server's speaks of is here or was learned.
    pub(super) fn has_code_of(&self, entry: &Entry) -> bool {
        entry.facts.iter().all(|fact| match fact {
            Fact::PatchSetAdded { number, .. } => {
                self.patch_sets.get(*number).is_some() || self.learned.contains_key(number)
            }
            _ => true,
        })
    }

    /// The code that an entry of another server's speaks of.
    pub(super) fn take_learned(&mut self, entry: &Entry) -> Result<(), BrokenLog> {
        for fact in &entry.facts {
            let Fact::PatchSetAdded { number, .. } = fact else { continue };
            if self.patch_sets.get(*number).is_some() {
                continue;
            }
            let (code, map) = self.learned.remove(number).ok_or(BrokenLog::PatchSet(*number))?;
            self.patch_sets.insert(*number, code);
            self.patch_sets.insert_map(*number, map);
        }
        Ok(())
    }
}

/// Patch sets of other servers whose entries have not come yet.
pub(super) type Learned = BTreeMap<u32, (Arc<PatchSet>, Arc<LineMap>)>;
