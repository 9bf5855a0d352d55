//! How a history calms down, and how it ends: everything heals, and runs until nothing is left to do.

use super::failure::{Check, Failure};
use super::plan::{Fate, Form};
use super::world::{World, fail};

/// Rounds after which a history must have come to rest; each is a second.
const ROUNDS: usize = 600;

impl World {
    /// What can arrive does, for some rounds. Nobody who is cut off comes back.
    pub(super) fn calm(&mut self, rounds: u8) -> Result<(), Failure> {
        for _ in 0..rounds {
            self.now += 20;
            self.round()?;
        }
        Ok(())
    }

    /// Heals everything and runs to rest.
    pub(super) fn rest(&mut self) -> Result<(), Failure> {
        for round in 0..ROUNDS {
            self.now += 1_000;
            for n in 0..self.nodes.len() {
                self.nodes[n].split = false;
                self.start(n)?;
            }
            for c in 0..self.clients.len() {
                self.clients[c].away = false;
                self.connect(c, (c + round) % self.nodes.len(), false, (Form::Fitting, 0))?;
            }
            self.land();
            for connection in 0..self.connections.len() {
                if !self.connections[connection].client_end {
                    while self.take(connection)? {}
                }
            }
            self.round()?;
            if self.unrest().is_none() {
                return self.screens();
            }
        }
        fail(Check::Rest, self.unrest().unwrap_or_default())
    }

    /// In the end every screen shows all that its replica has.
    fn screens(&mut self) -> Result<(), Failure> {
        for (c, client) in self.clients.iter_mut().enumerate() {
            let shown = client.screen.check_all(&client.replica);
            shown.map_err(|what| Failure::new(Check::Screen, format!("client {c}: {what}")))?;
        }
        Ok(())
    }

    fn round(&mut self) -> Result<(), Failure> {
        self.tick()?;
        for c in 0..self.clients.len() {
            self.saved(c)?;
            self.up(c, u8::MAX)?;
        }
        for n in 0..self.nodes.len() {
            self.commit(n, Fate::Done)?;
            while !self.nodes[n].heard.is_empty() && !self.nodes[n].split {
                self.hear(n, false, 0, false)?;
            }
            self.tail_check(n)?;
        }
        for c in 0..self.clients.len() {
            self.down(c, u8::MAX)?;
        }
        Ok(())
    }

    /// What is still going on.
    fn unrest(&self) -> Option<String> {
        let head = self.store.head();
        for (n, node) in self.nodes.iter().enumerate() {
            if node.append.is_some() || node.head() != Some(head) {
                return Some(format!("node {n} is at {:?}, the log at {head:?}", node.head()));
            }
        }
        for (c, client) in self.clients.iter().enumerate() {
            let replica = &client.replica;
            if replica.unsynced().count > 0 || !replica.is_online() || replica.head() != Some(head) {
                let (unsynced, at) = (replica.unsynced(), replica.head());
                return Some(format!("client {c} is at {at:?}, the log at {head:?}, with {unsynced:?}"));
            }
            if client.saving.is_some() {
                return Some(format!("client {c} is saving"));
            }
        }
        let busy = |connection: &super::network::Connection| {
            !connection.up.is_empty() || !connection.down.is_empty()
        };
        self.connections.iter().any(busy).then(|| "frames are under way".to_owned())
    }
}
