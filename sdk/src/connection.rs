//! Whether there is a connection, and if not, why.

use std::fmt;

use serde::Serialize;

/// Whether the client talks to its server.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum ConnectionState {
    /// It is about to.
    Connecting,
    /// It does.
    Connected,
    /// It does not. Edits are still taken, and kept.
    Disconnected {
        /// Why.
        reason: DisconnectReason,
        /// For people.
        message: String,
    },
}

impl ConnectionState {
    /// Whether it is [`Connected`](ConnectionState::Connected).
    pub fn is_connected(&self) -> bool {
        *self == ConnectionState::Connected
    }

    /// False once somebody has to act before the client can connect.
    pub fn is_retryable(&self) -> bool {
        match self {
            ConnectionState::Disconnected { reason, .. } => reason.is_retryable(),
            _ => true,
        }
    }
}

/// Why there is no connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DisconnectReason {
    /// The machine has no network.
    Offline,
    /// The server does not answer, or is about to stop.
    ServerUnavailable,
    /// The server wants other credentials.
    Unauthorized,
    /// The server speaks a protocol that this software does not.
    UpgradeRequired,
    /// The server does not take this client.
    Refused,
    /// Another client has taken over this one's local store, or newer software has.
    TakenOver,
    /// The client was closed.
    Closed,
}

impl DisconnectReason {
    /// Whether the client goes on trying by itself.
    pub fn is_retryable(self) -> bool {
        matches!(self, DisconnectReason::Offline | DisconnectReason::ServerUnavailable)
    }

    /// A stable name, in snake case.
    pub fn code(self) -> &'static str {
        match self {
            DisconnectReason::Offline => "offline",
            DisconnectReason::ServerUnavailable => "server_unavailable",
            DisconnectReason::Unauthorized => "unauthorized",
            DisconnectReason::UpgradeRequired => "upgrade_required",
            DisconnectReason::Refused => "refused",
            DisconnectReason::TakenOver => "taken_over",
            DisconnectReason::Closed => "closed",
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
