//! What a client does when it has to open the review again: only where that has a cause.

use interline_core::entry::Fact;
use interline_core::id::ClientId;
use interline_core::sync::ResyncReason;
use serde_json::json;
use uuid::Uuid;

use super::client::{Client, Held};
use super::failure::{Check, Failure};
use super::ink::is_own;
use super::plan::Form;
use super::world::{World, fail};

/// How often a client opens the review again at most.
const MANY: usize = 200;

impl World {
    /// Something that a server said does not fit what a client has.
    pub(super) fn resync(&mut self, c: usize, reason: ResyncReason, what: &str) -> Result<(), Failure> {
        let (copied, restored) = (self.clients[c].copied.is_some(), self.store.restores() > 0);
        let expected = match reason {
            // A batch that its own earlier request had settled is refused: opening again tells.
            ResyncReason::Gap => what.starts_with("SeqReused"),
            // A batch whose base is gone is refused.
            ResyncReason::Diverged => copied || self.store.was_trimmed() || restored && self.comes_twice(c),
            ResyncReason::Copied => copied,
            ResyncReason::HistoryLost => restored,
        };
        if !expected {
            return fail(Check::Stream, format!("client {c}: {reason} ({what})"));
        }
        self.record.note(format_args!("client {c} opens again: {reason}"));
        self.clients[c].resyncs += 1;
        if self.clients[c].resyncs > MANY {
            return fail(Check::Rest, format!("client {c} opens the review ever again: {reason}"));
        }
        let Some(connection) = self.clients[c].connection.take() else { return Ok(()) };
        let node = self.connections[connection].node;
        self.connections[connection].cut();
        self.with(c, |replica, _| replica.offline())?;
        if reason.needs_new_id() {
            self.renew(c, reason)?;
        }
        self.connect(c, node, false, (Form::Fitting, 0))
    }

    /// Whether a comment that waits here came by itself as well: each device of its author's may bring back what history
    /// lost, and write in it before it goes out.
    fn comes_twice(&self, c: usize) -> bool {
        let replica = &self.clients[c].replica;
        let waits = |id| replica.is_pending(id) && !replica.confirmed().comments.contains_key(&id);
        let entries = self.store.log().iter().filter_map(|entry| entry.decode().ok());
        entries
            .flat_map(|entry| entry.facts)
            .any(|fact| matches!(fact, Fact::CommentAdded { comment, .. } if waits(comment)))
    }

    fn renew(&mut self, c: usize, reason: ResyncReason) -> Result<(), Failure> {
        self.renewals += 1;
        let fresh = ClientId(Uuid::from_u128(0x1_0000 + self.renewals));
        let client = &mut self.clients[c];
        if reason == ResyncReason::HistoryLost {
            let held = held(client);
            client.held.push(held);
        }
        client.ids.push(fresh);
        self.with(c, |replica, now| replica.renew(now, fresh, reason))
    }
}

/// What of its user's is both acknowledged and shown. What somebody else has put into another comment once more is
/// theirs to be offered.
pub(super) fn held(client: &Client) -> Held {
    let (replica, writer) = (&client.replica, client.pen.writer());
    let mut marks = String::new();
    for (id, confirmed) in &replica.confirmed().comments {
        let Some(shown) = replica.comment(*id).filter(|shown| shown.removed.is_none()) else { continue };
        let text = shown.text.as_str();
        let put = client.ledger.put(&id.to_string());
        let both = |mark: &char| is_own(writer, *mark) && text.contains(*mark) && put.contains(mark);
        marks.extend(confirmed.text.as_str().chars().filter(both));
    }
    let fields = &replica.confirmed().fields;
    let own = |name: &str| {
        let register = fields.register(name).filter(|register| register.by == *replica.user())?;
        Some((name.to_owned(), json!(register.value)))
    };
    let fields = fields.names().filter_map(own).collect();
    // Who has decided anew since means that.
    let again = replica.decisions().get(replica.user()) != replica.confirmed().decisions.get(replica.user());
    let decision = client.decision().filter(|_| !again);
    Held { next: client.ids.len(), marks, fields, tags: client.tags(), decision }
}
