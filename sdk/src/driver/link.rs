//! The way to the server: none, in the making, or up.

use std::future::pending;

use interline_core::clock::Millis;
use interline_core::wire::ErrorFrame;

use crate::platform::{BoxFuture, ConnectError, Incoming, Receiver, Sender};

/// How long connecting may take, and then how long the server's `welcome`, in milliseconds.
pub(super) const PATIENCE_MS: u64 = 10_000;
/// After so much silence the server is asked whether it is there, in milliseconds.
const IDLE_MS: u64 = 15_000;
/// How long it may take to say so, in milliseconds.
const PONG_MS: u64 = 10_000;

/// The state of the connection.
pub(super) enum Link {
    /// There is none; when to try again, if not only on request.
    Down { until: Option<Millis> },
    /// One is being made.
    Connecting { attempt: BoxFuture<Result<(Sender, Receiver), ConnectError>>, give_up_at: Millis },
    /// There is one.
    Up(Box<Connection>),
}

/// A connection.
pub(super) struct Connection {
    pub(super) sender: Sender,
    receiver: Receiver,
    /// When the server said `welcome`.
    pub(super) welcomed: Option<Millis>,
    heard_at: Millis,
    /// When a question was asked that no frame has followed yet.
    asked_at: Option<Millis>,
    /// When a draining server wants to be left.
    pub(super) leave_at: Option<Millis>,
    /// What the server complained about last: as a rule why it closes the connection.
    pub(super) complaint: Option<ErrorFrame>,
}

/// What the link tells.
pub(super) enum Input {
    Connected(Result<(Sender, Receiver), ConnectError>),
    Frame(String),
    Lost { code: Option<u16>, reason: String },
}

impl Link {
    /// The next thing to hear. May be dropped half way.
    pub(super) async fn next(&mut self) -> Input {
        match self {
            Link::Down { .. } => pending().await,
            Link::Connecting { attempt, .. } => Input::Connected(attempt.await),
            Link::Up(connection) => match connection.receiver.next().await {
                Incoming::Text(text) => Input::Frame(text),
                Incoming::Closed { code, reason } => Input::Lost { code, reason },
            },
        }
    }

    /// When something has to be done although nothing is heard.
    pub(super) fn wake_at(&self) -> Option<Millis> {
        match self {
            Link::Down { until } => *until,
            Link::Connecting { give_up_at, .. } => Some(*give_up_at),
            Link::Up(connection) => Some(connection.wake_at()),
        }
    }

    /// The connection, once the server has welcomed us.
    pub(super) fn ready(&self) -> Option<&Connection> {
        match self {
            Link::Up(connection) if connection.welcomed.is_some() => Some(connection),
            _ => None,
        }
    }
}

impl Connection {
    pub(super) fn new(now: Millis, (sender, receiver): (Sender, Receiver)) -> Connection {
        Connection {
            sender,
            receiver,
            welcomed: None,
            heard_at: now,
            asked_at: None,
            leave_at: None,
            complaint: None,
        }
    }

    /// A frame came: the server is there.
    pub(super) fn heard(&mut self, now: Millis) {
        self.heard_at = now;
        self.asked_at = None;
    }

    fn wake_at(&self) -> Millis {
        let life = match (self.welcomed, self.asked_at) {
            (None, _) => self.heard_at + PATIENCE_MS,
            (Some(_), None) => self.heard_at + IDLE_MS,
            (Some(_), Some(asked_at)) => asked_at + PONG_MS,
        };
        self.leave_at.map_or(life, |at| at.min(life))
    }

    /// What is to be done about the silence.
    pub(super) fn check(&mut self, now: Millis) -> Check {
        // A clock that was set back must not make the silence endless.
        self.heard_at = self.heard_at.min(now);
        self.asked_at = self.asked_at.map(|at| at.min(now));
        if self.leave_at.is_some_and(|at| at <= now) {
            return Check::Leave;
        }
        if self.wake_at() > now {
            return Check::Fine;
        }
        if self.welcomed.is_some() && self.asked_at.is_none() { self.ask(now) } else { Check::Dead }
    }

    /// Asks whether the server is there, without waiting for silence.
    pub(super) fn ask(&mut self, now: Millis) -> Check {
        if self.welcomed.is_none() || self.asked_at.is_some() {
            return Check::Fine;
        }
        self.asked_at = Some(now);
        Check::Ask
    }
}

/// How a connection is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Check {
    Fine,
    /// Send a ping.
    Ask,
    /// Nobody answers.
    Dead,
    /// The server wants to be left.
    Leave,
}
