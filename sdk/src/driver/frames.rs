//! What comes from the server, and where it goes.

use std::sync::Arc;

use interline_core::clock::Millis;
use interline_core::entry::{Answer, EncodedEntry};
use interline_core::id::{ClientId, ReviewId, Seq, Version};
use interline_core::presence::PresenceChange;
use interline_core::sync::ResyncReason;
use interline_core::wire::{self, EntryFrame, ErrorCode, ErrorFrame, Refused, ServerFrame, Welcome};
use serde::Deserialize;

use super::open::problem;
use super::{Driver, Link};
use crate::connection::{ConnectionState, DisconnectReason};
use crate::error::{Coded, Problem};
use crate::lock::lock;
use crate::progress::Settled;
use crate::slot::{Door, Slot};

/// What has to be known of an entry before it is applied. The rest of it is skipped here.
#[derive(Deserialize)]
struct Label {
    version: Version,
    client: ClientId,
    seq: Seq,
}

impl Driver {
    /// A frame came.
    pub(super) fn frame(&mut self, now: Millis, text: &str) {
        match wire::decode_server(text) {
            Ok(ServerFrame::Welcome(welcome)) => self.welcome(now, &welcome),
            Ok(ServerFrame::Error(error)) => self.complaint(now, error),
            Ok(ServerFrame::Draining { reconnect_after_ms }) => self.draining(now, reconnect_after_ms),
            Ok(ServerFrame::Pong { .. }) => {}
            Ok(frame) if self.link.ready().is_some() => self.review_frame(frame),
            Ok(_) => self.lost(now, "the server did not say welcome".into()),
            // A newer server may say more than this software knows.
            Err(error) if error.code == ErrorCode::UnknownFrame => {}
            Err(error) => self.lost(now, format!("the server sent what is not a frame: {}", error.message)),
        }
    }

    fn review_frame(&mut self, frame: ServerFrame) {
        match frame {
            ServerFrame::Opened(opened) => self.opened(*opened),
            ServerFrame::Entry(entry) => self.entry(entry),
            ServerFrame::Answer { review, answer } => self.answer(review, answer),
            ServerFrame::Refused(refused) => self.not_taken(&refused),
            ServerFrame::History(frame) => self.history_came(frame),
            ServerFrame::Presence { review, presence } => {
                let Some(slot) = self.open_slot(review) else { return };
                slot.with(|inner, _| {
                    inner.learn([presence.user.clone()]);
                    inner.replica.presence_changed(PresenceChange::Here(presence));
                });
            }
            ServerFrame::Marks { review, nonce, marks } => {
                let Some(slot) = self.open_slot(review) else { return };
                slot.with(|inner, _| inner.replica.marks_came(nonce, marks));
            }
            ServerFrame::Gone { review, session } => {
                let Some(slot) = self.open_slot(review) else { return };
                slot.with(|inner, _| inner.replica.presence_changed(PresenceChange::Gone(session)));
            }
            _ => {}
        }
    }

    fn welcome(&mut self, now: Millis, welcome: &Welcome) {
        let Link::Up(connection) = &mut self.link else { return };
        if connection.welcomed.replace(now).is_some() {
            return self.lost(now, "the server said welcome twice".into());
        }
        if welcome.protocol != wire::PROTOCOL {
            let message = format!("the server speaks protocol {}", welcome.protocol);
            return self.disconnect(now, DisconnectReason::UpgradeRequired, message, None);
        }
        self.limits = welcome.limits;
        lock(&self.shared.counters).counted.reconnects += u64::from(self.connected_before);
        self.connected_before = true;
        self.shared.connection_is(ConnectionState::Connected);
        self.open_all();
    }

