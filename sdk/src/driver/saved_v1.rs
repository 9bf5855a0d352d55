//! What release 0.1.0 saved: a whole replica in one text, of format 1.

use interline_core::change::Change;
use interline_core::clock::{Hlc, Millis};
use interline_core::entry::{Head, Reason};
use interline_core::id::{ClientId, CommentId, Seq, UserId};
use interline_core::review::Review;
use interline_core::sync::{
    Cause, Pending, Rejected, SAVED_FORMAT, Save, SavedConfirmed, SavedInFlight, SavedLedger, SavedPending,
    SavedReview,
};
use serde::Deserialize;

/// A replica as it was saved.
#[derive(Deserialize)]
pub(super) struct SavedV1 {
    client: ClientId,
    user: UserId,
    confirmed: Review,
    head: Head,
    in_flight: Option<SavedInFlight>,
    buffer: Pending,
    buffered_since: Option<Millis>,
    next_seq: Seq,
    clock: Hlc,
    rejected: Vec<RejectedV1>,
}

/// A refused change.
#[derive(Deserialize)]
struct RejectedV1 {
    comment: Option<CommentId>,
    /// None where the replica had started over from the server's state.
    reason: Option<Reason>,
    base: Option<String>,
    mine: Option<String>,
    changes: Vec<Change>,
}

impl SavedV1 {
    /// The same in the parts of the present format, all of them to be written.
    pub(super) fn upgrade(self, now: Millis) -> Save {
        let format = SAVED_FORMAT;
        let SavedV1 { client, user, confirmed, head, in_flight, buffer, buffered_since, .. } = self;
        let rejected = self.rejected.into_iter().zip(1..);
        let rejected: Vec<_> = rejected.map(|(old, id)| old.upgrade(id, now, &confirmed)).collect();
        let precious = in_flight.is_some() || !buffer.is_empty() || !rejected.is_empty();
        Save {
            pending: SavedPending {
                format,
                client,
                user,
                review: confirmed.id,
                drafts_of: None,
                head,
                in_flight,
                buffer,
                buffered_since,
                next_seq: self.next_seq,
                clock: self.clock,
                undo: Default::default(),
                meant: Default::default(),
                carried: Default::default(),
            },
            ledger: Some(SavedLedger { format, rejected, ..SavedLedger::default() }),
            confirmed: SavedConfirmed::Whole(Box::new(SavedReview { format, head, review: confirmed })),
            precious,
        }
    }
}

impl RejectedV1 {
    fn upgrade(self, id: u64, at: Millis, confirmed: &Review) -> Rejected {
        let RejectedV1 { comment, reason, base, mine, changes } = self;
        let known = comment.and_then(|id| confirmed.comments.get(&id)).map(|comment| comment.place.clone());
        let added = changes.iter().find_map(|change| match change {
            Change::CommentAdded { place, .. } => Some(place.clone()),
            _ => None,
        });
        let cause = reason.map_or(Cause::Unplaceable, Cause::Refused);
        let (place, grounds) = (known.or(added), Default::default());
        Rejected { id, cause, at, comment, place, base, mine, changes, grounds }
    }
}
