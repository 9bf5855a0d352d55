//! A server: the sequencers of both logs, and what their rooms do for each other.

use std::sync::Arc;

use interline_core::clock::Millis;
use interline_core::diff::PatchSet;
use interline_core::entry::{Answer, EncodedEntry, Head};
use interline_core::id::{ClientId, ReviewId};
use interline_core::limits::Limits;
use interline_core::review::{PatchSets, Review};
use interline_core::sync::{Append, Publication, PublicationOutcome, Refusal, Sequencer, SequencerEffect};

use super::shelf::{Log, Outcome, Shelves};

/// What a server has to say, and to whom.
#[derive(Debug)]
pub(super) enum Say {
    /// An entry, to everybody who is in the log.
    Entry(Log, EncodedEntry),
    Answer(Log, ClientId, Answer),
    Refuse(Log, ClientId, u64, Refusal),
}

/// One server that runs.
#[derive(Debug)]
pub(super) struct Server {
    review: Sequencer,
    drafts: Sequencer,
    /// The appends that wait for the store.
    appends: Vec<(Log, Append)>,
    /// What is to be appended to the drafts together with the review's part.
    linked: Option<Append>,
    /// Where the drafts ended when the review said that they had gone on.
    overtaken_at: Option<Head>,
    pub(super) says: Vec<Say>,
}

impl Server {
    /// Starts from the store.
    pub(super) fn start(store: &Shelves, review: ReviewId, code: Arc<PatchSet>) -> Result<Server, String> {
        let load = |log, id| -> Result<Sequencer, String> {
            let mut fold = Review::new(id);
            for encoded in &store.of(log).log {
                let entry = encoded.decode().map_err(|error| error.to_string())?;
                fold.apply(&entry).map_err(|error| error.to_string())?;
            }
            let mut codes = PatchSets::default();
            if log == Log::Review {
                codes.insert(1, code.clone());
            }
            let mut sequencer = Sequencer::new(fold, store.of(log).head(), codes, Limits::default());
            if log == Log::Drafts {
                sequencer.give_code(1, code.clone());
            }
            Ok(sequencer)
        };
        let owner = super::life::ann();
        let (review, drafts) = (load(Log::Review, review)?, load(Log::Drafts, review.drafts_of(&owner))?);
        let (appends, says) = (Vec::new(), Vec::new());
        Ok(Server { review, drafts, appends, linked: None, overtaken_at: None, says })
    }

    pub(super) fn of(&mut self, log: Log) -> &mut Sequencer {
        match log {
            Log::Review => &mut self.review,
            Log::Drafts => &mut self.drafts,
        }
    }

    /// Carries out what both sequencers order, until the store is needed.
    pub(super) fn run(&mut self, now: Millis, store: &Shelves) -> Result<(), String> {
        loop {
            if let Some(effect) = self.drafts.poll() {
                self.effect(now, store, Log::Drafts, effect)?;
            } else if let Some(effect) = self.review.poll() {
                self.effect(now, store, Log::Review, effect)?;
            } else {
                return Ok(());
            }
        }
    }

    fn effect(
        &mut self,
        now: Millis,
        store: &Shelves,
        log: Log,
        effect: SequencerEffect,
    ) -> Result<(), String> {
        match effect {
            SequencerEffect::Append(append) => match publishes(&append) {
                Some(publication) if log == Log::Drafts => {
                    if append.records.len() != 1 || self.linked.replace(append).is_some() {
                        return Err("a publication is not alone in its append".into());
                    }
                    self.review.publish(now, publication);
                }
                _ if self.appends.iter().any(|(of, _)| *of == log) => {
                    return Err(format!("two appends to {log:?} are under way"));
                }
                _ => self.appends.push((log, append)),
            },
            SequencerEffect::Deliver(entry) => {
                let head = Head { version: entry.version, hash: entry.hash };
                if !store.of(log).holds(head) {
                    return Err(format!("{log:?} {} is delivered before it is durable", entry.version));
                }
                self.says.push(Say::Entry(log, entry));
            }
            SequencerEffect::Answer(client, answer) => {
                if store.of(log).last(client).is_none_or(|last| last.seq < answer.seq) {
                    return Err(format!("{client} is given an answer that is not durable: {answer:?}"));
                }
                self.says.push(Say::Answer(log, client, answer));
            }
            SequencerEffect::Refuse(client, seq, refusal) => {
                self.says.push(Say::Refuse(log, client, seq, refusal));
            }
            SequencerEffect::Publication(_, outcome) => self.published(now, store, outcome)?,
            SequencerEffect::PatchSet(..) => return Err("nobody uploads".into()),
        }
        Ok(())
    }

