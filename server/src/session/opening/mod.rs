//! Opening a review: joining its room, and before that whatever a client that was away for long has to catch up
//! on.
//!
//! A client that lacks a few entries gets them as they are: those that a room keeps at hand come from it, older
//! ones from the store, and each waits for the socket. One that lacks more gets [`steps`], one for which those
//! cannot be had the whole review. Only a client that is nearly there joins, at an exact version, so there is no gap
//! and the room never waits.

mod steps;

use bytestring::ByteString;
use interline_core::entry::{EncodedEntry, Head};
use interline_core::id::{ClientId, ReviewId, Seq, SessionId, Version};
use interline_core::limits::Limits;
use interline_core::wire::{ErrorCode, Open, entry_frame};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::frames::hand_in;
use super::outbox::Ended;
use super::{Allowance, OpenReviews, Outbox, Principal};
use crate::metrics::Metrics;
use crate::room::{Behind, Failure, Join, Joining, OpenedFrame, PIECE, RoomHandle, Scene};
use crate::store::{Store, StoreError};
use steps::{Caught, catch_up};

/// A review that is being opened.
pub(super) struct Opening {
    pub(super) store: Arc<dyn Store>,
    pub(super) room: RoomHandle,
    pub(super) principal: Principal,
    /// Whose part is taken: the connection's client, or another of the user's.
    pub(super) client: ClientId,
    pub(super) asked: Open,
    /// Where the log ended when the review was found.
    pub(super) head: Head,
    pub(super) limits: Limits,
    pub(super) outbox: Outbox,
    pub(super) open: OpenReviews,
    pub(super) settlings: Rc<RefCell<Allowance>>,
    pub(super) metrics: Metrics,
}

/// Why it is not opened.
enum Stopped {
    Failed(Failure),
    /// The session has ended; there is nobody to tell.
    Ended,
}

/// Where the client stands by what it was sent.
#[derive(Clone, Default)]
struct At {
    have: Option<Head>,
    /// A seq that has to be settled, for it starts from the whole review.
    settle: Option<Seq>,
    /// The sessions that `opened` told of, once it was sent.
    told: Option<Vec<SessionId>>,
}

/// What a client is sent that is behind.
enum Way {
    /// This `opened`, and these entries.
    Opened(ByteString, Vec<(Head, ByteString)>),
    /// This `opened`, which takes it to the log's end.
    ToTheEnd(ByteString),
    /// The whole review, once what is in flight is settled.
    Whole,
}

impl From<Ended> for Stopped {
    fn from(_: Ended) -> Stopped {
        Stopped::Ended
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Stopped {
        Stopped::Failed(match error {
            // The log was trimmed behind a client that reads slowly.
            StoreError::Trimmed { .. } => Failure::new(ErrorCode::TooSlow, error.to_string()),
            error => error.into(),
        })
    }
}

impl Opening {
    pub(super) async fn run(self) {
        let id = self.room.id();
        match self.catch_up(id).await {
            Ok(()) => {
                if !self.room.is_private() {
                    self.metrics.opened.increment(1);
                }
                let early = self.open.borrow_mut().get_mut(&id).and_then(|review| {
                    review.joined = true;
                    review.early.take()
                });
                if let Some(early) = early {
                    hand_in(&self.room, early, &self.metrics);
                }
            }
            Err(Stopped::Failed(failure)) => {
                self.metrics.error(failure.code);
                // First this, so that the client can try again as soon as it hears of it.
                self.open.borrow_mut().remove(&id);
                self.outbox.push(failure.frame(Some(id), Some(self.asked.review)));
            }
            Err(Stopped::Ended) => {}
        }
    }

    async fn catch_up(&self, id: ReviewId) -> Result<(), Stopped> {
        let held = self.held(id).await?;
        let whole = At { settle: self.asked.in_flight.as_ref().map(|batch| batch.seq), ..At::default() };
        let mut at = match self.asked.have.filter(|have| have.version > 0) {
            Some(have) if self.is_stale(id).await? => {
                self.check_holds(id, have).await?;
                whole.clone()
            }
            Some(have) => At { have: Some(have), ..At::default() },
            None => whole.clone(),
        };
        let mut counted = false;
        loop {
            if at.settle.is_some() && !std::mem::replace(&mut counted, true) {
                self.count_settling()?;
            }
            let behind = match self.join(at.clone(), held).await {
                Joining::Joined => return Ok(()),
                Joining::Failed(failure) => return Err(Stopped::Failed(failure)),
                Joining::Behind(behind) => behind,
            };
            let Behind { head, scene, mut entries } = behind;
            let have = at.have.unwrap_or_default();
            match scene {
                Some(scene) => {
                    let told = scene.presence.iter().map(|presence| presence.session).collect();
                    let opened = match self.way(id, have, head, scene, held, entries).await? {
                        Way::Opened(opened, first) => {
                            entries = first;
                            opened
                        }
                        Way::ToTheEnd(opened) => {
                            (at.have, entries) = (Some(head), Vec::new());
                            opened
                        }
                        Way::Whole => {
                            at = whole.clone();
                            continue;
                        }
                    };
                    self.outbox.push_bulk(opened).await?;
                    at.told = Some(told);
                }
                None if entries.is_empty() => entries = self.older(id, have, head).await?,
                None => {}
            }
            for (head, frame) in entries {
                self.outbox.push_bulk(frame).await?;
                at.have = Some(head);
            }
            self.outbox.flush_bulk().await?;
        }
    }

