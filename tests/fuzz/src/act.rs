//! What a person does at a device, and everything that they may look at.

use interline_core::change::Entity;
use interline_core::id::CommentId;
use interline_core::review::{Anchor, Place};
use interline_core::text::cursor::Range;

use super::device::Device;
use super::made;
use super::raw::Raw;
use super::words;

impl Device {
    /// A person does something; what they type carries a word of its own.
    pub(crate) fn act(&mut self, raw: &mut Raw<'_>) {
        let before = self.words.shown(&self.replica);
        let now = self.now;
        let which = raw.below(2 * made::COMMENTS);
        let what = raw.below(16);
        let comment = self.comment_id(which, what < 3);
        let types = matches!(what, 0..9);
        let word = self.words.next();
        let text = if types { format!("{}{word}{}", raw.text(), raw.text()) } else { String::new() };
        let shown = self.replica.comment(comment);
        let len = shown.as_ref().map_or(0, |shown| shown.text.len());
        let place = match made::place(raw) {
            Place::Reply(_) => Place::Reply(self.comment_id(raw.below(2 * made::COMMENTS), false)),
            line => line,
        };
        let replica = &mut self.replica;
        let edit = match what {
            0..2 => replica.add_comment(now, comment, Place::Line(Anchor::head("x", 1)), &text),
            2 => replica.add_comment(now, comment, place, &text),
            3..7 => {
                let at = raw.below(len + 2);
                replica.replace_text(now, comment, at, raw.below(len + 2), &text)
            }
            7..9 => replica.set_text(now, comment, &text),
            9 => replica.edit_text(now, comment, made::op(raw, len)),
            10 => replica.remove_comment(now, comment),
            11..13 => replica.undo(now, comment).map(drop),
            13 => replica.redo(now, comment).map(drop),
            _ => {
                let (field, value) = made::field(raw);
                let entity = if field == "resolved" { Entity::Comment(comment) } else { Entity::Review };
                replica.set_field(now, entity, field, value)
            }
        };
        let taken = edit.is_ok();
        if let Err(error) = edit {
            assert!(!error.to_string().is_empty());
        }
        self.words.acted(&before, Some(word).filter(|_| types && taken), &self.replica);
        self.rest();
    }

    /// A comment's id. Where others write as well everybody makes up their own.
    fn comment_id(&self, n: usize, fresh: bool) -> CommentId {
        match (self.own_ids, fresh) {
            (None, _) => made::comment(n % made::COMMENTS),
            (Some(own), true) => made::comment(made::COMMENTS * (own + 1) + n % made::COMMENTS),
            (Some(_), false) => made::comment(made::COMMENTS + n),
        }
    }

    /// A person decides on something that was refused.
    pub(crate) fn decide(&mut self, raw: &mut Raw<'_>) {
        let Some(record) = self.replica.rejected().first().cloned() else { return };
        let before = self.words.shown(&self.replica);
        if raw.below(4) == 0 {
            assert!(self.replica.discard_rejected(Some(record.id)));
            self.words.discarded(&record);
        } else {
            let fresh = self.comment_id(raw.below(2 * made::COMMENTS), true);
            let (texts, pending) = (words::texts(&self.replica), self.replica.unsynced().count);
            let again = self.replica.retry_rejected(self.now, record.id, fresh);
            if let Err(error) = &again {
                // What cannot be done now leaves everything as it is.
                assert!(!error.to_string().is_empty());
                assert_eq!((words::texts(&self.replica), self.replica.unsynced().count), (texts, pending));
            }
            let there = self.replica.rejected().iter().any(|other| other.id == record.id);
            assert_eq!(there, again.is_err());
            self.words.acted(&before, None, &self.replica);
        }
        self.rest();
    }

    /// Looks at everything there is to see.
    pub(crate) fn look(&mut self) {
        let replica = &self.replica;
        for thread in replica.threads() {
            for shown in std::iter::once(&thread.root).chain(&thread.replies) {
                assert_eq!(shown.text.len(), shown.text.as_str().chars().count());
                let _ =
                    (replica.is_pending(shown.id), replica.can_undo(shown.id), replica.can_redo(shown.id));
                let end = Range { anchor: 0, head: shown.text.len() };
                let _ = replica.selection_confirmed(shown.id, end);
            }
        }
        let _ = (replica.title(), replica.status(), replica.fields(), replica.unsynced(), replica.wake_at());
        let _ = (replica.rejected(), replica.is_online(), replica.head(), replica.is_stuck());
        assert!(replica.receipts().len() <= 1_000);
        for presence in replica.presence() {
            let Some(selection) = presence.selection else { continue };
            let len = replica.comment(selection.comment).map_or(0, |shown| shown.text.len());
            assert!(selection.anchor.max(selection.head) <= len);
        }
    }
}
