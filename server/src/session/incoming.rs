//! The reading half of a socket: whole texts within a limit, and everything else told apart.

use std::future::pending;
use std::io::ErrorKind;
use std::str::Utf8Error;

use actix_web::web::Bytes;
use actix_ws::{Item, Message, MessageStream, ProtocolError};
use bytestring::ByteString;

use crate::metrics::Metrics;

/// What came from a client.
#[derive(Debug)]
pub(super) enum Heard {
    Text(ByteString),
    Ping(Bytes),
    Pong,
    Close,
    Binary,
    TooLarge,
    /// A text that is not UTF-8.
    NotText,
    /// Not what the WebSocket protocol allows.
    Garbage,
    /// The connection is gone.
    Gone,
}

/// The reading half of a socket.
pub(super) struct Incoming {
    stream: MessageStream,
    limit: usize,
    metrics: Metrics,
    /// A text that comes in pieces.
    partial: Option<Vec<u8>>,
}

impl Incoming {
    pub(super) fn new(stream: MessageStream, limit: usize, metrics: Metrics) -> Incoming {
        Incoming { stream: stream.max_frame_size(limit), limit, metrics, partial: None }
    }

    /// Waits for the client to go. What is wrong may be what comes again and again, without end.
    pub(super) async fn gone(&mut self) {
        loop {
            match self.next().await {
                Heard::Gone => return,
                Heard::Garbage | Heard::TooLarge => pending().await,
                _ => {}
            }
        }
    }

    /// Raises the limit.
    pub(super) fn limited(self, limit: usize) -> Incoming {
        Incoming { stream: self.stream.max_frame_size(limit), limit, ..self }
    }

    /// What comes next. Nothing is lost where the future is dropped.
    pub(super) async fn next(&mut self) -> Heard {
        loop {
            let message = match self.stream.recv().await {
                None => return Heard::Gone,
                Some(Err(ProtocolError::Overflow)) => return Heard::TooLarge,
                Some(Err(ProtocolError::Io(error))) if error.kind() == ErrorKind::InvalidData => {
                    // Another is a reserved bit.
                    let not_text = error.get_ref().is_some_and(|error| error.is::<Utf8Error>());
                    return if not_text { Heard::NotText } else { Heard::Garbage };
                }
                Some(Err(ProtocolError::Io(_))) => return Heard::Gone,
                Some(Err(_)) => return Heard::Garbage,
                Some(Ok(message)) => message,
            };
            self.metrics.received_bytes.increment(bytes(&message));
            match message {
                Message::Text(text) => return Heard::Text(text),
                Message::Binary(_) | Message::Continuation(Item::FirstBinary(_)) => return Heard::Binary,
                Message::Ping(payload) => return Heard::Ping(payload),
                Message::Pong(_) => return Heard::Pong,
                Message::Close(_) => return Heard::Close,
                Message::Nop => {}
                Message::Continuation(piece) => {
                    if let Some(heard) = self.join(piece) {
                        return heard;
                    }
                }
            }
        }
    }

    fn join(&mut self, piece: Item) -> Option<Heard> {
        let (bytes, last) = match piece {
            Item::FirstText(bytes) => {
                self.partial = Some(Vec::new());
                (bytes, false)
            }
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
            Item::FirstBinary(_) => return Some(Heard::Binary),
        };
        let Some(partial) = &mut self.partial else { return Some(Heard::Garbage) };
        if partial.len() + bytes.len() > self.limit {
            return Some(Heard::TooLarge);
        }
        partial.extend_from_slice(&bytes);
        if !last {
            return None;
        }
        match self.partial.take().map(ByteString::try_from) {
            Some(Ok(text)) => Some(Heard::Text(text)),
            _ => Some(Heard::NotText),
        }
    }
}

/// How much a message carries.
fn bytes(message: &Message) -> u64 {
    let bytes = match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Continuation(
            Item::FirstText(bytes) | Item::FirstBinary(bytes) | Item::Continue(bytes) | Item::Last(bytes),
        ) => bytes.len(),
        Message::Close(_) | Message::Nop => 0,
    };
    bytes as u64
}
