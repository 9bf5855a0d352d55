//! Edits of drafts that another device had published meanwhile. The log of drafts refuses them; they go on in the
//! published comment, by themselves.
//!
//! The edit in the review is saved with the name of the record that it comes from, and only then the record is
//! discarded: a crash in between makes nothing twice, and loses nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use interline_core::id::ClientId;
use interline_core::sync::{Late as Taken, Rejected};

use crate::platform;
use crate::shared::Shared;
use crate::slot::Slot;

/// When to look again, in milliseconds.
pub(super) const AGAIN_MS: u64 = 1_000;

/// How far the records of a log of drafts have come.
#[derive(Default)]
pub(crate) struct Late {
    /// The review has them, but may not have saved that.
    carried: BTreeSet<u64>,
    /// The review remembers none that are gone for good: not before a start has looked what the last run left, nor while
    /// it is not saved that some are discarded.
    looked: bool,
}

/// Carries over what came too late, as far as the review is open here, and forgets what that has saved. What a client
/// that ended has left goes into the living client's review: its own is removed from the store as soon as it is done.
pub(crate) fn carry(shared: &Shared, drafts: &Slot) {
    if shared.config.orphan {
        return;
    }
    let Some(of) = drafts.drafts_of().filter(|_| drafts.read(|inner| inner.has_late())) else { return };
    let Some(review) = shared.entered(&of.to_string()) else { return };
    let (client, late, left) = drafts.read(|inner| {
        let late: Vec<_> =
            inner.replica.late().filter(|record| !inner.late.carried.contains(&record.id)).cloned().collect();
        let left: BTreeSet<_> = inner.replica.late().map(|record| record.id).collect();
        (inner.replica.client(), late, inner.replica.is_saved().then_some(left))
    });
    if let Some(left) = left {
        drafts.with(|inner, _| inner.late.looked = true);
        review.with(|inner, _| inner.replica.keep_carried(client, &left));
    }
    for record in late {
        if give(&review, client, &record) {
            drafts.with(|inner, _| inner.late.carried.insert(record.id));
        }
    }
    if !review.read(|inner| inner.replica.is_saved()) {
        return;
    }
    drafts.with(|inner, _| {
        for id in std::mem::take(&mut inner.late.carried) {
            inner.late.looked = false;
            inner.replica.discard_rejected(Some(id));
        }
    });
}

/// Whether something waits to be carried into a review that is open here.
pub(super) fn waits(shared: &Shared, drafts: &Slot) -> bool {
    let open = || drafts.drafts_of().is_some_and(|of| shared.entered(&of.to_string()).is_some());
    !shared.config.orphan && drafts.read(|inner| inner.replica.late().next().is_some()) && open()
}

/// Carries all of it, and waits until nothing of it is left; false where the review is not open here.
pub(super) async fn carried(main: &Arc<Shared>, drafts: &Slot) -> bool {
    let mut saves = main.saves.subscribe();
    while drafts.read(|inner| inner.replica.late().next().is_some()) {
        if !waits(main, drafts) {
            return false;
        }
        carry(main, drafts);
        main.wake.notify_one();
        tokio::select! {
            saved = saves.changed() => if saved.is_err() { return false },
            () = platform::sleep(AGAIN_MS) => {}
        }
    }
    true
}

/// Gives a review what came too late for the draft; says whether it is there.
fn give(review: &Slot, from: ClientId, record: &Rejected) -> bool {
    let given = review.edit_if(|replica, now| {
        let taken = replica.take_late(now, from, record);
        Ok((taken != Taken::Waits, taken == Taken::Carried))
    });
    // A review that is closed takes nothing any more.
    given.unwrap_or(false)
}

impl crate::slot::Inner {
    fn has_late(&self) -> bool {
        !self.late.looked || self.replica.late().next().is_some()
    }
}
