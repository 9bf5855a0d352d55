//! Who is in the review on other nodes. They are told of like members, and go when nobody has confirmed them for
//! [`TTL`], or when they are looked for twice and not found: what is kept may have been lost, and is soon there again.

use std::time::Duration;

use futures_util::FutureExt;
use interline_core::id::SessionId;
use interline_core::presence::Presence;
use tokio::time::Instant;

use super::members::Guest;
use super::task::{Event, Room};
use crate::presence::{PresenceError, TTL};

/// How long what a message said counts for more than what is kept: that is written a moment later.
const FRESH: Duration = Duration::from_millis(1_500);
/// How long somebody is missing at least before they are gone. A node that loses what it has written about its people
/// notices sooner, see [`crate::presence::LOOK`].
const MISSING: Duration = Duration::from_millis(1_500);

impl Room {
    /// Another node says where somebody is.
    pub(super) fn guest_present(&mut self, presence: Presence) {
        self.welcome(presence, true);
    }

    /// Another node says that somebody is gone.
    pub(super) fn guest_gone(&mut self, session: SessionId) {
        if self.members.guests.remove(&session).is_some() {
            self.tell_here(session);
        }
        self.members.left.insert(session, Instant::now());
    }

    /// Asks who is here on other nodes, where that can be known, and lets those go who are not confirmed.
    pub(super) fn look_for_guests(&mut self, healthy: bool) {
        let now = Instant::now();
        self.members.left.retain(|_, at| now - *at < FRESH);
        self.dismiss(|guest| now - guest.seen >= TTL);
        if healthy && !std::mem::replace(&mut self.members.looking, true) {
            let (board, review) = (self.context.board.clone(), self.id);
            self.work.push(async move { Event::Guests(now, board.list(review).await) }.boxed());
        }
    }

    /// Everybody who is here on any node, as of some time after `asked`.
    pub(super) fn guests_found(&mut self, asked: Instant, found: Result<Vec<Presence>, PresenceError>) {
        self.members.looking = false;
        // The next time will do.
        let Ok(found) = found else { return };
        let mut listed: Vec<SessionId> = found.iter().map(|presence| presence.session).collect();
        listed.sort();
        for presence in found {
            let left = self.members.left.contains_key(&presence.session);
            if !left && self.members.get(presence.session).is_none() {
                self.welcome(presence, false);
            }
        }
        let mut again = false;
        for guest in self.members.guests.values_mut() {
            let unlisted = listed.binary_search(&guest.presence.session).is_err();
            if unlisted && guest.told.is_none_or(|told| told + FRESH < asked) && guest.missing.is_none() {
                guest.missing = Some(asked);
                again = true;
            }
        }
        self.dismiss(|guest| guest.missing.is_some_and(|missing| missing + MISSING <= asked));
        if again {
            self.elsewhere.look_at = self.elsewhere.look_at.min(asked + MISSING);
        }
    }

    /// Takes in what is known of somebody on another node: by a message just now, or by what is kept.
    fn welcome(&mut self, mut presence: Presence, by_message: bool) {
        let session = presence.session;
        // Offsets into a text that nobody here has yet mean nothing; they come again with the next look.
        let committed = self.sequencer.head().version;
        presence.selection.take_if(|selection| selection.version > committed);
        let (now, before) = (Instant::now(), self.members.guests.get(&session));
        let told = if by_message { Some(now) } else { before.and_then(|guest| guest.told) };
        let older = !by_message && before.is_some_and(|guest| guest.presence.last_seen > presence.last_seen);
        let same = before.is_some_and(|guest| guest.presence == presence);
        if by_message {
            self.members.left.remove(&session);
        }
        if older || same {
            if let Some(guest) = self.members.guests.get_mut(&session) {
                (guest.seen, guest.told, guest.missing) = (now, told, None);
            }
            return;
        }
        self.members.guests.insert(session, Guest { presence, seen: now, told, missing: None });
        self.tell_here(session);
    }

    fn dismiss(&mut self, gone: impl Fn(&Guest) -> bool) {
        for (session, _) in self.members.guests.extract_if(|_, guest| gone(guest)).collect::<Vec<_>>() {
            self.tell_here(session);
        }
    }
}
