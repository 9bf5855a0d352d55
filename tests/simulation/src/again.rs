//! What people do once more, or take back: undo and redo, and what was refused. What they do by that is known only
//! from what their screen shows of it.

use std::collections::BTreeSet;

use interline_core::change::{Change, Entity};
use interline_core::id::CommentId;
use interline_core::sync::{Event, Origin, Rejected};
use serde_json::{Value, json};
use uuid::Uuid;

use super::failure::{Check, Failure};
use super::ink::{is_mark, marks, shared};
use super::ledger::Deed;
use super::text;
use super::world::{World, fail};

impl World {
    pub(super) fn undo(&mut self, c: usize, comment: CommentId, redo: bool) -> Result<(), Failure> {
        let client = &mut self.clients[c];
        let before = client.screen.text(comment).unwrap_or_default().to_owned();
        let now = client.clock(self.now);
        client.repeats = true;
        let (deeds, replica) = (client.ledger.len(), &mut client.replica);
        let confirmed = replica.head().map_or(0, |head| head.version);
        let can = if redo { replica.can_redo(comment) } else { replica.can_undo(comment) };
        let done = if redo { replica.redo(now, comment) } else { replica.undo(now, comment) };
        self.repeats_end(c, false)?;
        if !redo {
            self.clients[c].ledger.undone_since(deeds, confirmed);
        }
        match done {
            // There is no room for it, or nothing that it would change.
            Ok(done) if done && !can => fail(Check::Screen, format!("undid in {before:?} what cannot be")),
            Ok(true) => {
                self.record.change();
                Ok(())
            }
            Ok(false) | Err(_) => Ok(()),
        }
    }

    pub(super) fn retry(&mut self, c: usize, pick: usize) -> Result<(), Failure> {
        let records = self.clients[c].replica.rejected();
        let Some(record) = records.get(pick % records.len().max(1)).cloned() else { return Ok(()) };
        self.comments += 1;
        let fresh = CommentId(Uuid::from_u128(0x1_0000 + self.comments));
        let client = &mut self.clients[c];
        let before = record.comment.and_then(|id| client.screen.text(id)).map(marks).unwrap_or_default();
        let now = client.clock(self.now);
        client.repeats = true;
        let done = client.replica.retry_rejected(now, record.id, fresh);
        self.repeats_end(c, true)?;
        self.record.note(format_args!("client {c} retries {}: {done:?}", record.id));
        if done.is_err() {
            return Ok(());
        }
        self.record.change();
        let shown: BTreeSet<char> = [record.comment, Some(fresh)]
            .into_iter()
            .flatten()
            .filter_map(|id| self.clients[c].screen.text(id))
            .flat_map(str::chars)
            .collect();
        if let Some(gone) = meant(&record).chars().find(|mark| !shown.contains(mark)) {
            return fail(Check::Words, format!("client {c} made {record:?} once more, and {gone:?} is gone"));
        }
        if let Some(gone) = before.chars().find(|mark| !shown.contains(mark) && !takes_out(&record, *mark)) {
            let what = format!(
                "client {c} made {record:?} once more, and {gone:?} went, which it had not taken out"
            );
            return fail(Check::Words, what);
        }
        self.clients[c].retried.push(record);
        Ok(())
    }

    pub(super) fn discard(&mut self, c: usize, pick: usize) -> Result<(), Failure> {
        let client = &mut self.clients[c];
        let records = client.replica.rejected();
        let Some(record) = records.get(pick % records.len().max(1)).cloned() else { return Ok(()) };
        if !client.replica.discard_rejected(Some(record.id)) {
            return fail(Check::Intent, format!("client {c} cannot discard {record:?}"));
        }
        client.discarded.push(record);
        self.drain(c)
    }

    fn repeats_end(&mut self, c: usize, retried: bool) -> Result<(), Failure> {
        let before = self.clients[c].ledger.len();
        self.drain(c)?;
        let client = &mut self.clients[c];
        client.repeats = false;
        client.ledger.told(client.saving.as_mut().map(|saving| &mut saving.deeds));
        if retried {
            client.ledger.retried_since(before);
        }
        Ok(())
    }

    /// Writes down what a person's screen says that they do.
    pub(super) fn repeated(&mut self, c: usize, event: &Event) -> Result<(), Failure> {
        let client = &mut self.clients[c];
        if !client.repeats {
            return Ok(());
        }
        let deed = match event {
            Event::TextEdited { comment, op, origin: Origin::Local, .. } => {
                let before = client.screen.text(*comment).unwrap_or_default();
                let done =
                    text::apply(before, &json!(op)).map_err(|what| Failure::new(Check::Screen, what))?;
                Deed::Edited {
                    comment: comment.to_string(),
                    written: String::new(),
                    copied: marks(&done.inserted),
                    deleted: marks(&done.deleted),
                    shared: shared(&done.inserted),
                    after: marks(&done.text),
                }
            }
            Event::CommentAdded { comment, origin: Origin::Local, .. } => {
                let text = client.replica.comment(*comment).map(|shown| shown.text.as_str().to_owned());
                let text = text.unwrap_or_default();
                let (comment, copied, shared) = (comment.to_string(), marks(&text), shared(&text));
                Deed::Added { comment, marks: String::new(), copied, shared }
            }
            Event::FieldChanged { entity, field, value: Some(value), origin: Origin::Local, .. } => {
                let entity = match entity {
                    Entity::Review => "review".to_owned(),
                    Entity::Comment(comment) => comment.to_string(),
                };
                Deed::Wrote { entity, field: field.clone(), value: json!(value) }
            }
            Event::CommentRemoved { comment, origin: Origin::Local, .. } => {
                Deed::Removed { comment: comment.to_string() }
            }
            _ => return Ok(()),
        };
        client.ledger.add(deed);
        Ok(())
    }
}

/// The marks that a record says its author meant to write.
fn meant(record: &Rejected) -> String {
    let base = record.base.as_deref().unwrap_or_default();
    match &record.mine {
        Some(mine) => marks(mine).chars().filter(|mark| !base.contains(*mark)).collect(),
        None => {
            let changes = json!(record.changes);
            let mut meant = String::new();
            gather(&changes, &mut meant);
            meant
        }
    }
}

/// Whether a record says that its author meant a mark to go. Where it does not tell what it was made on, it may have
/// been any.
fn takes_out(record: &Rejected, mark: char) -> bool {
    let removal = |change: &Change| matches!(change, Change::CommentRemoved { .. });
    let Some(mine) = &record.mine else { return true };
    let on = [record.base.as_deref(), record.grounds.merged.as_deref()];
    record.changes.iter().any(removal)
        || (!mine.contains(mark) && on.into_iter().flatten().any(|text| text.contains(mark)))
}

/// The marks in comments' texts and edits, but for titles.
fn gather(changes: &Value, meant: &mut String) {
    for change in changes.as_array().into_iter().flatten() {
        let added = change["comment_added"]["text"].as_str();
        let parts = change["text_edited"]["op"].as_array().into_iter().flatten();
        let texts = added.into_iter().chain(parts.filter_map(Value::as_str));
        meant.extend(texts.flat_map(str::chars).filter(|scalar| is_mark(*scalar)));
    }
}
