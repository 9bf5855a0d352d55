//! A client's machinery: its effects, its disk, its timers.

use interline_core::clock::Millis;
use interline_core::sync::{Event, Replica, ReplicaEffect};

use super::client::Saving;
use super::disk::reread_all;
use super::failure::{Check, Failure};
use super::network::Up;
use super::plan::Damage;
use super::world::{World, fail};

/// One in so many saves is read again at once, all others only where a client starts from them.
const REREAD: u64 = 16;
/// More effects in a row than any call can order.
const MANY: usize = 10_000;

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
        let mut effects = 0;
        while let Some(effect) = self.clients[c].replica.poll() {
            effects += 1;
            if effects > MANY {
                return fail(Check::Rest, format!("client {c} wants ever more done"));
            }
            match effect {
                ReplicaEffect::Save { generation, state } => {
                    self.record.note(format_args!(
                        "client {c} saves {generation} at {}",
                        state.pending.head.version
                    ));
                    self.record.detail(|| format!("{state:?}"));
                    // Most saves are replaced before anybody reads them.
                    if generation % REREAD == 0 {
                        reread_all(&state).map_err(|what| Failure::new(Check::Saved, what))?;
                    }
                    let client = &mut self.clients[c];
                    // What its user repeats is known only once it was shown.
                    let deeds = if client.repeats { usize::MAX } else { client.ledger.len() };
                    client.saving = Some(Saving { generation, state, deeds });
                    if !client.slow_disk {
                        self.save_done(c);
                    }
                }
                ReplicaEffect::Send(frozen) => {
                    self.record.note(format_args!("client {c} sends {}", frozen.payload));
                    let Some(connection) = self.clients[c].connection else {
                        return fail(Check::Order, "a batch was to be sent with no connection");
                    };
                    let id = self.clients[c].id();
                    let sent = &mut self.clients[c].sent;
                    if sent.last().is_none_or(|(of, last)| (*of, last.seq) != (id, frozen.seq)) {
                        sent.push((id, frozen.clone()));
                    }
                    self.connections[connection].send(Up::Submit(frozen));
                }
                ReplicaEffect::Event(event) => {
                    self.record.detail(|| format!("client {c} shows {event:?}"));
                    if let Event::Stuck(code) = event {
                        return fail(Check::Refused, format!("client {c} is stuck: {code:?}"));
                    }
                    self.repeated(c, &event)?;
                    let client = &mut self.clients[c];
                    client
                        .screen
                        .show(&event, &client.replica)
                        .map_err(|what| Failure::new(Check::Screen, what))?;
                }
            }
        }
        let (now, client) = (self.now, &mut self.clients[c]);
        client.set_alarm(now);
        let shown = client.screen.check(&client.replica);
        if effects > 0 {
            let replica = &client.replica;
            let (at, unsynced) = (replica.head().map_or(0, |head| head.version), replica.unsynced().count);
            self.record.note(format_args!("client {c}: {effects} at {at}, {unsynced} unsynced"));
        }
        shown.map_err(|what| Failure::new(Check::Screen, format!("client {c}: {what}")))
    }

    /// The save under way is on the disk, and the replica hears of it.
    fn save_done(&mut self, c: usize) {
        let client = &mut self.clients[c];
        if let Some(generation) = client.written() {
            let now = client.clock(self.now);
            client.replica.saved(now, generation);
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
    pub(super) fn restart(&mut self, c: usize, written: bool, damage: Option<Damage>) -> Result<(), Failure> {
        self.record.fault();
        if let Some(connection) = self.clients[c].connection.take() {
            self.connections[connection].cut();
        }
        let now = self.now;
        self.clients[c].restart(now, written, damage).map_err(|what| Failure::new(Check::Saved, what))?;
        self.drain(c)
    }

    /// Wakes every replica whose time has come.
    pub(super) fn tick(&mut self) -> Result<(), Failure> {
        for c in 0..self.clients.len() {
            if self.clients[c].alarm <= self.now {
                self.with(c, Replica::tick)?;
            }
        }
        Ok(())
    }
}
