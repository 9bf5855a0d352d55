//! What happens between clients and servers.

use interline_core::entry::{Answer, Head};
use interline_core::sync::{Replica, ResyncReason};
use interline_core::wire::{ErrorCode, Opened};

use super::client::Held;
use super::failure::{Check, Failure};
use super::network::{Connection, Down, Up};
use super::plan::Form;
use super::resync::held;
use super::world::World;

impl World {
    /// Connects a client that has no connection, and asks for the review: all of it, or what it does not have.
    pub(super) fn connect(
        &mut self,
        c: usize,
        n: usize,
        whole: bool,
        how: (Form, u8),
    ) -> Result<(), Failure> {
        let client = &self.clients[c];
        if client.connection.is_some() || client.away || self.nodes[n].sequencer.is_none() {
            return Ok(());
        }
        if whole {
            self.clients[c].replica.start_over();
        }
        let open = self.with(c, |replica, _| replica.opening())?;
        let client = &self.clients[c];
        let mut connection = Connection::new(c, client.id(), n, self.store.restores());
        connection.up.push_back(Up::Open { open: Box::new(open), clock: client.clock(self.now), how });
        self.clients[c].connection = Some(self.connections.len());
        self.connections.push(connection);
        Ok(())
    }

    /// The client gives up its connection.
    pub(super) fn cut(&mut self, c: usize) -> Result<(), Failure> {
        let Some(connection) = self.clients[c].connection.take() else { return Ok(()) };
        self.record.fault();
        self.connections[connection].cut();
        self.with(c, |replica, _| replica.offline())
    }

    /// The server gives up a client's connection.
    pub(super) fn kick(&mut self, c: usize) {
        if let Some(connection) = self.clients[c].connection {
            self.record.fault();
            self.close(connection);
        }
    }

    /// The next batch on its way to the server is there twice.
    pub(super) fn again(&mut self, c: usize) {
        let Some(connection) = self.clients[c].connection else { return };
        let up = &mut self.connections[connection].up;
        if let Some(at) = up.iter().position(|frame| matches!(frame, Up::Submit(_))) {
            let frame = up[at].clone();
            up.insert(at, frame);
            self.record.fault();
        }
    }

    /// The connection breaks: only the first frames on their way still arrive.
    pub(super) fn breaks(&mut self, c: usize, up: u8, down: u8) -> Result<(), Failure> {
        let Some(connection) = self.clients[c].connection else { return Ok(()) };
        self.down(c, down)?;
        self.connections[connection].up.truncate(up.into());
        self.cut(c)
    }

    /// A batch that was sent at some time arrives once more, ahead of whatever is on its way.
    pub(super) fn echo(&mut self, c: usize, batch: usize, pick: usize) -> Result<(), Failure> {
        let held = |one: &Connection| one.client == c && one.is_joined();
        let held: Vec<_> = (0..self.connections.len()).filter(|at| held(&self.connections[*at])).collect();
        let sent = &self.clients[c].sent;
        // Mostly the last, which may be under way still.
        let batch = if batch < 128 { sent.last() } else { sent.get(batch % sent.len().max(1)) };
        let (Some((id, batch)), Some(at)) = (batch.cloned(), held.get(pick % held.len().max(1)).copied())
        else {
            return Ok(());
        };
        if self.connections[at].id == id && self.reaches(self.connections[at].node, batch.base)? {
            self.record.fault();
            self.submit(at, &batch)?;
        }
        Ok(())
    }

    /// A server takes a frame of some connection that its client has given up.
    pub(super) fn stale(&mut self, pick: usize) -> Result<(), Failure> {
        let stale = |connection: &Connection| connection.server_end && !connection.client_end;
        let all: Vec<_> = (0..self.connections.len()).filter(|at| stale(&self.connections[*at])).collect();
        match all.get(pick % all.len().max(1)) {
            Some(connection) => {
                self.record.fault();
                self.take(*connection).map(|_| ())
            }
            None => Ok(()),
        }
    }

    /// Frames of a client reach its server.
    pub(super) fn up(&mut self, c: usize, frames: u8) -> Result<(), Failure> {
        let Some(connection) = self.clients[c].connection.filter(|_| !self.clients[c].away) else {
            return Ok(());
        };
        for _ in 0..frames {
            if !self.take(connection)? {
                break;
            }
        }
        Ok(())
    }

    /// Frames reach a client; at the end of a connection that its server gave up it hears of that.
    pub(super) fn down(&mut self, c: usize, frames: u8) -> Result<(), Failure> {
        for _ in 0..frames {
            let Some(connection) = self.clients[c].connection.filter(|_| !self.clients[c].away) else {
                break;
            };
            match self.connections[connection].down.pop_front() {
                Some(frame) => self.receive(c, connection, frame)?,
                None if self.connections[connection].server_end => break,
                None => {
                    self.clients[c].connection = None;
                    self.connections[connection].cut();
                    self.with(c, |replica, _| replica.offline())?;
                }
            }
        }
        Ok(())
    }