    /// A seq is about to be settled for this session, unless it has had too many.
    fn count_settling(&self) -> Result<(), Stopped> {
        if self.settlings.borrow_mut().take(Instant::now()) {
            return Ok(());
        }
        let message = "too many seqs of this session have been settled lately, open it again later";
        Err(Stopped::Failed(Failure::new(ErrorCode::Overloaded, message)))
    }

    /// The newest of the links that the client knows which this log has.
    async fn held(&self, id: ReviewId) -> Result<Option<Version>, StoreError> {
        let mut known = self.asked.known.clone();
        known.sort_by_key(|head| std::cmp::Reverse(head.version));
        for head in known {
            if self.store.holds(id, head).await? {
                return Ok(Some(head.version));
            }
        }
        Ok(None)
    }

    /// Whether the batch in flight could not be taken any more, for what it has to be carried over is not kept, or
    /// too much.
    async fn is_stale(&self, id: ReviewId) -> Result<bool, StoreError> {
        let Some(batch) = &self.asked.in_flight else { return Ok(false) };
        Ok(self.head.version.saturating_sub(batch.base) > self.limits.base_distance
            || batch.base < self.store.kept_after(id).await?)
    }

    async fn check_holds(&self, id: ReviewId, have: Head) -> Result<(), Stopped> {
        if self.store.holds(id, have).await? {
            return Ok(());
        }
        let message = "this log does not contain what the client says it has";
        Err(Stopped::Failed(Failure::new(ErrorCode::HistoryLost, message)))
    }

    /// How a client gets from what it has to where the log ends.
    async fn way(
        &self,
        id: ReviewId,
        have: Head,
        head: Head,
        scene: Scene,
        held: Option<Version>,
        at_hand: Vec<(Head, ByteString)>,
    ) -> Result<Way, Stopped> {
        // What the room has at hand is of this log; what the client says it has may not be.
        if at_hand.is_empty() {
            self.check_holds(id, have).await?;
        }
        let Scene { whole, users, presence } = scene;
        let opened = OpenedFrame {
            requested: &self.asked.review,
            review: id,
            head,
            snapshot: None,
            steps: None,
            digest: None,
            last: None,
            held,
            users: &users,
            presence: &presence,
        };
        let Some(whole) = whole else {
            let entries = match at_hand.is_empty() {
                true => match self.older(id, have, head).await {
                    Err(StoreError::Trimmed { .. }) => return Ok(Way::Whole),
                    entries => entries?,
                },
                false => at_hand,
            };
            let last = self.store.last_answer(id, self.client).await?;
            return Ok(Way::Opened(OpenedFrame { last: last.as_ref(), ..opened }.encode(), entries));
        };
        let in_flight = self.asked.in_flight.as_ref().map(|batch| batch.comments.clone());
        let digest = Some(whole.digest());
        let Some(Caught { snapshot, steps }) =
            catch_up(&self.store, id, have, head, in_flight, whole).await?
        else {
            return Ok(Way::Whole);
        };
        // Behind the entries, so that it is no older than any of them.
        let last = self.store.last_answer(id, self.client).await?;
        let (snapshot, steps) = (snapshot.as_deref(), Some(&*steps));
        Ok(Way::ToTheEnd(OpenedFrame { snapshot, steps, digest, last: last.as_ref(), ..opened }.encode()))
    }

    /// The entries that come next, no further than where the room's log ends: it may not know of later ones yet.
    async fn older(
        &self,
        id: ReviewId,
        have: Head,
        head: Head,
    ) -> Result<Vec<(Head, ByteString)>, StoreError> {
        let count = head.version.saturating_sub(have.version).min(PIECE as u64);
        let page = self.store.entries(id, have.version, count as u32).await?;
        if page.is_empty() {
            return Err(StoreError::corrupt(id, format!("its log ends early, at {}", have.version)));
        }
        Ok(page.iter().map(|entry| (head_of(entry), entry_frame(id, entry).into())).collect())
    }

    /// Sends a join and waits for what becomes of it.
    async fn join(&self, at: At, held: Option<Version>) -> Joining {
        let (reply, joining) = oneshot::channel();
        let join = Join {
            session: self.principal.session,
            client: self.client,
            user: self.principal.user.clone(),
            requested: self.asked.review.clone(),
            have: at.have,
            told: at.told,
            settle: at.settle,
            held,
            outbox: self.outbox.clone(),
            reply,
        };
        self.room.join(join, joining).await
    }
}

fn head_of(entry: &EncodedEntry) -> Head {
    Head { version: entry.version, hash: entry.hash }
}
