//! Private drafts: their own log, what they are published by, and edits that come too late for that.

use std::collections::BTreeSet;

mod publishing;
mod replica;
mod told;

use super::*;
use crate::change::{Apart, PublishedDecision};
use crate::drafts::first_entry;
use crate::review::PlaceState;

const REVIEW: ReviewId = ReviewId(Uuid::from_u128(7));

/// A review's server, and that of user1's drafts in it.
struct Two {
    review: Server,
    drafts: Server,
    drafts_log: Vec<EncodedEntry>,
}

impl Two {
    fn new() -> Two {
        let mut two = Two { review: Server::new(), drafts: Server::new(), drafts_log: vec![] };
        let (entry, encoded) = first_entry(REVIEW, &user(1));
        let mut review = Review::new(REVIEW.drafts_of(&user(1)));
        review.apply(&entry).unwrap();
        let head = Head { version: 1, hash: encoded.hash };
        two.drafts.sequencer = Sequencer::new(review, head, PatchSets::default(), Limits::default());
        (1..=2).for_each(|n| two.drafts.sequencer.client_opened(client(n), None));
        let code = two.review.sequencer.patch_sets().get(1).unwrap().clone();
        two.drafts.sequencer.give_code(1, code);
        two
    }

    /// User 1 does something to their drafts; what became of it.
    fn draft(&mut self, seq: u64, base: u64, changes: Vec<Change>) -> Vec<(usize, Outcome)> {
        self.hand_in(1, seq, base, changes);
        self.pump();
        let rejected = self.drafts.answers.pop().map(|(_, answer)| match answer.result {
            AnswerResult::Rejected(verdicts) => verdicts,
            AnswerResult::Committed { .. } | AnswerResult::Void => vec![],
        });
        rejected.unwrap_or_default().into_iter().map(|v| (v.change, v.outcome)).collect()
    }

    fn hand_in(&mut self, who: u128, seq: u64, base: u64, changes: Vec<Change>) {
        let batch = Batch { seq, base, changes };
        let payload = Hash::of(serde_json::to_string(&batch).unwrap().as_bytes());
        // Both clients are one user's devices.
        let submission = Submission { client: client(who), user: user(1), batch, payload, skew: 0 };
        self.drafts.sequencer.submit(1_000, submission, Past::default());
        self.drafts.poll();
    }

    /// What the next append of drafts publishes.
    fn publication(&self) -> Option<Arc<Publication>> {
        self.drafts.appends.first()?.records.iter().find_map(|record| record.publication.clone())
    }

    /// Does what rooms and the store do, until nothing is left to do.
    fn pump(&mut self) {
        while !self.drafts.appends.is_empty() {
            match self.publication() {
                Some(publication) => {
                    assert_eq!(self.drafts.appends[0].records.len(), 1, "alone in its append");
                    self.review.sequencer.publish(2_000, publication);
                    self.review.poll();
                    self.settle();
                }
                None => self.drafts.commit(),
            }
        }
    }

    /// The review's part is ready, or refused.
    fn settle(&mut self) {
        while !self.review.appends.is_empty() {
            self.review.commit();
        }
        for (drafts, outcome) in std::mem::take(&mut self.review.published) {
            assert_eq!(drafts, self.drafts.sequencer.committed().id);
            match outcome {
                PublicationOutcome::Published => self.drafts.commit(),
                PublicationOutcome::Refused(reason) => {
                    self.drafts.appends.clear();
                    self.drafts.sequencer.refused_publication(1_000, reason);
                    self.drafts.poll();
                }
                other => panic!("nobody meddles here: {other:?}"),
            }
        }
    }
}

fn at(ms: u64) -> HlcTime {
    HlcTime { ms, n: 0 }
}

fn reply(n: u128, root: u128) -> Change {
    let place = Place::Reply(comment(root));
    Change::CommentAdded { comment: comment(n), place, text: format!("reply {n}"), at: at(20), seen: None }
}

fn publish(comments: &[u128], decision: Option<PublishedDecision>) -> Change {
    let comments = comments.iter().map(|n| comment(*n)).collect();
    Change::DraftsPublished { comments, decision, seen: None, at: at(30) }
}

fn approved(seen: u64) -> Option<PublishedDecision> {
    let status = FieldWrite { patch_set: Some(1), ..FieldWrite::new(Status::Approved.into(), seen) };
    Some(PublishedDecision { status, note: Some("fine".into()) })
}
