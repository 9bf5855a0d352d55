//! What people do: against what they see, written down before anybody else hears of it.

use interline_core::change::Entity;
use interline_core::id::CommentId;
use interline_core::review::{Anchor, FieldValue, Place, Status};
use interline_core::sync::EditError;
use serde_json::{Value, json};
use uuid::Uuid;

use super::failure::{Check, Failure};
use super::ink::{marks, shared};
use super::ledger::Deed;
use super::plan::{Piece, Step};
use super::text;
use super::world::{World, fail};

/// A line that the diff does not have: the server rejects what is said about it.
const NO_LINE: u32 = 99;

impl World {
    /// A client's user does something. What cannot be done (a removed comment, somebody else's) changes nothing.
    pub(super) fn act(&mut self, c: usize, step: &Step) -> Result<(), Failure> {
        if !self.clients[c].replica.is_loaded() {
            return Ok(());
        }
        let done = match *step {
            Step::Comment { line, ink, .. } => self.comment(c, line, ink),
            Step::Reply { comment, ink, .. } => match self.pick(c, comment) {
                Some(root) => self.add(c, Place::Reply(root), ink),
                None => self.comment(c, 0, ink),
            },
            Step::Edit { comment, ref pieces, .. } => match self.pick(c, comment) {
                Some(comment) => self.edit(c, comment, pieces)?,
                None => self.comment(c, 0, 1),
            },
            Step::SetText { comment, ref pieces, .. } => match self.pick(c, comment) {
                Some(comment) => self.set_text(c, comment, pieces)?,
                None => self.comment(c, 0, 1),
            },
            Step::Resolve { comment, value, .. } => match self.pick(c, comment) {
                Some(comment) => self.write(c, Entity::Comment(comment), "resolved", FieldValue::Flag(value)),
                None => self.comment(c, 0, 1),
            },
            Step::Status { value, .. } => {
                let all = [Status::Pending, Status::Approved, Status::ChangesRequested];
                let status = all[usize::from(value) % all.len()];
                match value {
                    0..3 => self.write(c, Entity::Review, "status", status.into()),
                    3..6 => self.decide(c, status),
                    6..9 => self.end_conflict(c, status)?,
                    _ => self.tag(c, value),
                }
            }
            Step::Title { .. } => {
                let title = format!("t{}", self.clients[c].pen.mark());
                self.write(c, Entity::Review, "title", FieldValue::Text(title))
            }
            Step::Remove { comment, .. } => {
                self.pick(c, comment).is_some_and(|comment| self.remove(c, comment))
            }
            Step::Undo { comment, redo, .. } => match self.pick(c, comment) {
                Some(comment) => return self.undo(c, comment, redo),
                None => false,
            },
            Step::Retry { pick, .. } => return self.retry(c, pick.into()),
            Step::Discard { pick, .. } => return self.discard(c, pick.into()),
            _ => false,
        };
        if done {
            self.record.change();
        }
        self.drain(c)
    }

    fn pick(&self, c: usize, pick: u8) -> Option<CommentId> {
        let standing = self.clients[c].screen.standing();
        standing.get(usize::from(pick) % standing.len().max(1)).copied()
    }

    fn comment(&mut self, c: usize, line: u8, ink: u8) -> bool {
        let line = match line % 8 {
            7 => NO_LINE,
            line => 1 + u32::from(line % 2),
        };
        self.add(c, Place::Line(Anchor::head("x", line)), ink)
    }

    fn add(&mut self, c: usize, place: Place, ink: u8) -> bool {
        self.comments += 1;
        let comment = CommentId(Uuid::from_u128(0x1_0000 + self.comments));
        let now = self.now;
        let client = &mut self.clients[c];
        let text = client.pen.write(ink);
        let now = client.clock(now);
        let done = client.replica.add_comment(now, comment, place, &text).is_ok();
        if done {
            client.ledger.add(Deed::Added {
                comment: comment.to_string(),
                marks: marks(&text),
                copied: String::new(),
                shared: shared(&text),
            });
        }
        done
    }

    fn edit(&mut self, c: usize, comment: CommentId, pieces: &[Piece]) -> Result<bool, Failure> {
        let (now, client) = (self.now, &mut self.clients[c]);
        let before = client.screen.text(comment).unwrap_or_default().to_owned();
        let op = text::op(before.chars().count(), pieces, &mut client.pen);
        let wanted = text::apply(&before, &op).map_err(|what| Failure::new(Check::Screen, what))?;
        let parsed = serde_json::from_value(op);
        let parsed = parsed.map_err(|error| Failure::new(Check::Screen, format!("a good op: {error}")))?;
        let now = client.clock(now);
        let result = client.replica.edit_text(now, comment, parsed);
        self.edited(c, comment, &before, wanted, result)
    }

    fn set_text(&mut self, c: usize, comment: CommentId, pieces: &[Piece]) -> Result<bool, Failure> {
        let (now, client) = (self.now, &mut self.clients[c]);
        let before = client.screen.text(comment).unwrap_or_default().to_owned();
        let op = text::op(before.chars().count(), pieces, &mut client.pen);
        let wanted = text::apply(&before, &op).map_err(|what| Failure::new(Check::Screen, what))?;
        let now = client.clock(now);
        let result = client.replica.set_text(now, comment, &wanted.text);
        // The op is found by comparing texts: it may delete and write again whatever the two share.
        let kept =
            |text: &str| marks(text).chars().filter(|mark| !before.contains(*mark)).collect::<String>();
        let inserted = kept(&wanted.text) + &marks(&before) + &shared(&wanted.text);
        let wanted = text::Done { inserted, deleted: before.clone(), ..wanted };
        self.edited(c, comment, &before, wanted, result)
    }

    pub(super) fn edited(
        &mut self,
        c: usize,
        comment: CommentId,
        before: &str,
        wanted: text::Done,
        result: Result<(), EditError>,
    ) -> Result<bool, Failure> {
        let client = &mut self.clients[c];
        match result {
            Ok(()) => {}
            // There is no room for it here: it goes into a comment of its own.
            Err(EditError::TextTooLong { .. }) => return Ok(self.comment(c, 0, 1)),
            Err(error) => return fail(Check::Screen, format!("a good edit of {before:?}: {error}")),
        }
        let shown = client.replica.comment(comment).map(|comment| comment.text.as_str().to_owned());
        if shown.as_ref() != Some(&wanted.text) {
            return fail(Check::Screen, format!("{before:?} became {shown:?} instead of {:?}", wanted.text));
        }
        client.ledger.edited(comment.to_string(), before, &wanted);
        Ok(true)
    }

    fn write(&mut self, c: usize, entity: Entity, field: &str, value: FieldValue) -> bool {
        let (now, client) = (self.now, &mut self.clients[c]);
        let json: Value = json!(value);
        // What people decide can be said once more.
        if field != Status::FIELD && client.replica.field(entity, field).as_ref() == Some(&value) {
            return false;
        }
        let now = client.clock(now);
        let done = client.replica.set_field(now, entity, field, value).is_ok();
        if done {
            let entity = match entity {
                Entity::Review => "review".to_owned(),
                Entity::Comment(comment) => comment.to_string(),
            };
            client.ledger.add(Deed::Wrote { entity, field: field.to_owned(), value: json });
        }
        done
    }

    fn remove(&mut self, c: usize, comment: CommentId) -> bool {
        let (now, client) = (self.now, &mut self.clients[c]);
        let now = client.clock(now);
        let done = client.replica.remove_comment(now, comment).is_ok();
        if done {
            client.ledger.add(Deed::Removed { comment: comment.to_string() });
        }
        done
    }
}
