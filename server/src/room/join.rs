//! Who comes in, with what they have, and who goes.

use std::collections::BTreeSet;

use futures_util::FutureExt;
use interline_core::entry::Answer;
use interline_core::id::{ClientId, SessionId, UserId, Version};
use interline_core::presence::{Presence, PresencePlace};
use interline_core::wire::ErrorCode;

use super::elsewhere::tail;
use super::members::Member;
use super::opened::OpenedFrame;
use super::ring::Position;
use super::task::{Event, Room};
use super::{Behind, Failure, Join, Joining, PIECE, Scene};
use crate::session::Outbox;
use crate::store::StoreError;
use crate::time::now_ms;

/// How many entries a session may miss to be let in at once: what fits into its outbox with room to spare.
const CATCH_UP: usize = 128;

/// Where a joining session's client stands.
enum Stand {
    /// It has nothing.
    Nothing,
    /// It lacks so many entries.
    Lacks(usize),
    /// It has to be caught up first, with so many entries from here, or from the store if there are none.
    Behind(usize),
    /// It has what this log has not.
    Lost,
}

impl Room {
    pub(super) fn join(&mut self, join: Box<Join>) {
        match self.stand(&join) {
            // The client may have been at another node meanwhile: what it is told here must not be older.
            _ if self.is_shared() => self.look_up(join),
            // Whoever has been told of it goes on from there.
            Stand::Lacks(lacks) if join.told.is_some() && self.sequencer.knows(join.client) => {
                self.admit(*join, Some(lacks));
            }
            Stand::Nothing | Stand::Lacks(_) => self.look_up(join),
            Stand::Behind(count) => self.send_piece(*join, count),
            Stand::Lost => self.say_lost(*join),
        }
    }

    /// Looks for the last answer of a joining client, and how far the log reaches behind it where other nodes
    /// append to it.
    fn look_up(&mut self, join: Box<Join>) {
        self.joins += 1;
        let (number, shared) = (self.joins, self.is_shared());
        self.joining.insert(number, (join.session, join.client));
        let (store, review) = (self.context.store.clone(), self.id);
        let look_up = async move {
            let found = async {
                let answer = store.last_answer(review, join.client).await?;
                let reaches = if shared { tail(&*store, review).await?.version } else { 0 };
                Ok((answer, reaches))
            };
            let found = found.await;
            Event::LastAnswer(number, join, found)
        };
        self.work.push(look_up.boxed());
    }

    /// A joining client's last answer is here. What the sequencer knows by now may be newer, so it keeps that.
    pub(super) fn answer_found(
        &mut self,
        number: u64,
        join: Box<Join>,
        answer: Result<(Option<Answer>, Version), StoreError>,
    ) {
        let (client, user) = (join.client, join.user.id.clone());
        match (self.joining.remove(&number), answer) {
            // It has left meanwhile.
            (None, _) => {}
            (_, Err(error)) => drop(join.reply.send(Joining::Failed(error.into()))),
            (_, Ok((answer, reaches))) if reaches > self.sequencer.head().version => {
                self.wait_for(reaches, number, join, answer);
            }
            (_, Ok((answer, _))) => {
                self.sequencer.client_opened(client, answer);
                match self.stand(&join) {
                    Stand::Nothing => self.settle(number, join),
                    Stand::Lacks(lacks) => self.admit(*join, Some(lacks)),
                    Stand::Behind(count) => self.send_piece(*join, count),
                    Stand::Lost => self.say_lost(*join),
                }
            }
        }
        // Unless it is in now.
        self.forget_client(client, &user);
    }

    fn stand(&self, join: &Join) -> Stand {
        let Some(have) = join.have.filter(|have| have.version > 0) else { return Stand::Nothing };
        match self.ring.position(have) {
            Position::Here(0) => Stand::Lacks(0),
            Position::Here(lacks) if self.fits(lacks, &join.outbox) => Stand::Lacks(lacks),
            Position::Here(lacks) => Stand::Behind(lacks),
            Position::Older => Stand::Behind(0),
            Position::Nowhere => Stand::Lost,
        }
    }

    /// Whether the last so many entries fit into an outbox at once, with room to spare.
    fn fits(&self, lacks: usize, outbox: &Outbox) -> bool {
        let bytes = || self.ring.last(lacks).map(|(_, frame)| frame.len()).sum::<usize>();
        lacks <= CATCH_UP && outbox.free() > 2 * CATCH_UP && outbox.free_bytes() > 2 * bytes()
    }

