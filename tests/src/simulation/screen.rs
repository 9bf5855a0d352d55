//! What a person sees, built from events alone: editors that apply each text event to what they show.

use std::collections::{BTreeMap, BTreeSet};

use interline_core::change::Entity;
use interline_core::id::CommentId;
use interline_core::review::FieldValue;
use interline_core::sync::{Event, Replica};

use super::text;

const REVIEW_FIELDS: [&str; 2] = ["title", "status"];
const COMMENT_FIELDS: [&str; 1] = ["resolved"];

#[derive(Clone, PartialEq, Debug)]
struct Editor {
    text: String,
    removed: bool,
}

/// One client's screen.
#[derive(Debug, Default)]
pub(super) struct Screen {
    editors: BTreeMap<CommentId, Editor>,
    fields: BTreeMap<(Entity, String), FieldValue>,
    /// Everything may have changed: it is read again.
    stale: bool,
}

impl Screen {
    /// The screen of a client that has just opened its window.
    pub(super) fn of(replica: &Replica) -> Screen {
        let mut screen = Screen::default();
        screen.reload(replica);
        screen
    }

    /// A comment's text as it is shown.
    pub(super) fn text(&self, comment: CommentId) -> Option<&str> {
        self.editors.get(&comment).map(|editor| editor.text.as_str())
    }

    /// Comments that can be edited, oldest id first.
    pub(super) fn standing(&self) -> Vec<CommentId> {
        self.editors.iter().filter(|(_, editor)| !editor.removed).map(|(id, _)| *id).collect()
    }

    /// Takes in an event.
    pub(super) fn show(&mut self, event: &Event, replica: &Replica) -> Result<(), String> {
        match event {
            Event::Loaded => self.stale = true,
            Event::CommentAdded { comment, .. } => {
                let shown = replica
                    .comment(*comment)
                    .ok_or_else(|| format!("{comment} was added, but is not there"))?;
                let editor =
                    Editor { text: shown.text.as_str().to_owned(), removed: shown.removed.is_some() };
                self.editors.insert(*comment, editor);
            }
            Event::CommentRemoved { comment, .. } => match replica.comment(*comment) {
                Some(_) => self.editor(*comment)?.removed = true,
                None => {
                    self.editors.remove(comment);
                    self.fields.retain(|(entity, _), _| *entity != Entity::Comment(*comment));
                }
            },
            Event::CommentRestored { comment } => self.editor(*comment)?.removed = false,
            Event::TextEdited { comment, op, .. } => {
                let op = serde_json::to_value(op).map_err(|error| error.to_string())?;
                let editor = self.editor(*comment)?;
                editor.text = text::apply(&editor.text, &op)?.text;
            }
            Event::FieldChanged { entity, field, value, .. } => {
                let key = (*entity, field.clone());
                match value {
                    Some(value) => self.fields.insert(key, value.clone()),
                    None => self.fields.remove(&key),
                };
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the screen shows what the replica has.
    pub(super) fn check(&mut self, replica: &Replica) -> Result<(), String> {
        if std::mem::take(&mut self.stale) {
            self.reload(replica);
            return Ok(());
        }
        for id in replica.confirmed().comments.keys() {
            if !self.editors.contains_key(id) {
                // Nobody sees a comment that was removed before the screen was there.
                if replica.comment(*id).is_none_or(|comment| comment.removed.is_none()) {
                    return Err(format!("{id} is there, but no event said so"));
                }
                self.reload_comment(replica, *id);
            }
        }
        for (id, editor) in &self.editors {
            let shown = replica.comment(*id).ok_or_else(|| format!("{id} is gone, but no event said so"))?;
            if editor.text != shown.text.as_str() {
                return Err(format!("{id} reads {:?}, by its events {:?}", shown.text.as_str(), editor.text));
            }
            if editor.removed != shown.removed.is_some() {
                return Err(format!(
                    "{id} is removed: {}, by its events: {}",
                    !editor.removed, editor.removed
                ));
            }
            self.check_fields(replica, Entity::Comment(*id), &COMMENT_FIELDS)?;
        }
        self.check_fields(replica, Entity::Review, &REVIEW_FIELDS)
    }

    fn check_fields(&self, replica: &Replica, entity: Entity, names: &[&str]) -> Result<(), String> {
        for name in names {
            let shown = replica.field(entity, name);
            let told = self.fields.get(&(entity, (*name).to_owned()));
            if shown.as_ref() != told {
                return Err(format!("{name} of {entity:?} is {shown:?}, by its events {told:?}"));
            }
        }
        Ok(())
    }

    fn reload(&mut self, replica: &Replica) {
        let threads = replica.threads();
        let shown = threads.iter().flat_map(|thread| std::iter::once(&thread.root).chain(&thread.replies));
        let ids: BTreeSet<_> =
            shown.map(|comment| comment.id).chain(replica.confirmed().comments.keys().copied()).collect();
        *self = Screen::default();
        for id in ids {
            self.reload_comment(replica, id);
        }
        for name in REVIEW_FIELDS {
            self.reload_field(replica, Entity::Review, name);
        }
    }

    fn reload_comment(&mut self, replica: &Replica, id: CommentId) {
        for name in COMMENT_FIELDS {
            self.reload_field(replica, Entity::Comment(id), name);
        }
        if let Some(comment) = replica.comment(id) {
            let editor =
                Editor { text: comment.text.as_str().to_owned(), removed: comment.removed.is_some() };
            self.editors.insert(id, editor);
        }
    }

    fn reload_field(&mut self, replica: &Replica, entity: Entity, name: &str) {
        if let Some(value) = replica.field(entity, name) {
            self.fields.insert((entity, name.to_owned()), value);
        }
    }

    fn editor(&mut self, comment: CommentId) -> Result<&mut Editor, String> {
        self.editors.get_mut(&comment).ok_or_else(|| format!("an event about {comment}, of which none told"))
    }
}
