//! What a device has saved: the parts of a replica, put together again as a local store does.

use interline_core::review::{Comment, Review};
use interline_core::sync::{Pending, Rejected, Replica, Restore, Save, SavedConfirmed};
use interline_core::text::Text;

use super::made;

/// One review's part of a local store.
#[derive(Default)]
pub(crate) struct Disk {
    saved: Option<Restore>,
    /// Whether what is there was written by a replica, whole.
    whole: bool,
}

/// What a replica shows, as far as it outlives a restart.
#[derive(PartialEq, Debug)]
struct View {
    confirmed: Review,
    comments: Vec<Option<Comment>>,
    rejected: Vec<Rejected>,
    pending: usize,
}

fn view(replica: &Replica) -> View {
    let ids = made::comments().chain(replica.confirmed().comments.keys().copied());
    View {
        confirmed: replica.confirmed().clone(),
        comments: ids.map(|id| replica.comment(id)).collect(),
        rejected: replica.rejected().to_vec(),
        pending: replica.unsynced().count,
    }
}

impl Disk {
    /// A disk with something on it that may be anything.
    pub(crate) fn new(saved: Restore) -> Disk {
        Disk { saved: Some(saved), whole: false }
    }

    /// The bytes in flight: where a damaged copy has taken them off the screen they are pending all the same.
    pub(crate) fn sent(&self) -> String {
        let flight = self.saved.iter().filter_map(|saved| saved.pending.in_flight.as_ref());
        let hidden = flight.filter(|flight| flight.changes.is_empty());
        hidden.map(|flight| flight.frozen.payload.to_string()).collect()
    }

    /// Writes a save in one go, and checks that it can be read again and says what is shown.
    pub(crate) fn write(&mut self, save: &Save, replica: &Replica, strange: bool) {
        again(&save.pending);
        save.ledger.iter().for_each(again);
        let before = self.saved.take();
        let (ledger, confirmed, entries) = match before {
            Some(Restore { ledger, confirmed, entries, .. }) => (ledger, confirmed, entries),
            None => (None, None, Vec::new()),
        };
        let mut saved = Restore { pending: save.pending.clone(), ledger, confirmed, entries };
        saved.ledger = save.ledger.clone().or(saved.ledger);
        match &save.confirmed {
            SavedConfirmed::Same => {}
            SavedConfirmed::Behind(more) => saved.entries.extend(more.iter().cloned()),
            SavedConfirmed::Whole(whole) => {
                again(&**whole);
                self.whole = true;
                (saved.confirmed, saved.entries) = (Some((**whole).clone()), Vec::new());
            }
        }
        if !strange {
            shows(save, replica);
        }
        self.saved = Some(saved);
    }

    /// What is there.
    pub(crate) fn read(&self) -> Option<Restore> {
        self.saved.clone()
    }

    /// How many seqs the replica has used, as far as is saved.
    pub(crate) fn used(&self) -> u64 {
        self.saved.as_ref().map_or(0, |saved| saved.pending.next_seq.saturating_sub(1))
    }

    /// The replica that starts with what is there, which is the one that stopped.
    pub(crate) fn restart(&mut self, now: u64, saved: Restore, stopped: &Replica) -> Replica {
        let replica = Replica::restore(now, saved, 50);
        if self.whole {
            assert_eq!(view(&replica), view(stopped), "what was saved is not what was there");
            let kept = |receipt| replica.receipts().contains(receipt);
            assert!(stopped.receipts().iter().all(kept), "a proof is gone");
        }
        replica
    }
}

/// What was written reads back as it was.
fn again<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(part: &T) {
    let json = serde_json::to_string(part).unwrap();
    let back: T = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
    assert_eq!(&back, part);
}

/// What is shown of each text is what is confirmed with what is pending on top, worked out here once more.
fn shows(save: &Save, replica: &Replica) {
    let flight = save.pending.in_flight.iter().map(|flight| &flight.changes);
    let layers: Vec<&Pending> = flight.chain([&save.pending.buffer]).collect();
    for id in made::comments().chain(replica.confirmed().comments.keys().copied()) {
        let mut text = replica.confirmed().comments.get(&id).map(|comment| comment.text.clone());
        for change in layers.iter().flat_map(|layer| layer.changes()) {
            use interline_core::change::Change::{CommentAdded, TextEdited};
            match change {
                CommentAdded { comment, text: first, .. } if *comment == id && text.is_none() => {
                    text = Some(Text::new(first.as_str()));
                }
                TextEdited { comment, op, .. } if *comment == id => {
                    let text = text.as_mut().expect("an edit of a comment that is there");
                    text.apply(op).expect("a pending edit fits what it was made on");
                }
                _ => {}
            }
        }
        assert_eq!(replica.comment(id).map(|comment| comment.text), text, "{id}");
    }
}
