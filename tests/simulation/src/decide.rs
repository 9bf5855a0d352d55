//! What people decide, and how they end conflicts.

use interline_core::change::Entity;
use interline_core::id::CommentId;
use interline_core::review::{Conflict, FieldValue, Status};
use interline_core::sync::Resolution;
use serde_json::json;

use super::client::Client;
use super::failure::Failure;
use super::ink::{marks, shared};
use super::ledger::Deed;
use super::text::Done;
use super::world::World;

impl World {
    pub(super) fn decide(&mut self, c: usize, status: Status) -> bool {
        let (now, client) = (self.now, &mut self.clients[c]);
        let now = client.clock(now);
        let done = client.replica.decide(now, status, None).is_ok();
        if done {
            let (entity, field) = ("review".to_owned(), "status".to_owned());
            client.ledger.add(Deed::Wrote { entity, field, value: json!(FieldValue::from(status)) });
        }
        done
    }

    /// Ends the oldest conflict that is open for a client's user: by a status; by putting a comment back or not; by
    /// leaving a text as it was merged, or by another one.
    pub(super) fn end_conflict(&mut self, c: usize, status: Status) -> Result<bool, Failure> {
        let client = &self.clients[c];
        let Some(open) = client.replica.conflicts().into_iter().next() else { return Ok(false) };
        let by = match (open.field.as_str(), open.entity) {
            (Conflict::TEXT, Entity::Comment(comment)) if status != Status::Pending => {
                return self.end_by_text(c, &open, comment);
            }
            (Conflict::TEXT, _) => Resolution::Merged,
            (Conflict::REMOVED, _) => Resolution::Value(FieldValue::Flag(status == Status::Pending)),
            _ => Resolution::Value(status.into()),
        };
        let (now, client) = (self.now, &mut self.clients[c]);
        let now = client.clock(now);
        let done = client.replica.settle(now, open.id, by).is_ok();
        if done && open.field == Status::FIELD {
            let (entity, field) = ("review".to_owned(), "status".to_owned());
            client.ledger.add(Deed::Wrote { entity, field, value: json!(FieldValue::from(status)) });
        }
        Ok(done)
    }

    /// Neither side is right, nor what both were merged to: there is another text in their place.
    fn end_by_text(&mut self, c: usize, open: &Conflict, comment: CommentId) -> Result<bool, Failure> {
        let (now, client) = (self.now, &mut self.clients[c]);
        let Some(before) = client.screen.text(comment).map(str::to_owned) else { return Ok(false) };
        let text = client.pen.write(1);
        let (inserted, deleted) = (marks(&text) + &marks(&before) + &shared(&text), before.clone());
        let now = client.clock(now);
        let by = Resolution::Value(FieldValue::Text(text.clone()));
        match client.replica.settle(now, open.id, by) {
            // The comment may be gone here, or what is pending leaves no room.
            Err(_) => Ok(false),
            done => self.edited(c, comment, &before, Done { text, inserted, deleted }, done),
        }
    }

    pub(super) fn tag(&mut self, c: usize, value: u8) -> bool {
        let (now, client) = (self.now, &mut self.clients[c]);
        let now = client.clock(now);
        let tags = ["a".to_owned(), "b".to_owned()];
        let [one, other] = if value.is_multiple_of(2) { tags } else { [tags[1].clone(), tags[0].clone()] };
        let there = |client: &Client, tag: &String| {
            client.replica.sets(Entity::Review).elements("tags").any(|there| there == tag)
        };
        let head = client.replica.head().map_or(0, |head| head.version);
        let deeds = [(one.clone(), true), (other.clone(), false)];
        let deeds = deeds.map(|(tag, put)| (there(client, &tag) != put, Deed::Tagged { tag, put, head }));
        let done =
            client.replica.change_set(now, Entity::Review, "tags", [one].into(), [other].into()).is_ok();
        for (_, deed) in deeds.into_iter().filter(|(changes, _)| done && *changes) {
            client.ledger.add(deed);
        }
        done
    }
}
