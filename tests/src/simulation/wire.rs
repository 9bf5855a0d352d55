//! What happens between clients and servers.

use interline_core::entry::Head;
use interline_core::sync::Replica;

use super::failure::{Check, Failure};
use super::network::{Connection, Down, Up};
use super::world::{World, fail};

impl World {
    /// Connects a client that has no connection, and asks for the review: all of it, or what it does not have.
    pub(super) fn connect(&mut self, c: usize, n: usize, whole: bool) -> Result<(), Failure> {
        let client = &self.clients[c];
        if client.connection.is_some() || client.away || self.nodes[n].sequencer.is_none() {
            return Ok(());
        }
        let have = if whole { None } else { client.replica.head() };
        let mut connection = Connection::new(c, n);
        connection.up.push_back(Up::Open { have, clock: client.clock(self.now) });
        self.clients[c].connection = Some(self.connections.len());
        self.connections.push(connection);
        self.with(c, |replica, _| replica.opening())
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
                Some(frame) => self.receive(c, frame)?,
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

    fn receive(&mut self, c: usize, frame: Down) -> Result<(), Failure> {
        let broken = |what: String| Failure::new(Check::Stream, format!("client {c}: {what}"));
        let limits = self.limits;
        match frame {
            Down::Resumed(version) => self.with(c, |replica: &mut Replica, now| {
                replica.set_limits(limits);
                replica.resumed(now, version);
            }),
            Down::Snapshot(json, head) => {
                let review = serde_json::from_str(&json).map_err(|error| broken(error.to_string()))?;
                self.clients[c].heard.push(head);
                let taken = self.with(c, |replica, now| {
                    replica.set_limits(limits);
                    replica.snapshot(now, review, head)
                })?;
                taken.map_err(|reason| broken(format!("{reason} (a snapshot of {})", head.version)))
            }
            Down::Entry(entry) => {
                self.clients[c].heard.push(Head { version: entry.version, hash: entry.hash });
                let taken = self.with(c, |replica, now| replica.receive(now, &entry))?;
                taken.map_err(|reason| {
                    broken(format!("{reason} (entry {}: {})", entry.version, entry.payload))
                })
            }
            Down::Answer(answer) => self.with(c, |replica, now| replica.answered(now, answer)),
            Down::Refused(seq, code) => {
                self.with(c, |replica, now| replica.refused(now, seq, code, code.retryable(), Some(20)))
            }
        }
    }

    /// A server takes the next frame of a connection, or notices that it is gone. Says whether there was one.
    pub(super) fn take(&mut self, connection: usize) -> Result<bool, Failure> {
        let Connection { client, node, server_end, client_end, .. } = self.connections[connection];
        if !server_end {
            return Ok(false);
        }
        match self.connections[connection].up.pop_front() {
            Some(Up::Open { have, clock }) => {
                let version = have.map_or(0, |have| have.version);
                if !self.reaches(node, version)? || !self.open(connection, have, clock)? {
                    self.connections[connection].up.push_front(Up::Open { have, clock });
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
        let Connection { client, node, opened, .. } = self.connections[connection];
        self.connections[connection].kick();
        let others = self.connections.iter().any(|other| {
            other.client == client && other.node == node && other.server_end && other.opened.is_some()
        });
        let id = self.clients[client].id;
        if let Some(sequencer) = &mut self.nodes[node].sequencer
            && opened.is_some()
            && !others
        {
            sequencer.client_closed(id);
        }
    }

    /// A stream that does not hold.
    pub(super) fn lost_history<T>(&self, c: usize, have: Head) -> Result<T, Failure> {
        fail(Check::Stream, format!("the log does not have what client {c} has: {have:?}"))
    }
}