    /// What the review has made of what the log of drafts publishes.
    fn published(&mut self, now: Millis, store: &Shelves, outcome: PublicationOutcome) -> Result<(), String> {
        self.linked = None;
        match outcome {
            PublicationOutcome::Published => self.drafts.appended().map_err(|error| error.to_string()),
            PublicationOutcome::Refused(reason) => {
                self.drafts.refused_publication(now, reason);
                Ok(())
            }
            PublicationOutcome::StoreFailed => {
                self.drafts.failed();
                Ok(())
            }
            PublicationOutcome::Overtaken => {
                let head = self.drafts.head();
                if self.overtaken_at.replace(head) == Some(head) && store.of(Log::Drafts).head() == head {
                    return Err("the drafts are said to have gone on, and have not".into());
                }
                self.read_on(now, store, Log::Drafts)
            }
        }
    }

    /// Whether anything waits for the store.
    pub(super) fn waits(&self) -> bool {
        !self.appends.is_empty()
    }

    /// The store deals with the append that waits longest.
    pub(super) fn commit(&mut self, now: Millis, store: &mut Shelves) -> Result<(), String> {
        if self.appends.is_empty() {
            return Ok(());
        }
        let (log, append) = self.appends.remove(0);
        match self.put(store, log, &append) {
            Outcome::Appended => self.of(log).appended().map_err(|error| error.to_string())?,
            Outcome::Lost => self.read_on(now, store, log)?,
            Outcome::LinkedLost => {
                self.of(log).unlinked();
                self.read_on(now, store, log)?;
            }
        }
        self.run(now, store)
    }

    /// It fails for certain.
    pub(super) fn fail(&mut self, now: Millis, store: &Shelves) -> Result<(), String> {
        if !self.appends.is_empty() {
            let (log, _) = self.appends.remove(0);
            self.of(log).failed();
        }
        self.run(now, store)
    }

    /// It happens, and the server does not live to hear of it.
    pub(super) fn die_after_appending(mut self, store: &mut Shelves) {
        if !self.appends.is_empty() {
            let (log, append) = self.appends.remove(0);
            self.put(store, log, &append);
        }
    }

    fn put(&self, store: &mut Shelves, log: Log, append: &Append) -> Outcome {
        let linked = publishes(append).and(self.linked.as_ref());
        store.append(log, append, linked)
    }

    /// The log has gone on without this server.
    pub(super) fn read_on(&mut self, now: Millis, store: &Shelves, log: Log) -> Result<(), String> {
        let sequencer = self.of(log);
        let read = store.of(log).behind(sequencer.head().version).to_vec();
        let clients = sequencer.known_clients().into_iter();
        let answers = clients.map(|client| (client, store.of(log).last(client))).collect();
        sequencer.lost(now, read, answers).map_err(|error| error.to_string())
    }

    /// Looks whether a log has gone on; while it appends there, the append will tell.
    pub(super) fn tail_check(&mut self, now: Millis, store: &Shelves, log: Log) -> Result<(), String> {
        let busy = self.appends.iter().any(|(of, _)| *of == log);
        let publishing = log == Log::Drafts && self.linked.is_some();
        if busy || publishing || self.of(log).head() == store.of(log).head() {
            return Ok(());
        }
        self.read_on(now, store, log)?;
        self.run(now, store)
    }
}

fn publishes(append: &Append) -> Option<Arc<Publication>> {
    append.records.iter().find_map(|record| record.publication.clone())
}
