//! What this user has published with drafts, as it comes into the review: by a client id of its own, so that it is nobody's
//! flight that lands. Its author is told all the same.

use super::{Event, Replica};
use crate::change::Entity;
use crate::entry::{Entry, Fact, Outcome};
use crate::id::ClientId;
use crate::review::{Holder, Policy, Review, Status, spec};

impl Replica {
    /// Whether that is the client id under which this user's drafts are published in this review.
    fn publishes(&self, client: ClientId) -> bool {
        client.is_reserved() && client == self.confirmed.id.drafts_of(&self.user).publisher()
    }

    /// A field of this user's keeps another's value.
    pub(super) fn tell_superseded(&mut self, entity: Entity, outcome: &Outcome) {
        if let Outcome::Superseded { field, by, value } = outcome {
            let (field, by, value) = (field.clone(), by.clone(), value.clone());
            self.emit(Event::Superseded { entity, field, value, by });
        }
    }

    /// A publication has come: of a decision in it, only the status that it proposed can have lost to somebody else's.
    pub(super) fn tell_published(&mut self, entry: &Entry) {
        if !self.publishes(entry.client) {
            return;
        }
        for verdict in &entry.verdicts {
            let status = |field: &str| field == Status::FIELD;
            if matches!(&verdict.outcome, Outcome::Superseded { field, .. } if status(field)) {
                self.tell_superseded(Entity::Review, &verdict.outcome);
            }
        }
    }

    /// A step of a catch-up holds no verdict: what became of a decision only the end of it tells.
    pub(super) fn expect_status(&mut self, fact: &Fact) {
        if let Fact::DecisionSet { stamp, .. } = fact
            && self.publishes(stamp.client)
        {
            self.untold_decision = Some(*stamp);
        }
    }

    /// The confirmed review was this one, and is another: so it is with a decision that was not in the old one.
    pub(super) fn decision_replaced(&mut self, old: &Review) {
        let stamp = |review: &Review| review.decisions.get(&self.user).map(|decision| decision.stamp);
        let (was, is) = (stamp(old), stamp(&self.confirmed));
        if let Some(stamp) = is
            && old.version > 0
            && was != is
            && self.publishes(stamp.client)
        {
            self.untold_decision = Some(stamp);
        }
    }

    /// All that happened meanwhile is here. The status is another's that was there before the decision and stands.
    pub(super) fn tell_untold_decision(&mut self) {
        let Some(stamp) = self.untold_decision.take() else { return };
        let decision = self.confirmed.decisions.get(&self.user).filter(|decision| decision.stamp == stamp);
        let lww = spec(Holder::Review, Status::FIELD)
            .is_some_and(|spec| self.confirmed.policy(spec) == Policy::LastWriterWins);
        let (Some(decision), Some(stands)) = (decision, self.confirmed.fields.register(Status::FIELD)) else {
            return;
        };
        if lww && stands.version < decision.version && stands.value != decision.value.into() {
            let (field, by, value) = (Status::FIELD.to_owned(), stands.by.clone(), stands.value.clone());
            self.tell_superseded(Entity::Review, &Outcome::Superseded { field, by, value });
        }
    }
}
