//! Connections. Within one, frames stay in order; when one end has given it up the other does not know yet.

use std::collections::VecDeque;
use std::sync::Arc;

use interline_core::clock::Millis;
use interline_core::entry::{Answer, EncodedEntry, Head};
use interline_core::id::{Seq, Version};
use interline_core::sync::Frozen;
use interline_core::wire::ErrorCode;

/// On its way to a server.
#[derive(Clone, Debug)]
pub(super) enum Up {
    /// `hello` and `open`.
    Open { have: Option<Head>, clock: Millis },
    /// `submit`.
    Submit(Frozen),
}

/// On its way to a client.
#[derive(Clone, Debug)]
pub(super) enum Down {
    /// `opened`, with the entries to follow.
    Resumed(Version),
    /// `opened`, with the whole review in JSON.
    Snapshot(Arc<str>, Head),
    /// `entry`.
    Entry(EncodedEntry),
    /// `answer`.
    Answer(Answer),
    /// `refused`.
    Refused(Seq, ErrorCode),
}

/// One connection of a client to a node.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: usize,
    pub(super) node: usize,
    pub(super) up: VecDeque<Up>,
    pub(super) down: VecDeque<Down>,
    /// Whether the client still holds it.
    pub(super) client_end: bool,
    /// Whether the node still holds it.
    pub(super) server_end: bool,
    /// Set once the node has opened the review for it: the server's clock minus the client's.
    pub(super) opened: Option<i64>,
}

impl Connection {
    pub(super) fn new(client: usize, node: usize) -> Connection {
        Connection {
            client,
            node,
            up: VecDeque::new(),
            down: VecDeque::new(),
            client_end: true,
            server_end: true,
            opened: None,
        }
    }

    /// A frame for the node; lost where the node has gone.
    pub(super) fn send(&mut self, up: Up) {
        if self.server_end {
            self.up.push_back(up);
        }
    }

    /// A frame for the client; lost where the client has gone.
    pub(super) fn tell(&mut self, down: Down) {
        if self.client_end {
            self.down.push_back(down);
        }
    }

    /// The client gives it up. What it sent is still on its way.
    pub(super) fn cut(&mut self) {
        self.client_end = false;
        self.down.clear();
    }

    /// The node gives it up. What it sent is still on its way.
    pub(super) fn kick(&mut self) {
        self.server_end = false;
        self.opened = None;
        self.up.clear();
    }
}
