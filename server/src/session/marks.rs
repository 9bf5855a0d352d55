//! `marks`: what the user has read and viewed.

use interline_core::id::ReviewId;
use interline_core::limits::Limits;
use interline_core::review::Marks;

use super::Session;
use crate::room::Failure;
use crate::time::now_ms;

impl Session {
    /// Makes marks durable, then tells the user's sessions all that there are.
    pub(super) async fn marks(&mut self, review: ReviewId, nonce: u64, mut marks: Marks) {
        let Some((room, _)) = self.room(review) else { return self.not_open(review) };
        let (user, now) = (&self.principal.user.id, now_ms());
        marks.viewed.retain(|file, _| !file.is_empty() && file.len() <= Limits::PATH_BYTES);
        for viewed in marks.viewed.values_mut() {
            // A fast clock shall not win over what another device says later.
            viewed.at.at = viewed.at.at.corrected(0, now);
            viewed.changed = false;
        }
        match self.state.store.merge_marks(review, user, &marks).await {
            Ok(all) => room.marks(user.clone(), all, (self.principal.session, nonce)).await,
            // Nothing of the review is wrong: only these marks come again.
            Err(error) => {
                self.state.metrics.error(error.code());
                self.outbox.push(Failure::from(error).history_frame(review, nonce));
            }
        }
    }
}
