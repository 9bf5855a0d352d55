//! How servers let a client in: at once, or once they have looked at what it lacks, or once a seq is settled.

use interline_core::entry::{Answer, EncodedEntry, Step};
use interline_core::sync::{CatchUp, Settled};
use interline_core::wire::{ErrorCode, Open, Opened};

use super::failure::{Check, Failure};
use super::network::{Connection, Down, Joining};
use super::plan::Form;
use super::world::World;

/// A client that lacks no more entries than this gets them one by one.
const FEW: u64 = 3;

/// Whether a client is in.
enum Let {
    In,
    /// It has to be asked again.
    Waits,
}

impl World {
    /// Opens the review for a connection, or begins to; says `false` while it cannot.
    pub(super) fn open(
        &mut self,
        at: usize,
        open: &Open,
        clock: u64,
        (form, waits): (Form, u8),
    ) -> Result<bool, Failure> {
        let Connection { node: n, id, .. } = self.connections[at];
        let last = self.store.last_answer(id);
        // The client may have been at another server: then this one has to catch up first.
        let have = open.have.map_or(0, |have| have.version).min(self.store.head().version);
        let held = self.held(open).unwrap_or_default();
        if !self
            .reaches(n, have.max(held).max(last.as_ref().and_then(Answer::version).unwrap_or_default()))?
        {
            return Ok(false);
        }
        let split = self.nodes[n].split;
        let now = self.nodes[n].clock(self.now);
        let Some(sequencer) = self.nodes[n].sequencer.as_mut().filter(|_| !split) else { return Ok(false) };
        sequencer.client_opened(id, last);
        let connection = &mut self.connections[at];
        connection.opened = Some(now.cast_signed() - clock.cast_signed());
        let joining = Joining { open: open.clone(), form, waits: waits % 4, queued: Vec::new() };
        connection.joining = Some(Box::new(joining));
        self.run(n)?;
        Ok(true)
    }

    /// The newest of the heads that a client knows which the log goes through.
    fn held(&self, open: &Open) -> Option<u64> {
        open.known.iter().filter(|known| self.store.holds(**known)).map(|known| known.version).max()
    }

    /// Lets in whoever can be by now.
    pub(super) fn join_all(&mut self, n: usize) -> Result<(), Failure> {
        if self.nodes[n].split || self.nodes[n].sequencer.is_none() {
            return Ok(());
        }
        for at in 0..self.connections.len() {
            let connection = &mut self.connections[at];
            let Some(joining) =
                connection.joining.take_if(|joining| connection.node == n && joining.waits == 0)
            else {
                continue;
            };
            match self.join(at, &joining)? {
                Let::In => {
                    let connection = &mut self.connections[at];
                    joining.queued.into_iter().for_each(|entry| connection.tell(Down::Entry(entry)));
                }
                Let::Waits => self.connections[at].joining = Some(joining),
            }
        }
        Ok(())
    }

    fn join(&mut self, at: usize, joining: &Joining) -> Result<Let, Failure> {
        let Joining { open, form, .. } = joining;
        let Connection { node: n, id, .. } = self.connections[at];
        let trimmed = self.store.trimmed();
        let gone = |version: u64| version < trimmed;
        // What was trimmed keeps its hashes.
        if let Some(have) = open.have
            && !self.store.holds(have)
        {
            self.record.note(format_args!("node {n} does not have {have:?}"));
            let connection = &mut self.connections[at];
            connection.tell(Down::Error(ErrorCode::HistoryLost));
            connection.opened = None;
            return Ok(Let::In);
        }
        let settle = open.in_flight.as_ref().map(|batch| batch.seq);
        let stale = open.in_flight.as_ref().is_some_and(|batch| gone(batch.base));
        let have = open.have.filter(|have| !gone(have.version) && !stale && *form != Form::Settled);
        let last = self.store.last_answer(id);
        let sequencer = self.sequencer(n);
        let head = sequencer.head();
        let mut opened = Opened { requested: open.review.clone(), ..Opened::new(self.review, head) };
        opened.held = self.held(open);
        let mut entries: Vec<EncodedEntry> = Vec::new();
        match have {
            Some(have) => {
                let behind = self.store.entries(have.version, head.version).unwrap_or_default().to_vec();
                let touched: Vec<_> =
                    open.in_flight.iter().flat_map(|batch| batch.comments.clone()).collect();
                let form = match form {
                    Form::Fitting if behind.len() as u64 <= FEW => Form::Entries,
                    Form::Fitting => Form::Steps,
                    form => *form,
                };
                if form == Form::Entries {
                    entries = behind;
                } else {
                    opened.steps = match form {
                        Form::Beside => steps(CatchUp::beside_snapshot(touched.clone()), &behind)?,
                        _ => steps(CatchUp::new(touched.clone()), &behind)?,
                    };
                    if form == Form::Beside || opened.steps.is_none() {
                        opened.steps = steps(CatchUp::beside_snapshot(touched), &behind)?;
                        opened.snapshot = Some(self.sequencer(n).committed().clone());
                    }
                }
                // What it says here it has to go by itself: the client may have been at another server meanwhile.
                self.sequencer(n).client_opened(id, last.clone());
                opened.last = last;
            }
            None => {
                let sequencer = self.sequencer(n);
                if let Some(seq) = settle
                    && sequencer.settle_seq(id, seq) == Settled::Pending
                {
                    self.record.note(format_args!("node {n} settles {seq} of {id}"));
                    self.effects(n)?;
                    return Ok(Let::Waits);
                }
                opened.last = sequencer.last_answer(id).cloned();
                // Another server may have taken the batch meanwhile.
                if opened.last.as_ref().and_then(Answer::version) > Some(head.version) {
                    return Ok(Let::Waits);
                }
                opened.snapshot = Some(self.sequencer(n).committed().clone());
            }
        }
        self.record.note(format_args!(
            "node {n} opens for {id} at {}: whole {}, steps {:?}, {} entries, last {:?}",
            head.version,
            opened.snapshot.is_some(),
            opened.steps.as_ref().map(Vec::len),
            entries.len(),
            opened.last.as_ref().map(|last| last.seq)
        ));
        let json = serde_json::to_string(&opened).map_err(|e| Failure::new(Check::Stream, e.to_string()))?;
        let connection = &mut self.connections[at];
        connection.tell(Down::Opened(json.into()));
        entries.into_iter().for_each(|entry| connection.tell(Down::Entry(entry)));
        Ok(Let::In)
    }
}

fn steps(mut gathered: CatchUp, behind: &[EncodedEntry]) -> Result<Option<Vec<Step>>, Failure> {
    for entry in behind {
        let entry = entry.decode().map_err(|error| Failure::new(Check::Stream, error.to_string()))?;
        gathered.push(&entry);
    }
    Ok(gathered.finish())
}
