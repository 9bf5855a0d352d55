//! What happens to stores: the servers' is set back to what somebody had saved, a client's is copied.

use super::client::Client;
use super::failure::Failure;
use super::ink::Pen;
use super::plan::Landing;
use super::world::World;

/// How many copies of local stores there are at most.
const COPIES: usize = 2;

impl World {
    /// An operator sets the store back. Whoever copied a local store in such a history could send twice what was
    /// lost: of these two mishaps a history has only one.
    pub(super) fn set_back(&mut self, pick: usize) -> Result<(), Failure> {
        if self.clients.iter().any(|client| client.copied.is_some()) || !self.store.set_back(pick) {
            return Ok(());
        }
        self.record.fault();
        self.record.note(format_args!("the store is set back to {}", self.store.head().version));
        for n in 0..self.nodes.len() {
            self.crash(n, Landing::Never);
            self.start(n)?;
        }
        let World { store, clients, .. } = self;
        for client in clients {
            client.heard.retain(|head| store.holds(*head));
            client.told.retain(|told| store.written().contains(told));
            // What was on its way went with the servers.
            client.sent.clear();
        }
        Ok(())
    }

    /// Somebody starts a client from a copy of another's local store.
    pub(super) fn copy(&mut self, c: usize) -> Result<(), Failure> {
        let copies = self.clients.iter().filter(|client| client.copied.is_some()).count();
        if self.store.restores() > 0 || copies > COPIES || self.clients[c].disk.is_none() {
            return Ok(());
        }
        self.record.fault();
        let number = self.clients.len();
        let original = &mut self.clients[c];
        let family = *original.copied.get_or_insert(c);
        let mut copy = Client::copy(original, Pen::new(number), family);
        let started = copy.restart(self.now, false, None);
        started.map_err(|what| Failure::new(super::Check::Saved, what))?;
        self.clients.push(copy);
        self.drain(number)
    }
}
