//! Private drafts, as JavaScript gets them.

use std::cell::RefCell;

use interline::{CommentId, Drafts, EditError, Status};
use interline_core::review::FieldValue;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::client::{bad, thrown};
use crate::json;
use crate::review::{RawReview, anchor, whole};

/// A `Drafts` of `api.ts`, with JSON in the place of objects. Its comments are those of a review of their own.
#[wasm_bindgen]
pub struct RawDrafts {
    open: RefCell<Option<Drafts>>,
    /// The local store outlasts the page.
    lasting: bool,
}

type Thrown<T> = Result<T, JsValue>;

impl RawDrafts {
    pub(crate) fn new(drafts: Drafts, lasting: bool) -> RawDrafts {
        RawDrafts { open: RefCell::new(Some(drafts)), lasting }
    }

    fn drafts(&self) -> Thrown<Drafts> {
        self.open.borrow().clone().ok_or_else(|| thrown(&EditError::Closed))
    }
}

#[wasm_bindgen]
impl RawDrafts {
    /// The log that they are in: what edits them, and tells of it.
    pub fn comments(&self) -> Thrown<RawReview> {
        Ok(RawReview::new(self.drafts()?.log().clone(), self.lasting))
    }

    /// Whether they are open at the server and caught up.
    pub fn online(&self) -> Thrown<bool> {
        Ok(self.drafts()?.is_online())
    }

    /// All that are not published.
    pub fn list(&self) -> Thrown<String> {
        Ok(json::text(&self.drafts()?.list().into_iter().map(json::draft).collect::<Vec<_>>()))
    }

    /// Writes one on a line; returns its id.
    pub fn add(
        &self,
        file: String,
        side: &str,
        line: u32,
        last_line: Option<u32>,
        patch_set: Option<u32>,
        text: &str,
    ) -> Thrown<String> {
        let drafts = self.drafts()?;
        let at = anchor(drafts.review(), file, side, line, last_line, patch_set)?;
        Ok(drafts.add(at, text).map_err(|error| thrown(&error))?.id().to_string())
    }

    /// Writes one in answer to a thread; returns its id.
    pub fn reply(&self, thread: &str, text: &str) -> Thrown<String> {
        let thread = parse(thread)?;
        Ok(self.drafts()?.add(thread, text).map_err(|error| thrown(&error))?.id().to_string())
    }

    /// Publishes some of them, or all, with a decision if there is one: of a patch set, or else of the newest.
    pub fn publish(
        &self,
        ids: Option<Vec<String>>,
        decision: Option<String>,
        note: Option<String>,
        patch_set: Option<u32>,
    ) -> Thrown<()> {
        let drafts = self.drafts()?;
        let unknown = || bad("bad_value", "there is no such decision");
        let status = |value: String| Status::from_value(&FieldValue::Text(value)).ok_or_else(unknown);
        let decision = decision.map(status).transpose()?.map(|status| (status, note.as_deref()));
        let ids = match ids {
            None => {
                drafts.list().into_iter().filter(|draft| !draft.publishing).map(|draft| draft.id).collect()
            }
            Some(ids) => ids.iter().map(|id| parse(id)).collect::<Thrown<Vec<_>>>()?,
        };
        let published = match patch_set {
            Some(number) => drafts.publish_on(number, &ids, decision),
            None => drafts.publish(&ids, decision),
        };
        published.map_err(|error| thrown(&error))
    }

    /// What was refused, but for what goes on by itself.
    pub fn rejected(&self) -> Thrown<String> {
        let drafts = self.drafts()?;
        let rejected = drafts.rejected();
        let told = rejected.iter().map(|each| crate::rejected::JsRejected::new(drafts.log(), each));
        Ok(json::text(&told.collect::<Vec<_>>()))
    }

    /// Makes something refused once more.
    pub fn retry_rejected(&self, id: f64) -> Thrown<()> {
        self.drafts()?.retry_rejected(whole(id)?).map_err(|error| thrown(&error))
    }

    /// Gives the handle back.
    pub fn close(&self) {
        self.open.borrow_mut().take();
    }
}

fn parse(id: &str) -> Thrown<CommentId> {
    id.parse().map_err(|_| bad("unknown_comment", "there is no such comment"))
}
