//! Sessions that cannot be let in before a seq of their client has its final answer.

use interline_core::entry::{Answer, AnswerResult};
use interline_core::sync::Settled;
use interline_core::wire::ErrorCode;

use super::task::Room;
use super::{Failure, Join, Joining};

impl Room {
    /// Lets a session in that starts from the whole review, once the seq that it asks about is settled.
    pub(super) fn settle(&mut self, number: u64, join: Box<Join>) {
        let settled = join.settle.map(|seq| self.sequencer.settle_seq(join.client, seq));
        match settled {
            // The store has it before this room has heard so: its entry must be in what the client starts from.
            Some(Settled::Answer(Answer { result: AnswerResult::Committed { version, .. }, .. }))
                if version > self.sequencer.head().version =>
            {
                if self.sequencer.tentative() == 0 {
                    let failure = Failure::new(ErrorCode::StoreFailed, "the log is ahead, open it again");
                    let _ = join.reply.send(Joining::Failed(failure));
                    return;
                }
                self.joining.insert(number, (join.session, join.client));
                self.settling.push((number, join));
            }
            Some(Settled::Pending) => {
                self.joining.insert(number, (join.session, join.client));
                self.settling.push((number, join));
                self.execute();
            }
            // Where a seq cannot be settled, the last answer tells the client why.
            None | Some(Settled::Answer(_) | Settled::OutOfTurn) => self.admit(*join, None),
        }
    }

    /// An append is over: asks again for everybody who waits for one.
    pub(super) fn settle_again(&mut self) {
        for (number, join) in std::mem::take(&mut self.settling) {
            let (client, user) = (join.client, join.user.id.clone());
            // Unless it has left meanwhile.
            if self.joining.remove(&number).is_some() {
                self.settle(number, join);
            }
            self.forget_client(client, &user);
        }
    }

    /// Nothing of what was waited for has happened.
    pub(super) fn fail_settling(&mut self, failure: &Failure) {
        for (number, join) in std::mem::take(&mut self.settling) {
            self.joining.remove(&number);
            self.forget_client(join.client, &join.user.id);
            let _ = join.reply.send(Joining::Failed(failure.clone()));
        }
    }
}
