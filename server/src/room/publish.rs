//! Private drafts on their way into the review: what the room of their log asks of the review's room, and what that
//! makes of it. Both rooms sequence their parts, and the review's room has them appended as one. It never waits for
//! the other: a log of drafts that has gone on meanwhile shows in the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::FutureExt;
use interline_core::diff::PatchSet;
use interline_core::id::{ClientId, ReviewId, User};
use interline_core::limits::Limits;
use interline_core::sync::{Append, Publication, PublicationOutcome, Submission};
use tokio::sync::oneshot;

use super::load::patch_set;
use super::submit::summary_after;
use super::task::{Broken, Event, Room};
use super::{Failure, Input, RoomHandle};
use crate::store::{AppendOutcome, ReviewAppend, Store, StoreError};
use crate::time::now_ms;

/// A publication on its way in.
#[derive(Debug)]
pub(crate) struct Publish {
    publication: Arc<Publication>,
    /// The part that goes into the log of drafts.
    drafts: ReviewAppend,
    /// Whose they are. Nobody of theirs need be in the review.
    owner: Option<User>,
    pub(super) reply: oneshot::Sender<PublicationOutcome>,
}

/// Publications under way, by the logs of drafts that they come from: one each.
pub(super) type Publishing = BTreeMap<ReviewId, UnderWay>;

/// What is kept of a publication until it is known what becomes of it.
#[derive(Debug)]
pub(super) struct UnderWay {
    drafts: ReviewAppend,
    owner: Option<User>,
    reply: oneshot::Sender<PublicationOutcome>,
}

/// Patch sets by their numbers.
pub(super) type Codes = Vec<(u32, Arc<PatchSet>)>;

impl RoomHandle {
    /// Publishes; waits until it is durable in both logs, or is in neither.
    async fn publish(
        &self,
        publication: Arc<Publication>,
        drafts: ReviewAppend,
        owner: Option<User>,
    ) -> Result<PublicationOutcome, StoreError> {
        let (reply, outcome) = oneshot::channel();
        let publish = Box::new(Publish { publication, drafts, owner, reply });
        if self.mailbox.send(Input::Publish(publish)).await.is_err() {
            // The room had ended before: nothing of it happened.
            return Ok(PublicationOutcome::StoreFailed);
        }
        // The room ended with it in hand.
        outcome.await.map_err(|_| StoreError::UnknownOutcome("the review's room ended".into()))
    }
}

impl Room {
    /// Whether it is a log of private drafts: nobody but their owner is here, and nobody else hears that it is.
    pub(super) fn is_private(&self) -> bool {
        self.sequencer.committed().drafts.is_some()
    }

    /// What is to be appended here publishes: that is the review's room's to append.
    pub(super) fn publish_there(&mut self, append: Append, publication: Arc<Publication>) {
        let clients: Vec<ClientId> = append.records.iter().map(|record| record.client).collect();
        let summary = summary_after(self.sequencer.committed(), &append);
        let part = ReviewAppend { review: self.id, append, summary, linked: None };
        let owner = self.names.get(&publication.author).cloned();
        let of = self.sequencer.committed().drafts.as_ref().map(|drafts| drafts.review);
        let room = self.rooms.upgrade().zip(of).map(|(rooms, of)| rooms.get(of));
        let published = async move {
            let outcome = match room {
                Some(room) => room.publish(publication, part, owner).await,
                None => Ok(PublicationOutcome::StoreFailed),
            };
            Event::Published(clients, outcome)
        };
        self.work.push(published.boxed());
    }

    /// What the review has made of what is published from here.
    pub(super) fn published(
        &mut self,
        clients: &[ClientId],
        outcome: Result<PublicationOutcome, StoreError>,
    ) -> Result<(), Broken> {
        let outcome = match outcome {
            Ok(PublicationOutcome::Published) => Ok(AppendOutcome::Appended),
            // It has not, though it was said before: asking on and on would help nobody.
            Ok(PublicationOutcome::Overtaken) if self.overtaken_at == Some(self.sequencer.head()) => {
                Err(StoreError::Unavailable("the review and the log of drafts differ".into()))
            }
            Ok(PublicationOutcome::Overtaken) => {
                self.overtaken_at = Some(self.sequencer.head());
                Ok(AppendOutcome::Lost)
            }
            Ok(PublicationOutcome::StoreFailed) => {
                Err(StoreError::Unavailable("the review could not take it".into()))
            }
            Ok(PublicationOutcome::Refused(reason)) => {
                self.sequencer.refused_publication(now_ms(), reason);
                self.execute();
                return Ok(());
            }
            Err(error) => Err(error),
        };
        self.appended(clients, outcome)
    }

    /// Somebody's drafts are published here.
    pub(super) fn publish(&mut self, publish: Publish) {
        let Publish { publication, drafts, owner, reply } = publish;
        let id = publication.drafts;
        let fits = id == drafts.review && !self.is_private();
        if !fits || self.publishing.contains_key(&id) {
            let _ = reply.send(PublicationOutcome::StoreFailed);
            return;
        }
        self.publishing.insert(id, UnderWay { drafts, owner, reply });
        self.sequencer.publish(now_ms(), publication);
        self.execute();
    }

    /// What became of it here.
    pub(super) fn publication_done(&mut self, drafts: ReviewId, outcome: PublicationOutcome) {
        let Some(UnderWay { owner, reply, .. }) = self.publishing.remove(&drafts) else { return };
        if outcome == PublicationOutcome::Published {
            // Who is not in the review has no name here yet.
            self.named(owner.into_iter().collect());
        }
        let _ = reply.send(outcome);
    }

    /// The part of the log of drafts that goes with an append, if one does.
    pub(super) fn linked(&self, append: &Append) -> Option<Box<ReviewAppend>> {
        let publication = append.records.iter().find_map(|record| record.publication.as_ref())?;
        self.publishing.get(&publication.drafts).map(|under_way| Box::new(under_way.drafts.clone()))
    }

    /// Reads the review's code that a batch of drafts is about and that is not here; hands the batch back where there
    /// is nothing to read.
    pub(super) fn read_code(&mut self, submission: Submission) -> Option<Submission> {
        let of = self.sequencer.committed().drafts.as_ref().map(|drafts| drafts.review);
        let lacks = self.sequencer.lacks_code(&submission.batch);
        let lacks: BTreeSet<u32> =
            lacks.into_iter().filter(|n| (1..=Limits::PATCH_SETS).contains(n)).collect();
        let Some(of) = of.filter(|_| !lacks.is_empty()) else { return Some(submission) };
        let store = self.context.store.clone();
        let read = async move { Event::Code(Box::new(submission), codes(&*store, of, lacks).await) };
        self.work.push(read.boxed());
        None
    }

    pub(super) fn code_read(&mut self, submission: Submission, codes: Result<Codes, StoreError>) {
        match codes {
            Ok(codes) => {
                for (number, code) in codes {
                    self.sequencer.give_code(number, code);
                }
                self.sequence_coded(submission);
            }
            Err(error) => self.refuse(&submission, &Failure::from(error)),
        }
    }
}

/// Those of some patch sets that there are.
async fn codes(store: &dyn Store, review: ReviewId, numbers: BTreeSet<u32>) -> Result<Codes, StoreError> {
    let there: BTreeSet<u32> = store.patch_sets(review).await?.into_iter().map(|row| row.number).collect();
    let mut codes = Vec::new();
    for number in numbers.intersection(&there) {
        codes.push((*number, Arc::new(patch_set(store, review, *number).await?)));
    }
    Ok(codes)
}
