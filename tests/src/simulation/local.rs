//! A client's machinery: its effects, its disk, its timers.

use interline_core::clock::Millis;
use interline_core::sync::{Event, Replica, ReplicaEffect};

use super::client::{Saving, read, write};
use super::failure::{Check, Failure};
use super::network::Up;
use super::world::{World, fail};

impl World {
    /// Calls a replica with what its clock says, and carries out what it orders.
    pub(super) fn with<T>(
        &mut self,
        c: usize,
        call: impl FnOnce(&mut Replica, Millis) -> T,
    ) -> Result<T, Failure> {
        let now = self.clients[c].clock(self.now);
        let result = call(&mut self.clients[c].replica, now);
        self.drain(c)?;
        Ok(result)
    }

    /// Carries out what a replica orders.
    pub(super) fn drain(&mut self, c: usize) -> Result<(), Failure> {
        while let Some(effect) = self.clients[c].replica.poll() {
            match effect {
                ReplicaEffect::Save { generation, state } => {
                    let json = write(&state).map_err(|what| Failure::new(Check::Saved, what))?;
                    self.record.note(format_args!("client {c} saves {generation}: {json}"));
                    if read(&json).map_err(|what| Failure::new(Check::Saved, what))? != *state {
                        return fail(Check::Saved, format!("reads otherwise than it was written: {json}"));
                    }
                    let client = &mut self.clients[c];
                    client.saving = Some(Saving { generation, json, deeds: client.ledger.len() });
                    if !client.slow_disk {
                        self.save_done(c);
                    }
                }
                ReplicaEffect::Send(frozen) => {
                    self.record.note(format_args!("client {c} sends {}", frozen.payload));
                    let Some(connection) = self.clients[c].connection else {
                        return fail(Check::Order, "a batch was to be sent with no connection");
                    };
                    self.connections[connection].send(Up::Submit(frozen));
                }
                ReplicaEffect::Event(event) => {
                    self.record.note(format_args!("client {c} shows {event:?}"));
                    if let Event::Stuck(code) = event {
                        return fail(Check::Refused, format!("client {c} is stuck: {code:?}"));
                    }
                    let client = &mut self.clients[c];
                    client
                        .screen
                        .show(&event, &client.replica)
                        .map_err(|what| Failure::new(Check::Screen, what))?;
                }
            }
        }
        let client = &mut self.clients[c];
        let shown = client.screen.check(&client.replica);
        shown.map_err(|what| Failure::new(Check::Screen, format!("client {c}: {what}")))
    }

    /// The save under way is on the disk, and the replica hears of it.
    fn save_done(&mut self, c: usize) {
        let client = &mut self.clients[c];
        if let Some(saving) = client.written() {
            let now = client.clock(self.now);
            client.replica.saved(now, saving.generation);
        }
    }

    pub(super) fn saved(&mut self, c: usize) -> Result<(), Failure> {
        self.save_done(c);
        self.drain(c)
    }

    pub(super) fn save_fails(&mut self, c: usize) -> Result<(), Failure> {
        if self.clients[c].saving.take().is_none() {
            return Ok(());
        }
        self.record.fault();
        self.with(c, Replica::save_failed)
    }

    /// The client dies and starts again.
    pub(super) fn restart(&mut self, c: usize, written: bool) -> Result<(), Failure> {
        self.record.fault();
        if let Some(connection) = self.clients[c].connection.take() {
            self.connections[connection].cut();
        }
        let now = self.now;
        self.clients[c].restart(now, written).map_err(|what| Failure::new(Check::Saved, what))?;
        self.drain(c)
    }

    /// Wakes every replica whose time has come.
    pub(super) fn tick(&mut self) -> Result<(), Failure> {
        for c in 0..self.clients.len() {
            let now = self.clients[c].clock(self.now);
            if self.clients[c].replica.wake_at().is_some_and(|at| at <= now) {
                self.with(c, Replica::tick)?;
            }
        }
        Ok(())
    }
}