    /// An entry of a log. Its own client finds its batch confirmed by it.
    fn entry(&mut self, frame: EntryFrame) {
        let Some(slot) = self.open_slot(frame.review) else { return };
        let payload = frame.entry.get();
        let Ok(label) = serde_json::from_str::<Label>(payload) else {
            return self.resync(&slot, ResyncReason::Diverged);
        };
        let encoded = EncodedEntry { version: label.version, hash: frame.hash, payload: payload.into() };
        let received = slot.with(|inner, now| {
            let mine = label.client == inner.replica.client();
            let received = inner.replica.receive(now, &encoded);
            if mine && received.is_ok() {
                inner.settled(label.seq, &slot.shared);
            }
            received
        });
        if let Err(reason) = received {
            self.resync(&slot, reason);
        }
    }

    fn answer(&mut self, review: ReviewId, answer: Answer) {
        let Some(slot) = self.open_slot(review) else { return };
        let taken = slot.with(|inner, now| {
            let settled = Settled::of(&answer);
            let taken = inner.replica.answered(now, answer);
            if taken.is_ok() {
                inner.ended(settled, &slot.shared);
            }
            taken
        });
        if let Err(reason) = taken {
            self.resync(&slot, reason);
        }
    }

    fn not_taken(&mut self, refused: &Refused) {
        let Some(slot) = self.open_slot(refused.review) else { return };
        if refused.code == ErrorCode::NotOpen {
            return self.resync(&slot, ResyncReason::Gap);
        }
        let taken = slot.with(|inner, now| {
            let Refused { seq, code, retryable, retry_after_ms, .. } = *refused;
            let taken = inner.replica.refused(now, seq, code, retryable, retry_after_ms);
            if retryable {
                inner.replica.spread_resend(|wait| self.backoff.jitter(wait));
            }
            taken
        });
        if let Err(reason) = taken {
            return self.resync(&slot, reason);
        }
        // It is sent again for as long as that takes. But somebody may have to make room, and is told once.
        let told = || slot.with(|inner, _| inner.not_stored.replace(refused.seq) == Some(refused.seq));
        if refused.retryable && refused.code == ErrorCode::StoreFailed && !told() {
            let Refused { code, message, .. } = refused.clone();
            slot.problem(Problem { code: code.code(), message, retryable: true });
        }
    }

    fn draining(&mut self, now: Millis, after_ms: u64) {
        let at = now + self.backoff.spread(after_ms);
        if let Link::Up(connection) = &mut self.link {
            connection.leave_at = Some(at);
        }
    }

    /// The server cannot do something: about an opening, about an open review, or about the connection.
    fn complaint(&mut self, now: Millis, error: ErrorFrame) {
        if let Some(nonce) = error.nonce {
            if self.shared.slots().iter().any(|slot| slot.with(|inner, _| inner.replica.marks_failed(nonce)))
            {
                return;
            }
            return self.history_failed(nonce, problem(error));
        }
        if let Some(requested) = error.requested.clone() {
            return self.not_opened(&requested, error);
        }
        if let Some(review) = error.review {
            let Some(slot) = self.open_slot(review) else { return };
            return match error.code {
                ErrorCode::NotOpen => self.resync(&slot, ResyncReason::Gap),
                // We no longer take part, and may again.
                ErrorCode::Internal | ErrorCode::TooSlow | ErrorCode::StoreFailed => {
                    self.refused(&slot, problem(error));
                }
                // About one frame of ours.
                _ => slot.problem(problem(error)),
            };
        }
        let Link::Up(connection) = &mut self.link else { return };
        let fatal = match error.code {
            ErrorCode::UpgradeRequired => Some(DisconnectReason::UpgradeRequired),
            _ if !error.retryable && connection.welcomed.is_none() => Some(DisconnectReason::Refused),
            _ => None,
        };
        match fatal {
            Some(reason) => self.disconnect(now, reason, error.message, None),
            // As a rule the server closes the connection next.
            None => connection.complaint = Some(error),
        }
    }

    /// A review that is open, here and there.
    fn open_slot(&self, review: ReviewId) -> Option<Arc<Slot>> {
        let slot = lock(&self.shared.state).slots.get(&review).map(Arc::clone)?;
        let open = slot.read(|inner| inner.door == Door::Open);
        open.then_some(slot)
    }
}
