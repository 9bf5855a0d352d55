//! What each frame of a client does. A frame that is wrong costs its sender an answer, and nobody else anything.

use actix_web::rt;
use interline_core::change::Batch;
use interline_core::entry::Hash;
use interline_core::id::{ClientId, ReviewId, Seq};
use interline_core::sync::Submission;
use interline_core::wire::{
    BadFrame, ClientFrame, ErrorCode, ErrorFrame, Open, ServerFrame, Submit, decode_client, encode,
};
use serde::Deserialize;
use tokio::time::Instant;

use super::outbox::End;
use super::{OpenReview, Session, opening};
use crate::metrics::Metrics;
use crate::room::{self, Failure, RoomHandle, refused};
use crate::store::{DraftsOf, ReviewRow, StoreError};

/// No key, and no id, is longer.
const NAME_BYTES: usize = 128;
/// Of how many reviews it is remembered that a session has opened them: only to count.
const OPENED: usize = 1_024;

impl Session {
    pub(super) async fn frame(&mut self, text: &str) -> Result<(), End> {
        match decode_client(text) {
            Ok(ClientFrame::Hello(_)) => {
                self.bad_frame(ErrorFrame::new(ErrorCode::HelloTwice, "hello was said already"))
            }
            Ok(ClientFrame::Open(open)) if open.known.len() > Open::MAX_KNOWN => {
                let message = format!("no more than {} links may be known", Open::MAX_KNOWN);
                let error = ErrorFrame::new(ErrorCode::BadFrame, message);
                self.bad_frame(ErrorFrame { requested: Some(self.requested(&open)), ..error })
            }
            Ok(ClientFrame::Open(open)) => {
                let mut requested = self.requested(&open);
                if let Err((failure, review)) = self.open(open, &mut requested).await {
                    self.state.metrics.error(failure.code);
                    self.outbox.push(failure.frame(review, Some(requested)));
                }
                Ok(())
            }
            Ok(ClientFrame::Submit(submit)) => self.submit(&submit),
            Ok(ClientFrame::Presence { review, update }) => {
                match self.room(review) {
                    Some((room, _)) => room.presence(self.principal.session, update).await,
                    None => self.not_open(review),
                }
                Ok(())
            }
            Ok(ClientFrame::History(asked)) => {
                self.history(asked);
                Ok(())
            }
            Ok(ClientFrame::Marks { review, nonce, marks }) => {
                self.marks(review, nonce, marks).await;
                Ok(())
            }
            Ok(ClientFrame::Leave { review }) => {
                let open = self.open.borrow_mut().remove(&review);
                match open {
                    Some(open) => {
                        open.opening.abort();
                        open.room.leave(self.principal.session).await;
                    }
                    None => self.not_open(review),
                }
                self.record();
                Ok(())
            }
            Ok(ClientFrame::Ping { nonce }) => {
                self.outbox.push(encode(&ServerFrame::Pong { nonce }).into());
                Ok(())
            }
            Err(BadFrame { code, message }) => self.bad_frame(ErrorFrame::new(code, message)),
        }
    }

    /// By which name a client hears what becomes of an `open`, as far as it follows from what was asked. Drafts go by
    /// their own id, for the review may be being opened as well; where they are asked for by a key, that has to be
    /// looked up first.
    fn requested(&self, open: &Open) -> String {
        match open.review.parse::<ReviewId>() {
            Ok(of) if open.drafts && !of.publisher().is_reserved() => {
                of.drafts_of(&self.principal.user.id).to_string()
            }
            _ => open.review.clone(),
        }
    }

    async fn open(
        &mut self,
        mut open: Open,
        requested: &mut String,
    ) -> Result<(), (Failure, Option<ReviewId>)> {
        let failed = |code, message: &str| (Failure::new(code, message), None);
        if open.review.len() > NAME_BYTES {
            return Err(failed(ErrorCode::UnknownReview, "there is no such review"));
        }
        let row = match self.find(&open, requested).await {
            Ok(Some(row)) => row,
            Ok(None) => return Err(failed(ErrorCode::UnknownReview, "there is no such review")),
            Err(error) => return Err((error.into(), None)),
        };
        open.review.clone_from(requested);
        {
            let mut reviews = self.open.borrow_mut();
            // A room that broke has told the client to open its review again.
            reviews.retain(|_, review| !review.room.ended());
            if reviews.contains_key(&row.id) {
                let failure = Failure::new(ErrorCode::AlreadyOpen, "the review is open in this session");
                return Err((failure, Some(row.id)));
            }
            if reviews.len() >= self.state.limits.open_reviews {
                return Err(failed(ErrorCode::TooManyOpen, "too many reviews are open in this session"));
            }
        }
        let client = open.client.unwrap_or(self.principal.client);
        if client.is_reserved() {
            return Err(failed(ErrorCode::ClientTaken, "no client has an id of this kind"));
        }
        if client != self.principal.client {
            if !self.named.may_name(client, Instant::now()) {
                let message = "this session has opened reviews as too many clients lately, try again later";
                return Err((Failure::new(ErrorCode::Overloaded, message), Some(row.id)));
            }
            match self.state.store.claim_client(client, &self.principal.user.id).await {
                Ok(true) => {}
                Ok(false) => {
                    return Err(failed(ErrorCode::ClientTaken, "the client id belongs to another user"));
                }
                Err(error) => return Err((error.into(), None)),
            }
        }
        let anew = open.have.is_none_or(|have| have.version == 0);
        let private = row.drafts.is_some();
        if anew && !private && self.opened.contains(&row.id) {
            self.state.metrics.resyncs.increment(1);
        }
        if self.opened.len() < OPENED {
            self.opened.insert(row.id);
        }
        let room = self.state.rooms.get(row.id);
        let opening = opening::Opening {
            store: self.state.store.clone(),
            room: room.clone(),
            principal: self.principal.clone(),
            client,
            asked: open,
            head: row.head,
            limits: self.state.limits,
            outbox: self.outbox.clone(),
            open: self.open.clone(),
            settlings: self.settlings.clone(),
            metrics: self.state.metrics.clone(),
        };
        // Beside the loop: a long catch-up shall not keep other frames waiting. The review counts as open from
        // here on, so that what the client sends once it has heard so is passed on behind the join.
        let task = rt::spawn(opening.run());
        let opening = task.abort_handle();
        let review = OpenReview { room, client, private, opening, joined: false, early: None };
        self.open.borrow_mut().insert(row.id, review);
        self.record();
        Ok(())
    }

