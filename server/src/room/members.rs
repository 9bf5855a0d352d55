//! Who is in a room, and how they are told things.

use std::collections::{BTreeSet, HashMap};

use bytestring::ByteString;
use interline_core::id::{ClientId, ReviewId, SessionId};
use interline_core::presence::Presence;
use interline_core::wire::{ServerFrame, encode};
use tokio::time::Instant;

use crate::session::Outbox;

/// Places in an outbox that presence leaves to entries.
const PRESENCE_LEAVES: usize = 128;

/// A session in the room.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) client: ClientId,
    pub(super) outbox: Outbox,
    pub(super) presence: Presence,
    /// When others were last told of it.
    pub(super) told_at: Instant,
    /// Set when it has moved since.
    pub(super) moved: bool,
    /// Sessions that it has not heard the latest of, for its outbox was rather full.
    owed: BTreeSet<SessionId>,
}

/// Somebody who is in the review on another node.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) presence: Presence,
    /// When that was last known to hold.
    pub(super) seen: Instant,
    /// When the other node last said so itself.
    pub(super) told: Option<Instant>,
    /// Since when it is not among those who are kept.
    pub(super) missing: Option<Instant>,
}

/// Everybody in the room.
#[derive(Debug)]
pub(super) struct Members {
    review: ReviewId,
    all: HashMap<SessionId, Member>,
    /// Those on other nodes.
    pub(super) guests: HashMap<SessionId, Guest>,
    /// Those of them who have just left.
    pub(super) left: HashMap<SessionId, Instant>,
    /// Whether it is being asked who they are.
    pub(super) looking: bool,
}

impl Member {
    pub(super) fn new(
        client: ClientId,
        outbox: Outbox,
        presence: Presence,
        owed: BTreeSet<SessionId>,
    ) -> Member {
        Member { client, outbox, presence, told_at: Instant::now(), moved: false, owed }
    }
}

impl Members {
    pub(super) fn new(review: ReviewId) -> Members {
        let (guests, left) = (HashMap::new(), HashMap::new());
        Members { review, all: HashMap::new(), guests, left, looking: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn get(&self, session: SessionId) -> Option<&Member> {
        self.all.get(&session)
    }

    pub(super) fn get_mut(&mut self, session: SessionId) -> Option<&mut Member> {
        self.all.get_mut(&session)
    }

    pub(super) fn insert(&mut self, session: SessionId, member: Member) {
        self.guests.remove(&session);
        self.all.insert(session, member);
    }

    pub(super) fn remove(&mut self, session: SessionId) -> Option<Member> {
        self.all.remove(&session)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SessionId, &Member)> {
        self.all.iter().map(|(session, member)| (*session, member))
    }

    /// Whether a client has a session here.
    pub(super) fn has_client(&self, client: ClientId) -> bool {
        self.all.values().any(|member| member.client == client)
    }

    /// Where everybody is, but one.
    pub(super) fn presence_but(&self, session: SessionId) -> Vec<Presence> {
        let here = self.all.values().map(|member| &member.presence);
        let elsewhere = self.guests.values().map(|guest| &guest.presence);
        here.chain(elsewhere).filter(|presence| presence.session != session).cloned().collect()
    }

    /// Sends a frame to everybody. Whoever has no place left for it is cut off by their outbox.
    pub(super) fn broadcast(&self, frame: &ByteString) {
        for member in self.all.values() {
            member.outbox.push(frame.clone());
        }
    }

    /// Sends a frame to every session of a client.
    pub(super) fn tell_client(&self, client: ClientId, frame: &ByteString) {
        for member in self.all.values().filter(|member| member.client == client) {
            member.outbox.push(frame.clone());
        }
    }

    /// Tells everybody else what is known of a session now; who has little room hears of it later.
    pub(super) fn tell_of(&mut self, session: SessionId) {
        let frame = self.frame_of(session);
        for (id, member) in &mut self.all {
            if *id == session {
                member.moved = false;
                member.told_at = Instant::now();
            } else if member.outbox.free() > PRESENCE_LEAVES {
                member.owed.remove(&session);
                member.outbox.push(frame.clone());
            } else {
                member.owed.insert(session);
            }
        }
    }

    /// Pays what is owed to members whose outboxes have drained; says whether anything is still owed.
    pub(super) fn pay_owed(&mut self) -> bool {
        let mut left = false;
        let owing: Vec<SessionId> =
            self.all.iter().filter(|(_, member)| !member.owed.is_empty()).map(|(id, _)| *id).collect();
        for id in owing {
            let Some(member) = self.all.get_mut(&id) else { continue };
            let room = member.outbox.free().saturating_sub(PRESENCE_LEAVES);
            let mut owed = std::mem::take(&mut member.owed);
            for session in (0..room).map_while(|_| owed.pop_first()).collect::<Vec<_>>() {
                let frame = self.frame_of(session);
                if let Some(member) = self.all.get(&id) {
                    member.outbox.push(frame);
                }
            }
            left |= !owed.is_empty();
            if let Some(member) = self.all.get_mut(&id) {
                member.owed = owed;
            }
        }
        left
    }

    /// The latest of a session: where it is, or that it is gone.
    pub(super) fn frame_of(&self, session: SessionId) -> ByteString {
        let review = self.review;
        let here = self.all.get(&session).map(|member| &member.presence);
        let frame = match here.or_else(|| self.guests.get(&session).map(|guest| &guest.presence)) {
            Some(presence) => ServerFrame::Presence { review, presence: presence.clone() },
            None => ServerFrame::Gone { review, session },
        };
        encode(&frame).into()
    }

    /// Whether some member has not heard the latest of another.
    pub(super) fn owes(&self) -> bool {
        self.all.values().any(|member| !member.owed.is_empty())
    }
}
