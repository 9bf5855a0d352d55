//! New states of the code on their way through the sequencer. One at a time: the next one's line map has to begin
//! where this one ends.

use interline_core::sync::{NewPatchSet, PatchSetOutcome};
use interline_core::wire::ErrorCode;
use tokio::sync::oneshot;

use super::task::Room;
use super::{Code, Failure};
use crate::time::now_ms;

type Reply = oneshot::Sender<Result<PatchSetOutcome, Failure>>;

/// Who waits for what becomes of a patch set.
#[derive(Default)]
pub(super) struct Adding {
    /// The one under way.
    now: Option<(u32, Reply)>,
    /// Those that came meanwhile: their maps are for older code.
    late: Vec<Reply>,
}

impl Room {
    /// The newest code that is durable.
    pub(super) fn code(&self) -> Result<Code, Failure> {
        let number = self.sequencer.committed().patch_set;
        let code = self.sequencer.patch_sets().get(number).cloned();
        let missing = || Failure::new(ErrorCode::Internal, format!("patch set {number} is not here"));
        code.map(|code| Code { number, code }).ok_or_else(missing)
    }

    pub(super) fn add_patch_set(&mut self, new: NewPatchSet, reply: Reply) {
        if self.adding.now.is_some() {
            // They are told once this one is there to be looked at.
            return self.adding.late.push(reply);
        }
        self.adding.now = Some((new.number, reply));
        self.sequencer.add_patch_set(now_ms(), new);
        self.execute();
    }

    pub(super) fn patch_set_done(&mut self, number: u32, outcome: PatchSetOutcome) {
        if let Some((_, reply)) = self.adding.now.take_if(|(under_way, _)| *under_way == number) {
            let _ = reply.send(Ok(outcome));
        }
        for reply in std::mem::take(&mut self.adding.late) {
            let _ = reply.send(Ok(PatchSetOutcome::Overtaken));
        }
    }
}