    fn say_lost(&self, join: Join) {
        let message = "this log does not contain what the client says it has";
        let _ = join.reply.send(Joining::Failed(Failure::new(ErrorCode::HistoryLost, message)));
    }

    fn send_piece(&mut self, join: Join, lacks: usize) {
        let entries: Vec<_> = self.ring.last(lacks).take(PIECE).cloned().collect();
        let head = self.sequencer.head();
        let scene = join.told.is_none().then(|| {
            let far = head.version - join.have.map_or(0, |have| have.version) > PIECE as u64;
            let (users, presence) = (self.users(), self.presence_but(join.session));
            Scene { whole: far.then(|| self.shot()), users, presence }
        });
        let _ = join.reply.send(Joining::Behind(Behind { head, scene, entries }));
    }

    /// From here on the session gets every entry, in order: first the snapshot, or the entries it lacks.
    pub(super) fn admit(&mut self, join: Join, lacks: Option<usize>) {
        let Join { session, client, user, requested, told, held, outbox, reply, .. } = join;
        // The session hears of it before the client does.
        if reply.send(Joining::Joined).is_err() {
            return self.forget_client(client, &user.id);
        }
        self.departed.remove(&client);
        self.names.insert(user.id.clone(), user.clone());
        let mut owed = BTreeSet::new();
        match told {
            None => {
                let shot = if lacks.is_none() { Some(self.shot()) } else { None };
                let digest = shot.as_ref().map(|shot| shot.digest());
                let snapshot = shot.and_then(|shot| shot.json());
                let opened = OpenedFrame {
                    requested: &requested,
                    review: self.id,
                    head: self.sequencer.head(),
                    snapshot: snapshot.as_deref(),
                    steps: None,
                    digest,
                    last: self.sequencer.last_answer(client),
                    held,
                    users: &self.users(),
                    presence: &self.presence_but(session),
                };
                outbox.push(opened.encode());
            }
            // Since it was sent `opened` some have come, some moved, some gone.
            Some(_) if self.is_private() => {}
            Some(told) => owed.extend(told.into_iter().chain(self.members.iter().map(|(other, _)| other))),
        }
        for (_, frame) in self.ring.last(lacks.unwrap_or(0)) {
            outbox.push(frame.clone());
        }
        let place = PresencePlace::default();
        let presence = Presence {
            session,
            user,
            place,
            selection: None,
            writing: false,
            active: true,
            last_seen: now_ms(),
        };
        if !self.is_private() {
            self.context.board.here(self.id, presence.clone());
        }
        self.members.insert(session, Member::new(client, outbox, presence, owed));
        self.tell_of(session);
        self.pay_owed();
    }

    /// Everybody else who is here. Drafts have no presence of their own.
    fn presence_but(&self, session: SessionId) -> Vec<Presence> {
        if self.is_private() { Vec::new() } else { self.members.presence_but(session) }
    }

    pub(super) fn leave(&mut self, session: SessionId) {
        self.joining.retain(|_, (joining, _)| *joining != session);
        let Some(member) = self.members.remove(session) else { return };
        if !self.is_private() {
            self.context.board.gone(self.id, session);
        }
        self.tell_of(session);
        self.forget_client(member.client, &member.presence.user.id);
        self.forget_marks(&member.presence.user.id);
    }

    /// Forgets a client's last answer once nothing can need it: neither a session, nor a batch under way, nor
    /// a look-up that would bring an older answer than the one that is known. Its user's name goes with it,
    /// unless it stands in the log.
    pub(super) fn forget_client(&mut self, client: ClientId, user: &UserId) {
        if self.members.has_client(client) || self.joining.values().any(|(_, joining)| *joining == client) {
            return;
        }
        self.sequencer.client_closed(client);
        if self.sequencer.knows(client) {
            self.departed.insert(client, user.clone());
            return;
        }
        self.departed.remove(&client);
        let here = self.members.iter().any(|(_, member)| member.presence.user.id == *user);
        if !here && !self.authors.contains(user) && !self.departed.values().any(|departed| departed == user) {
            self.names.remove(user);
        }
    }

    /// Forgets those whose batches were under way when they left, and are no longer.
    pub(super) fn forget_departed(&mut self) {
        for (client, user) in self.departed.clone() {
            self.forget_client(client, &user);
        }
    }
}
