//! What people do: with their drafts, and in the review.

use interline_core::id::CommentId;
use interline_core::review::{Anchor, Place, Status};
use interline_core::sync::Late;
use uuid::Uuid;

use super::life::{BO, DEVICES, Done, Life};
use super::peer::Deed;

impl Life {
    /// A scalar unlike any other that was ever typed.
    fn mark(&mut self) -> char {
        self.ids += 1;
        u32::try_from(self.ids - 0x1_0000).ok().and_then(|n| char::from_u32(0x4E00 + n)).unwrap_or('?')
    }

    /// A draft is begun, added to, or removed.
    pub(super) fn write(&mut self, device: usize) -> Done {
        let drafts = self.peers[device].drafts();
        let picked = self.rng.choice(&drafts).copied();
        let (now, mark) = (self.now, self.mark());
        let peer = &mut self.peers[device];
        let fresh = CommentId(Uuid::from_u128(self.ids));
        let (draft, done) = match (picked, self.rng.u8(..8)) {
            (Some(draft), 0) => {
                if peer.replica.remove_comment(now, draft).is_ok() {
                    self.left.removed.insert(draft.to_string());
                }
                return self.drain(device);
            }
            (Some(draft), 1..6) => {
                let len = peer.replica.comment(draft).map_or(0, |shown| shown.text.len());
                let at = self.rng.usize(..=len);
                (draft, peer.replica.replace_text(now, draft, at, 0, &mark.to_string()))
            }
            _ => {
                let roots = self.peers[DEVICES + device].replica.threads();
                let root = self.rng.choice(&roots).map(|thread| thread.root.id);
                let place = match (root, self.rng.u8(..4)) {
                    (Some(root), 0) => Place::Reply(root),
                    _ => Place::Line(Anchor::head("x", self.rng.u32(1..=2))),
                };
                let replica = &mut self.peers[device].replica;
                (fresh, replica.add_comment(now, fresh, place, &mark.to_string()))
            }
        };
        if done.is_ok() {
            self.left.deeds += 1;
            self.peers[device].deeds.push(Deed::Typed(mark, draft.to_string()));
        }
        self.drain(device)
    }

    /// Some of the drafts, a decision, or both are published.
    pub(super) fn publish(&mut self, device: usize) -> Done {
        let mut drafts = self.peers[device].drafts();
        let (few, decides, mark) = (self.rng.bool(), self.rng.bool(), self.mark());
        drafts.retain(|_| !few || self.rng.bool());
        let review = &self.peers[DEVICES + device].replica;
        let status =
            *self.rng.choice(&[Status::Approved, Status::ChangesRequested]).unwrap_or(&Status::Pending);
        let note = decides.then(|| mark.to_string());
        let decision = note.clone().and_then(|note| review.decision(status, Some(note), None).ok());
        let (note, seen) = (note.filter(|_| decision.is_some()), review.head().map(|head| head.version));
        let (now, peer) = (self.now, &mut self.peers[device]);
        if peer.replica.publish_drafts(now, drafts.clone(), decision, seen).is_ok() {
            self.left.deeds += 1;
            let comments = drafts.iter().map(ToString::to_string).collect();
            self.peers[device].deeds.push(Deed::Published { note, comments });
        }
        self.drain(device)
    }

    /// Bo says something, or somebody of the review edits a comment.
    pub(super) fn remark(&mut self) -> Done {
        let peer = self.rng.usize(DEVICES..=BO);
        let (now, text) = (self.now, self.mark().to_string());
        let threads = self.peers[peer].replica.threads();
        let picked = self.rng.choice(&threads).map(|thread| thread.root.id);
        let id = CommentId(Uuid::from_u128(self.ids));
        let replica = &mut self.peers[peer].replica;
        let _ = match picked {
            Some(comment) if self.rng.bool() => replica.replace_text(now, comment, 0, 0, &text),
            _ => replica.add_comment(now, id, Place::Line(Anchor::head("x", 1)), &text),
        };
        self.drain(peer)
    }

    pub(super) fn decide(&mut self) -> Done {
        let peer = self.rng.usize(DEVICES..=BO);
        let status = *self.rng.choice(&[Status::Approved, Status::Pending]).unwrap_or(&Status::Pending);
        let _ = self.peers[peer].replica.decide(self.now, status, None);
        self.drain(peer)
    }

    /// What came too late for a publication goes on in the comment, as the SDK has it go on.
    pub(super) fn carry(&mut self, device: usize) -> Done {
        let now = self.now;
        let (drafts, rest) = self.peers.split_at_mut(DEVICES);
        let (drafts, review) = (&mut drafts[device], &mut rest[device]);
        let client = drafts.replica.client();
        if drafts.replica.is_saved() {
            let left = drafts.replica.late().map(|record| record.id).collect();
            review.replica.keep_carried(client, &left);
        }
        let late: Vec<_> =
            drafts.replica.late().filter(|one| !drafts.carried.contains(&one.id)).cloned().collect();
        for record in &late {
            if review.replica.take_late(now, client, record) != Late::Waits {
                drafts.carried.insert(record.id);
            }
        }
        if review.replica.is_saved() {
            for id in std::mem::take(&mut drafts.carried) {
                drafts.replica.discard_rejected(Some(id));
            }
        }
        self.drain(device)?;
        self.drain(DEVICES + device)
    }
}