    fn receive(&mut self, c: usize, connection: usize, frame: Down) -> Result<(), Failure> {
        let broken = |what: String| Failure::new(Check::Stream, format!("client {c}: {what}"));
        let limits = self.limits;
        match frame {
            Down::Opened(json) => {
                let opened: Opened =
                    serde_json::from_str(&json).map_err(|error| broken(error.to_string()))?;
                let caught_up = opened.snapshot.is_some() || opened.steps.is_some();
                let (head, last) = (opened.head, opened.last.clone());
                let whole = opened.snapshot.is_some();
                if whole {
                    self.clients[c].note_rebased();
                }
                // What is replaced here may be of a log that was set back, whether the client notices that or not.
                let replaced = whole && self.store.restores() > 0;
                let replaced = replaced.then(|| held(&self.clients[c]));
                let taken = self.with(c, |replica: &mut Replica, now| {
                    replica.set_limits(limits);
                    replica.opened(now, opened)
                })?;
                if let Err(reason) = taken {
                    return self.resync(c, reason, &json);
                }
                self.clients[c].held.extend(replaced.map(Held::words));
                if whole {
                    self.clients[c].still_there();
                }
                if let Some(last) = last {
                    self.answered(c, connection, last);
                }
                if caught_up {
                    self.heard(c, connection, head);
                }
                Ok(())
            }
            Down::Error(ErrorCode::HistoryLost) => self.resync(c, ResyncReason::HistoryLost, "opening"),
            Down::Error(code) => Err(broken(format!("{code:?}"))),
            Down::Entry(entry) => {
                let taken = self.with(c, |replica, now| replica.receive(now, &entry))?;
                if let Err(reason) = taken {
                    return self.resync(c, reason, &format!("entry {}: {}", entry.version, entry.payload));
                }
                self.heard(c, connection, Head { version: entry.version, hash: entry.hash });
                Ok(())
            }
            Down::Answer(answer) => {
                self.answered(c, connection, answer.clone());
                let taken = self.with(c, |replica, now| replica.answered(now, answer))?;
                taken.map_or_else(|reason| self.resync(c, reason, "an answer"), Ok)
            }
            Down::Refused(seq, code) => {
                let taken =
                    self.with(c, |replica, now| replica.refused(now, seq, code, code.retryable(), Some(20)))?;
                taken.map_or_else(|reason| self.resync(c, reason, &format!("{code:?} {seq}")), Ok)
            }
        }
    }

    /// A client was shown a place in the log. Word from before the store was set back may be of what is lost.
    fn heard(&mut self, c: usize, connection: usize, head: Head) {
        self.clients[c].ledger.shown(head.version);
        if self.connections[connection].epoch == self.store.restores() || self.store.holds(head) {
            self.clients[c].heard.push(head);
        }
    }

    fn answered(&mut self, c: usize, connection: usize, answer: Answer) {
        let told = (self.connections[connection].id, answer);
        if self.connections[connection].epoch == self.store.restores() || self.store.written().contains(&told)
        {
            self.clients[c].told.push(told);
        }
    }

    /// A server takes the next frame of a connection, or notices that it is gone. Says whether there was one.
    pub(super) fn take(&mut self, connection: usize) -> Result<bool, Failure> {
        let Connection { client, node, server_end, client_end, .. } = self.connections[connection];
        if !server_end {
            return Ok(false);
        }
        if let Some(joining) = &mut self.connections[connection].joining {
            joining.waits = joining.waits.saturating_sub(1);
            self.run(node)?;
            return Ok(self.connections[connection].joining.is_none());
        }
        match self.connections[connection].up.pop_front() {
            Some(Up::Open { open, clock, how }) => {
                if !self.open(connection, &open, clock, how)? {
                    self.connections[connection].up.push_front(Up::Open { open, clock, how });
                    return Ok(false);
                }
            }
            Some(Up::Submit(frozen)) => {
                if !self.reaches(node, frozen.base)? {
                    self.connections[connection].up.push_front(Up::Submit(frozen));
                    return Ok(false);
                }
                self.submit(connection, &frozen)?;
            }
            None if client_end => return Ok(false),
            None => {
                self.record.note(format_args!("node {node} notices that client {client} is gone"));
                self.close(connection);
            }
        }
        Ok(true)
    }

    /// A server closes a connection, and forgets its client if that was the last one.
    pub(super) fn close(&mut self, connection: usize) {
        let Connection { id, node, opened, .. } = self.connections[connection];
        self.connections[connection].kick();
        let others = self
            .connections
            .iter()
            .any(|other| other.id == id && other.node == node && other.server_end && other.opened.is_some());
        if let Some(sequencer) = &mut self.nodes[node].sequencer
            && opened.is_some()
            && !others
        {
            sequencer.client_closed(id);
        }
    }
}
