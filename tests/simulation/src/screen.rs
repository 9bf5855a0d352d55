//! What a person sees, built from events alone: editors that apply each text event to what they show.

use std::collections::{BTreeMap, BTreeSet};

use interline_core::change::Entity;
use interline_core::id::CommentId;
use interline_core::review::FieldValue;
use interline_core::sync::{Event, Replica};

use super::text;

const REVIEW_FIELDS: [&str; 2] = ["title", "status"];
const COMMENT_FIELDS: [&str; 1] = ["resolved"];

/// How often the whole screen is looked at.
const EVERYTHING: u32 = 16;

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
    /// What events told of since it was last looked at.
    touched: BTreeSet<CommentId>,
    looks: u32,
    /// What was read since it was last looked at: all that happened to it is in there.
    read: BTreeSet<CommentId>,
    /// Which comments came since it was last looked at, and whose texts were told of: not both, for what comes is
    /// read as it is after the call.
    came: BTreeSet<CommentId>,
    told: BTreeSet<CommentId>,
}

impl Screen {
    /// The screen of a client that has just opened its window.
    pub(super) fn of(replica: &Replica) -> Screen {
        let mut screen = Screen::default();
        screen.reload(replica);
        screen.read.clear();
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
        if let Event::CommentAdded { comment, .. }
        | Event::CommentRemoved { comment, .. }
        | Event::CommentRestored { comment }
        | Event::TextEdited { comment, .. }
        | Event::FieldChanged { entity: Entity::Comment(comment), .. } = event
        {
            self.touched.insert(*comment);
        }
        if self.stale && is_shown(event) {
            return Err(format!("all was read, and then {event:?}"));
        }
        match event {
            Event::Loaded => self.stale = true,
            // Whoever hears that a comment came looks at all of it.
            Event::CommentAdded { comment, .. } => {
                if replica.comment(*comment).is_none() {
                    return Err(format!("{comment} was added, but is not there"));
                }
                if self.told.contains(comment) {
                    return Err(format!("{comment} was edited before it came"));
                }
                self.came.insert(*comment);
                self.reload_comment(replica, *comment);
            }
            Event::CommentRemoved { comment, .. } => match replica.comment(*comment) {
                Some(_) => self.standing_editor(replica, *comment)?.removed = true,
                None => {
                    self.editors.remove(comment);
                    self.fields.retain(|(entity, _), _| *entity != Entity::Comment(*comment));
                }
            },
            Event::CommentRestored { comment } => {
                self.standing_editor(replica, *comment)?.removed = false;
            }
            Event::TextEdited { comment, op, .. } => {
                if self.came.contains(comment) {
                    return Err(format!("{comment} was read when it came, and then edited"));
                }
                self.told.insert(*comment);
                if self.read.contains(comment) {
                    return Ok(());
                }
                if !self.editors.contains_key(comment)
                    && replica.comment(*comment).is_some_and(|shown| shown.removed.is_some())
                {
                    // Nobody saw it.
                    self.reload_comment(replica, *comment);
                    return Ok(());
                }
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

    /// Whether the screen shows what the replica has: what events told of, and now and then everything.
    pub(super) fn check(&mut self, replica: &Replica) -> Result<(), String> {
        self.read.clear();
        self.came.clear();
        self.told.clear();
        if std::mem::take(&mut self.stale) {
            self.reload(replica);
            self.read.clear();
            return Ok(());
        }
        self.newcomers(replica)?;
        self.read.clear();
        self.looks += 1;
        if self.looks.is_multiple_of(EVERYTHING) {
            return self.check_all(replica);
        }
        for id in std::mem::take(&mut self.touched) {
            if let Some(editor) = self.editors.get(&id) {
                self.check_comment(replica, id, editor)?;
            }
        }
        self.check_fields(replica, Entity::Review, &REVIEW_FIELDS)
    }

    /// Whether it shows everything that the replica has.
    pub(super) fn check_all(&mut self, replica: &Replica) -> Result<(), String> {
        self.touched.clear();
        for (id, editor) in &self.editors {
            self.check_comment(replica, *id, editor)?;
        }
        self.check_fields(replica, Entity::Review, &REVIEW_FIELDS)
    }

    /// Comments that no event told of.
    fn newcomers(&mut self, replica: &Replica) -> Result<(), String> {
        for id in replica.confirmed().comments.keys() {
            if !self.editors.contains_key(id) {
                // Nobody sees a comment that was removed before the screen was there.
                if replica.comment(*id).is_none_or(|comment| comment.removed.is_none()) {
                    return Err(format!("{id} is there, but no event said so"));
                }
                self.reload_comment(replica, *id);
            }
        }
        Ok(())
    }

    fn check_comment(&self, replica: &Replica, id: CommentId, editor: &Editor) -> Result<(), String> {
        let shown = replica.comment(id).ok_or_else(|| format!("{id} is gone, but no event said so"))?;
        if editor.text != shown.text.as_str() {
            return Err(format!("{id} reads {:?}, by its events {:?}", shown.text.as_str(), editor.text));
        }
        if editor.removed != shown.removed.is_some() {
            return Err(format!("{id} is removed: {}, by its events: {}", !editor.removed, editor.removed));
        }
        self.check_fields(replica, Entity::Comment(id), &COMMENT_FIELDS)
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
        self.read.insert(id);
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

    /// The editor of a comment that may have been removed before the screen was there.
    fn standing_editor(&mut self, replica: &Replica, comment: CommentId) -> Result<&mut Editor, String> {
        if !self.editors.contains_key(&comment) {
            self.reload_comment(replica, comment);
        }
        self.editor(comment)
    }

    fn editor(&mut self, comment: CommentId) -> Result<&mut Editor, String> {
        self.editors.get_mut(&comment).ok_or_else(|| format!("an event about {comment}, of which none told"))
    }
}

/// Whether it tells of a change of what is shown.
fn is_shown(event: &Event) -> bool {
    matches!(
        event,
        Event::CommentAdded { .. }
            | Event::CommentRemoved { .. }
            | Event::CommentRestored { .. }
            | Event::TextEdited { .. }
            | Event::FieldChanged { .. }
    )
}
