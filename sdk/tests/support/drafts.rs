//! How the small server keeps private drafts: a room of their own, and a publication that both rooms take, or neither.

use std::sync::Arc;

use interline::{ReviewId, SessionId, UserId};
use interline_core::drafts::first_entry;
use interline_core::entry::{Entry, Head};
use interline_core::limits::Limits;
use interline_core::review::Review;
use interline_core::sync::{Append, Publication, PublicationOutcome, Sequencer, SequencerEffect};

use super::{Room, World, interline_now};

impl World {
    /// The log of a user's drafts in a review; it is made when it is first asked for.
    pub(super) fn drafts_in(&mut self, of: ReviewId, user: &UserId) -> ReviewId {
        let id = of.drafts_of(user);
        if let (false, Some(room)) = (self.rooms.contains_key(&id), self.rooms.get(&of)) {
            let (entry, encoded) = first_entry(of, user);
            let mut review = Review::new(id);
            review.apply(&entry).unwrap();
            let head = Head { version: 1, hash: encoded.hash };
            let code = room.code.clone();
            let sequencer = Sequencer::new(review, head, code.clone(), Limits::default());
            let room =
                Room { sequencer, log: vec![encoded], code, answers: Vec::new(), here: Default::default() };
            self.rooms.insert(id, room);
        }
        id
    }

    /// A user's drafts in a review as they are durable.
    pub fn drafts(&self, key: &str, user: &str) -> &Review {
        let id = self.keys[key].drafts_of(&UserId::new(user).unwrap());
        self.rooms[&id].sequencer.committed()
    }

    /// Whether a user's drafts in a review have ever been asked for.
    pub fn has_drafts(&self, key: &str, user: &str) -> bool {
        self.rooms.contains_key(&self.keys[key].drafts_of(&UserId::new(user).unwrap()))
    }

    /// A log by its id, decoded.
    pub fn log_of(&self, id: ReviewId) -> Vec<Entry> {
        self.rooms[&id].log.iter().map(|entry| entry.decode().unwrap()).collect()
    }

    /// Appends what a room wants appended; what is published, to the review as well.
    pub(super) fn append(&mut self, from: SessionId, id: ReviewId, append: Append) {
        let published = append.records.iter().find_map(|record| record.publication.clone());
        let room = self.rooms.get_mut(&id).unwrap();
        let of = room.sequencer.committed().drafts.as_ref().map(|drafts| drafts.review);
        match (of, published) {
            (Some(of), Some(publication)) => self.publish(from, id, of, append, publication),
            _ => room.appended(append),
        }
    }

    fn publish(
        &mut self,
        from: SessionId,
        drafts: ReviewId,
        of: ReviewId,
        append: Append,
        publication: Arc<Publication>,
    ) {
        let room = self.rooms.get_mut(&of).unwrap();
        let publisher = drafts.publisher();
        let last = room.last(publisher);
        room.sequencer.client_opened(publisher, last);
        room.sequencer.publish(interline_now(), publication);
        let reason = match room.sequencer.poll() {
            Some(SequencerEffect::Append(theirs)) => {
                room.appended(theirs);
                None
            }
            Some(SequencerEffect::Publication(_, PublicationOutcome::Refused(reason))) => Some(reason),
            other => panic!("one room at a time: {other:?}"),
        };
        let room = self.rooms.get_mut(&drafts).unwrap();
        match reason {
            None => {
                room.appended(append);
                self.run(from, of);
            }
            Some(reason) => room.sequencer.refused_publication(interline_now(), reason),
        }
    }
}
