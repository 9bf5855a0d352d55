//! A replica on somebody's device: of the drafts or of the review, with its disk and its connection.

use std::collections::{BTreeSet, VecDeque};

use interline_core::clock::Millis;
use interline_core::entry::{Answer, EncodedEntry, Head};
use interline_core::id::{ClientId, UserId};
use interline_core::sync::{Frozen, Replica, ReplicaEffect, ResyncReason, Save};
use interline_core::wire::{ErrorCode, Open, Opened};

use super::shelf::Log;
use crate::disk::Disk;

/// On its way to a server.
#[derive(Clone, Debug)]
pub(super) enum Up {
    Open(Box<Open>),
    Submit(Frozen),
}

/// On its way to a device.
#[derive(Clone, Debug)]
pub(super) enum Down {
    Opened(String),
    HistoryLost,
    Entry(EncodedEntry),
    Answer(Answer),
    Refused(u64, ErrorCode),
}

/// A connection to a server.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) server: usize,
    pub(super) up: VecDeque<Up>,
    pub(super) down: VecDeque<Down>,
    /// Whether the server has opened the log for it, and the client id that it goes by there.
    pub(super) joined: Option<ClientId>,
    /// How often the store had been set back when it began.
    pub(super) epoch: usize,
    /// Whether what the server has was heard.
    pub(super) answered: bool,
}

/// What somebody did, to be looked for at the end: what was not saved before the device died never was.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    Typed(char, String),
    Published { note: Option<String>, comments: Vec<String> },
}

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) log: Log,
    pub(super) user: UserId,
    pub(super) replica: Replica,
    disk: Option<Disk>,
    /// The save under way, and how many deeds it holds.
    saving: Option<(u64, Box<Save>, usize)>,
    slow: bool,
    pub(super) line: Option<Line>,
    /// What was done here; so many of it are on the disk.
    pub(super) deeds: Vec<Deed>,
    kept: usize,
    /// The records of late edits that the review has.
    pub(super) carried: BTreeSet<u64>,
}

impl Peer {
    pub(super) fn new(log: Log, user: UserId, replica: Replica, slow: bool) -> Peer {
        Peer {
            log,
            user,
            replica,
            disk: None,
            saving: None,
            slow,
            line: None,
            deeds: Vec::new(),
            kept: 0,
            carried: BTreeSet::new(),
        }
    }

    /// Carries out what the replica orders.
    pub(super) fn drain(&mut self, now: Millis) -> Result<(), String> {
        while let Some(effect) = self.replica.poll() {
            match effect {
                ReplicaEffect::Save { generation, state } => {
                    self.saving = Some((generation, state, self.deeds.len()));
                    if !self.slow {
                        self.saved(now);
                    }
                }
                ReplicaEffect::Send(frozen) => {
                    let line = self.line.as_mut().ok_or("a batch is sent without a connection")?;
                    line.up.push_back(Up::Submit(frozen));
                }
                ReplicaEffect::Event(interline_core::sync::Event::Stuck(code)) => {
                    return Err(format!("something is stuck: {code:?}"));
                }
                ReplicaEffect::Event(_) => {}
            }
        }
        Ok(())
    }

    /// The save under way is on the disk.
    pub(super) fn saved(&mut self, now: Millis) {
        let Some((generation, state, deeds)) = self.saving.take() else { return };
        match &mut self.disk {
            Some(disk) => disk.write(*state),
            None => self.disk = Some(Disk::new(*state)),
        }
        self.kept = self.kept.max(deeds);
        self.replica.saved(now, generation);
    }

    /// The device dies, and starts again from its disk; `false` if there was nothing on it.
    pub(super) fn restart(&mut self, now: Millis) -> Result<bool, String> {
        self.saving = None;
        self.line = None;
        self.deeds.truncate(self.kept);
        self.carried.clear();
        let Some(disk) = &self.disk else { return Ok(false) };
        self.replica = Replica::restore(now, disk.read()?, 50);
        Ok(true)
    }

    /// Asks a server for the log.
    pub(super) fn connect(&mut self, now: Millis, server: usize, epoch: usize) -> Result<(), String> {
        let open = self.replica.opening();
        let up = VecDeque::from([Up::Open(Box::new(open))]);
        self.line = Some(Line { server, up, down: VecDeque::new(), joined: None, epoch, answered: false });
        self.drain(now)
    }

    pub(super) fn cut(&mut self, now: Millis) -> Result<(), String> {
        self.line = None;
        self.replica.offline();
        self.drain(now)
    }

    /// Takes a frame; where it has to open the log again, says why. A place in the log that it was shown comes with it.
    pub(super) fn receive(
        &mut self,
        now: Millis,
        frame: Down,
    ) -> Result<(Result<(), ResyncReason>, Option<Head>), String> {
        let mut shown = None;
        let taken = match frame {
            Down::Opened(json) => {
                let opened: Opened = serde_json::from_str(&json).map_err(|error| error.to_string())?;
                let whole = opened.snapshot.is_some() || opened.steps.is_some();
                shown = whole.then_some(opened.head);
                if let Some(line) = &mut self.line {
                    line.answered = true;
                }
                self.replica.opened(now, opened)
            }
            Down::HistoryLost => Err(ResyncReason::HistoryLost),
            Down::Entry(entry) => {
                shown = Some(Head { version: entry.version, hash: entry.hash });
                self.replica.receive(now, &entry)
            }
            Down::Answer(answer) => self.replica.answered(now, answer),
            Down::Refused(seq, code) => self.replica.refused(now, seq, code, code.retryable(), Some(20)),
        };
        self.drain(now)?;
        Ok((taken, shown.filter(|_| taken.is_ok())))
    }

    /// Whether nothing is left to say.
    pub(super) fn is_done(&self) -> bool {
        let line = self.line.as_ref();
        let quiet = line.is_some_and(|line| line.answered && line.up.is_empty() && line.down.is_empty());
        quiet && self.replica.is_online() && self.replica.unsynced().count == 0 && self.saving.is_none()
    }

    /// What is set aside here.
    pub(super) fn aside(&self) -> String {
        self.replica.rejected().iter().filter_map(|record| serde_json::to_string(record).ok()).collect()
    }

    /// The drafts that can be published.
    pub(super) fn drafts(&self) -> Vec<interline_core::id::CommentId> {
        self.replica.list_drafts().into_iter().map(|draft| draft.id).collect()
    }
}
