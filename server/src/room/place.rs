//! Presence: where everybody is. Never sequenced; of many moves in a short time only the last is told.

use std::time::Duration;

use interline_core::id::{SessionId, Version};
use interline_core::limits::Limits;
use interline_core::presence::PresenceUpdate;
use interline_core::wire::ErrorCode;
use tokio::time::Instant;

use super::Failure;
use super::task::Room;
use crate::fanout::News;
use crate::time::now_ms;

/// How often others hear of one session at most.
const EVERY: Duration = Duration::from_millis(50);

impl Room {
    pub(super) fn presence(&mut self, session: SessionId, update: PresenceUpdate) {
        if self.is_private() {
            return;
        }
        let committed = self.sequencer.head().version;
        let Some(member) = self.members.get_mut(session) else { return };
        if let Err(message) = check(&update, committed) {
            let failure = Failure::new(ErrorCode::BadPresence, message);
            member.outbox.push(failure.frame(Some(self.id), None));
            return;
        }
        let PresenceUpdate { place, selection, writing, active } = update;
        member.presence.place = place;
        member.presence.selection = selection;
        member.presence.writing = writing;
        member.presence.active = active;
        member.presence.last_seen = now_ms();
        member.moved = true;
        let due = member.told_at + EVERY;
        self.context.board.here(self.id, member.presence.clone());
        if due <= Instant::now() {
            self.tell_of(session);
        } else {
            self.hold_back(due);
        }
    }

    /// Tells everybody the latest of a session of this node, on other nodes too.
    pub(super) fn tell_of(&mut self, session: SessionId) {
        if self.is_private() {
            return;
        }
        let news = match self.members.get(session) {
            Some(member) => News::Present(member.presence.clone()),
            None => News::Gone(session),
        };
        self.context.fanout.publish(self.id, news);
        self.tell_here(session);
    }

    /// Tells other nodes again where everybody on this one is.
    pub(super) fn say_who_is_here(&self) {
        if self.is_private() {
            return;
        }
        for (_, member) in self.members.iter() {
            self.context.fanout.publish(self.id, News::Present(member.presence.clone()));
        }
    }

    /// Tells everybody on this node the latest of a session.
    pub(super) fn tell_here(&mut self, session: SessionId) {
        self.members.tell_of(session);
        if self.members.owes() {
            self.hold_back(Instant::now() + EVERY);
        }
    }

    /// The time has come for what was held back.
    pub(super) fn tell_held_back(&mut self) {
        self.presence_due = None;
        let moved = self.members.iter().filter(|(_, member)| member.moved);
        let moved: Vec<(SessionId, Instant)> =
            moved.map(|(id, member)| (id, member.told_at + EVERY)).collect();
        for (session, due) in moved {
            if due <= Instant::now() {
                self.tell_of(session);
            } else {
                self.hold_back(due);
            }
        }
        self.pay_owed();
    }

    /// Tells what is owed as far as there is room for it, and the rest later.
    pub(super) fn pay_owed(&mut self) {
        if self.members.pay_owed() {
            self.hold_back(Instant::now() + EVERY);
        }
    }

    fn hold_back(&mut self, until: Instant) {
        self.presence_due = Some(self.presence_due.map_or(until, |due| due.min(until)));
    }
}

fn check(update: &PresenceUpdate, committed: Version) -> Result<(), &'static str> {
    if update.place.file.as_ref().is_some_and(|file| file.len() > Limits::PATH_BYTES) {
        return Err("the path is too long");
    }
    if update.place.patch_set.is_some_and(|number| !(1..=Limits::PATCH_SETS).contains(&number)) {
        return Err("no review has such a patch set");
    }
    match &update.selection {
        Some(selection) if selection.version > committed => {
            Err("the selection is for a version still to come")
        }
        Some(selection) if selection.anchor.max(selection.head) > Limits::ANY_TEXT_CHARS => {
            Err("the selection is behind the end of any text")
        }
        _ => Ok(()),
    }
}
