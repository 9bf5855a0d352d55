//! The two halves of sync, side by side because they change together.
//!
//! The client's half: `edit -> Save -> saved -> Send`, [`Replica`]. The server's half:
//! `submit -> Append -> (appended | lost | failed) -> Deliver`, [`Sequencer`]. Both are state machines: calls
//! bring in what happened and what time it is, effects say what is to be done, in which order. Both transform
//! an edit over the same single entries, history first, so both arrive at the same text.

mod batcher;
mod catch_up;
mod decide;
mod history;
mod meet;
mod patch_set;
mod pending;
mod place;
mod plan;
mod publish;
mod replica;
mod sequencer;
mod settle;
mod submission;

pub use batcher::Batcher;
pub use catch_up::CatchUp;
pub use history::History;
pub use patch_set::{NewPatchSet, PatchSetOutcome};
pub use pending::Pending;
pub use publish::{Publication, PublicationOutcome, PublishedComment};
pub use replica::{
    Cause, EditError, Event, Frozen, Grounds, Late, Origin, Receipt, Rejected, Replica, ReplicaEffect,
    Resolution, Restore, ResyncReason, SAVED_FORMAT, Save, SavedConfirmed, SavedInFlight, SavedLedger,
    SavedPending, SavedReview, TakenOut, Thread, Unsynced, Visits,
};
pub use sequencer::{
    Append, BrokenLog, Past, Record, Refusal, Sequencer, SequencerEffect, Settled, Submission,
};

#[cfg(test)]
mod convergence;
#[cfg(test)]
mod tests;
