//! What users have read and viewed: told to their own sessions at any node, and nobody else's.

use futures_util::FutureExt;
use interline_core::id::{SessionId, UserId};
use interline_core::review::Marks;
use interline_core::wire::{ServerFrame, encode};
use tracing::debug;

use super::task::{Event, Room};
use crate::fanout::News;
use crate::store::StoreError;

impl Room {
    /// All marks of a user, as the store has them. Told to every session of theirs here; `answers` is the one that
    /// asked, and its number.
    pub(super) fn marks(&mut self, user: UserId, marks: Marks, answers: (SessionId, u64)) {
        self.tell_marks(&user, &marks, Some(answers));
        if self.marks.get(&user) != Some(&marks) {
            self.context.fanout.publish(self.id, News::Marked(user.clone()));
        }
        if self.members.iter().any(|(_, member)| member.presence.user.id == user) {
            self.marks.insert(user, marks);
        }
    }

    /// Another node has taken marks of a user's, or may have: whoever is here of them is told what the store has.
    pub(super) fn look_for_marks(&mut self, user: UserId) {
        if !self.members.iter().any(|(_, member)| member.presence.user.id == user) {
            return;
        }
        if let Some(again) = self.looking_for_marks.get_mut(&user) {
            *again = true;
            return;
        }
        self.looking_for_marks.insert(user.clone(), false);
        let (store, review) = (self.context.store.clone(), self.id);
        let look = async move {
            let read = store.merge_marks(review, &user, &Marks::default()).await;
            Event::Marks(user, read)
        };
        self.work.push(look.boxed());
    }

    pub(super) fn marks_found(&mut self, user: UserId, read: Result<Marks, StoreError>) {
        let again = self.looking_for_marks.remove(&user).unwrap_or_default();
        match read {
            Ok(marks) if self.marks.get(&user) != Some(&marks) => {
                self.tell_marks(&user, &marks, None);
                self.marks.insert(user.clone(), marks);
                self.forget_marks(&user);
            }
            Ok(_) => {}
            // They are told when they ask, as whoever connects does.
            Err(error) => debug!(review = %self.id, %error, "a user's marks cannot be read"),
        }
        if again {
            self.look_for_marks(user);
        }
    }

    /// Whose files have changed since they looked at them hears so.
    pub(super) fn tell_marks_again(&mut self) {
        let newest = self.sequencer.committed().patch_set;
        if std::mem::replace(&mut self.told_patch_set, newest) == newest {
            return;
        }
        let all = std::mem::take(&mut self.marks);
        all.iter().for_each(|(user, marks)| self.tell_marks(user, marks, None));
        self.marks = all;
    }

    /// Forgets the marks of users who are not here any more; the store has them.
    pub(super) fn forget_marks(&mut self, user: &UserId) {
        if !self.members.iter().any(|(_, member)| member.presence.user.id == *user) {
            self.marks.remove(user);
        }
    }

    fn tell_marks(&self, user: &UserId, marks: &Marks, answers: Option<(SessionId, u64)>) {
        let newest = self.sequencer.committed().patch_set;
        let mut marks = marks.clone();
        for (file, viewed) in &mut marks.viewed {
            viewed.changed =
                viewed.viewed && !self.sequencer.patch_sets().is_same(file, viewed.patch_set, newest);
        }
        for (session, member) in self.members.iter() {
            if member.presence.user.id == *user {
                let nonce = answers.filter(|(asked, _)| *asked == session).map(|(_, nonce)| nonce);
                let frame = ServerFrame::Marks { review: self.id, nonce, marks: marks.clone() };
                member.outbox.push(encode(&frame).into());
            }
        }
    }
}
