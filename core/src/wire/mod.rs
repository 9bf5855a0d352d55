//! Version 2 of the protocol: JSON text frames, each an object with one key that names the frame.
//! `docs/protocol.md` is the reference; these types are what it describes.

mod client;
mod codec;
mod error;
mod server;

pub use client::{ClientFrame, Hello, HistoryRequest, InFlightRef, Open, Submit};
pub use codec::{BadFrame, decode_client, decode_server, encode, entry_frame};
pub use error::ErrorCode;
pub use server::{EntryFrame, ErrorFrame, HistoryFrame, Opened, Refused, ServerFrame, Welcome};

/// The version of the protocol that this software speaks.
pub const PROTOCOL: u32 = 2;

#[cfg(test)]
mod tests;
