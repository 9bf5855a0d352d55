//! Connections, and what a network does to what goes over them.
//!
//! A WebSocket is an ordered, reliable stream for as long as it lives: within one connection frames arrive in order,
//! or the connection dies and what was behind some frame never arrives. Between connections, between servers and
//! between a server and its store nothing is in order. So, of the five things that networks do:
//!
//! - **drop**: a connection that breaks loses all but the first frames on their way, either way (`Break`), or what
//!   was on its way to whoever gave it up (`Cut`, `Kick`, crashes). Word between servers is lost singly (`Hear`), an
//!   append or the answer to it with the server's connection to its store (`Commit` with an unknown fate).
//! - **delay**: every frame waits until a step takes it (`Up`, `Down`, `Hear`, `Commit`). A half-open connection,
//!   which the client has given up and the server has not, delivers late (`Stale`), an append that its server has
//!   given up lands late (`Land`).
//! - **reorder**: what an old connection still delivers comes behind what was sent over newer ones, at the same server
//!   or another (`Stale`); a batch overtakes whatever is on its way over other connections (`Echo`); word between
//!   servers and late appends come in any order (`Hear`, `LandOne`).
//! - **duplicate**: a batch arrives twice in a row (`Again`), or long after it was answered (`Echo`), beside what
//!   replicas send again by themselves; word between servers comes again (`Hear`); an append whose fate is unknown is
//!   tried again while the first may still land (`Commit`). Frames to clients do not: a client reads one connection,
//!   and nothing more from one that it has given up.
//! - **split**: clients out of reach while connections seem to stand (`Away`), servers that reach neither the store
//!   nor each other while clients still reach them (`Split`).

use std::collections::VecDeque;
use std::sync::Arc;

use interline_core::clock::Millis;
use interline_core::entry::{Answer, EncodedEntry};
use interline_core::id::{ClientId, Seq};
use interline_core::sync::Frozen;
use interline_core::wire::{ErrorCode, Open};

use super::plan::Form;

/// On its way to a server.
#[derive(Clone, Debug)]
pub(super) enum Up {
    /// `hello` and `open`, and how the server is to answer it.
    Open { open: Box<Open>, clock: Millis, how: (Form, u8) },
    /// `submit`.
    Submit(Frozen),
}

/// On its way to a client.
#[derive(Clone, Debug)]
pub(super) enum Down {
    /// `opened`, in JSON.
    Opened(Arc<str>),
    /// `error`, about an `open`.
    Error(ErrorCode),
    /// `entry`.
    Entry(EncodedEntry),
    /// `answer`.
    Answer(Answer),
    /// `refused`.
    Refused(Seq, ErrorCode),
}

/// A session that is being let in.
#[derive(Debug)]
pub(super) struct Joining {
    pub(super) open: Open,
    pub(super) form: Form,
    /// How often the server still does something else first.
    pub(super) waits: u8,
    /// What was delivered meanwhile.
    pub(super) queued: Vec<EncodedEntry>,
}

/// One connection of a client to a node.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: usize,
    /// The client's id when it connected.
    pub(super) id: ClientId,
    pub(super) node: usize,
    pub(super) up: VecDeque<Up>,
    pub(super) down: VecDeque<Down>,
    /// Whether the client still holds it.
    pub(super) client_end: bool,
    /// Whether the node still holds it.
    pub(super) server_end: bool,
    /// Set once the node has been asked to open the review for it: the server's clock minus the client's.
    pub(super) opened: Option<i64>,
    /// Set until the node has done so.
    pub(super) joining: Option<Box<Joining>>,
    /// How often the store had been restored from a backup when it began.
    pub(super) epoch: usize,
}

impl Connection {
    pub(super) fn new(client: usize, id: ClientId, node: usize, epoch: usize) -> Connection {
        Connection {
            client,
            id,
            node,
            up: VecDeque::new(),
            down: VecDeque::new(),
            client_end: true,
            server_end: true,
            opened: None,
            joining: None,
            epoch,
        }
    }

    /// Whether the node listens to it and tells it of everything.
    pub(super) fn is_joined(&self) -> bool {
        self.server_end && self.opened.is_some() && self.joining.is_none()
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
        (self.opened, self.joining) = (None, None);
        self.up.clear();
    }
}