    /// What an `open` means: a review by its id or its key, or the user's own drafts. Of others' drafts nobody hears.
    /// From where it is known which drafts are meant, `requested` is their id.
    async fn find(&self, open: &Open, requested: &mut String) -> Result<Option<ReviewRow>, StoreError> {
        let (store, owner) = (&self.state.store, &self.principal.user.id);
        let found = store.find_review(&open.review).await?;
        match (found, open.drafts) {
            (Some(of), true) => {
                let of = DraftsOf { review: of.id, owner: owner.clone() };
                *requested = of.review.drafts_of(owner).to_string();
                store.open_drafts(&of).await.map(Some)
            }
            (Some(review), false) => Ok(Some(review)),
            (None, _) => {
                let Ok(id) = open.review.parse() else { return Ok(None) };
                let log = store.find_log(id).await?;
                let log = log.filter(|log| log.drafts.as_ref().is_some_and(|drafts| drafts.owner == *owner));
                if let Some(drafts) = &log {
                    *requested = drafts.id.to_string();
                }
                Ok(log)
            }
        }
    }

    fn submit(&mut self, submit: &Submit) -> Result<(), End> {
        let (review, bytes) = (submit.review, submit.batch.get());
        let Ok(Numbered { seq }) = serde_json::from_str(bytes) else {
            let error = ErrorFrame::new(ErrorCode::BadBatch, "the batch has no seq");
            return self.bad_frame(ErrorFrame { review: Some(review), ..error });
        };
        self.state.metrics.batches.increment(1);
        let Some((room, client)) = self.room(review) else {
            let message = "the review is not open in this session";
            self.state.metrics.refused(ErrorCode::NotOpen);
            self.outbox.push(refused(review, seq, ErrorCode::NotOpen, message));
            return Ok(());
        };
        // What cannot be read may have been answered all the same, by another release or as void: the room knows.
        let (batch, unreadable) = match serde_json::from_str(bytes) {
            Ok(batch) => (batch, None),
            Err(error) => (Batch { seq, base: 0, changes: Vec::new() }, Some(error.to_string())),
        };
        self.state.metrics.changes.increment(batch.changes.len() as u64);
        let submission = Submission {
            client,
            user: self.principal.user.id.clone(),
            batch,
            payload: Hash::of(bytes.as_bytes()),
            skew: self.principal.skew,
        };
        let (session, outbox) = (self.principal.session, self.outbox.clone());
        let submit = room::Submit { session, submission, unreadable, outbox };
        match self.open.borrow_mut().get_mut(&review) {
            Some(open) if !open.joined => open.early = Some(submit),
            _ => hand_in(&room, submit, &self.state.metrics),
        }
        Ok(())
    }

    /// The room of a review that is open, and whose part is taken there.
    pub(super) fn room(&self, review: ReviewId) -> Option<(RoomHandle, ClientId)> {
        self.open.borrow().get(&review).map(|open| (open.room.clone(), open.client))
    }

    pub(super) fn not_open(&self, review: ReviewId) {
        let failure = Failure::new(ErrorCode::NotOpen, "the review is not open in this session");
        self.state.metrics.error(failure.code);
        self.outbox.push(failure.frame(Some(review), None));
    }
}

/// Hands a batch to its room.
pub(super) fn hand_in(room: &RoomHandle, submit: room::Submit, metrics: &Metrics) {
    let (seq, outbox) = (submit.submission.batch.seq, submit.outbox.clone());
    if let Err(code) = room.submit(submit) {
        metrics.refused(code);
        outbox.push(refused(room.id(), seq, code, "the review cannot take it right now"));
    }
}

/// The one part of a batch that a refusal needs.
#[derive(Deserialize)]
struct Numbered {
    seq: Seq,
}
