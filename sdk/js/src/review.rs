//! An open review and its comments, as JavaScript gets them.

use std::cell::RefCell;

use interline::{
    Anchor, Comment, CommentId, EditError, Observer, PresenceUpdate, Review, Side, Status, TextSelection,
};
use interline_core::review::FieldValue;
use interline_core::text::units::{UnitError, Utf16, Utf16Change, op_from_changes, to_scalar};
use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::client::{bad, call, thrown};
use crate::conflict;
use crate::drafts::RawDrafts;
use crate::events::translate;
use crate::history::JsHistory;
use crate::json;
use crate::mirror::Mirror;
use crate::rejected::JsRejected;

/// A `Review` of `api.ts`, with JSON in the place of objects, and comments by their ids.
#[wasm_bindgen]
pub struct RawReview {
    open: RefCell<Option<Open>>,
    /// The local store outlasts the page.
    lasting: bool,
}

struct Open {
    review: Review,
    observer: Option<Observer>,
}

type Thrown<T> = Result<T, JsValue>;

impl RawReview {
    pub(crate) fn new(review: Review, lasting: bool) -> RawReview {
        RawReview { open: RefCell::new(Some(Open { review, observer: None })), lasting }
    }

    fn review(&self) -> Thrown<Review> {
        self.open.borrow().as_ref().map(|open| open.review.clone()).ok_or_else(|| thrown(&EditError::Closed))
    }

    fn of(&self, id: &str) -> Thrown<Comment> {
        let unknown = || bad("unknown_comment", "there is no such comment");
        let id: CommentId = id.parse().map_err(|_| unknown())?;
        self.review()?.get(id).map_err(|error| thrown(&error))
    }

    fn edit<T>(&self, id: &str, edit: impl FnOnce(&Comment) -> Result<T, EditError>) -> Thrown<T> {
        edit(&self.of(id)?).map_err(|error| thrown(&error))
    }
}

#[wasm_bindgen]
impl RawReview {
    /// Calls `told` with the JSON of every event, within the call that causes it.
    pub fn listen(&self, told: Function) -> Thrown<()> {
        let review = self.review()?;
        let mirror = RefCell::new(Mirror::default());
        review.comments().iter().for_each(|comment| {
            mirror.borrow_mut().catch_up(comment.id, &comment.text);
        });
        let watched = review.clone();
        let observer = review.observe(move |event| {
            let events = translate(&watched, &mut mirror.borrow_mut(), event);
            events.iter().for_each(|event| call(&told, &json::text(event)));
        });
        if let Some(open) = self.open.borrow_mut().as_mut() {
            open.observer = Some(observer);
        }
        Ok(())
    }

    /// The review's own fields.
    pub fn data(&self) -> Thrown<String> {
        Ok(json::text(&json::JsReview::from(&self.review()?)))
    }

    /// All threads.
    pub fn threads(&self) -> Thrown<String> {
        Ok(json::text(&json::threads(&self.review()?)))
    }

    /// Who is here.
    pub fn presence(&self) -> Thrown<String> {
        Ok(json::text(&json::presence(&self.review()?)))
    }

    /// How much is not durable.
    pub fn unsynced(&self) -> Thrown<String> {
        Ok(json::text(&self.review()?.unsynced()))
    }

    /// What was refused.
    pub fn rejected(&self) -> Thrown<String> {
        let review = self.review()?;
        let rejected = review.rejected();
        Ok(json::text(&rejected.iter().map(|each| JsRejected::new(&review, each)).collect::<Vec<_>>()))
    }

    /// Whether all that was done here would outlast the page.
    pub fn stored(&self) -> Thrown<bool> {
        let review = self.review()?;
        let nothing_to_lose = review.unsynced().count == 0 && review.rejected().is_empty();
        Ok(nothing_to_lose || (self.lasting && review.is_saved()))
    }

    /// Makes something refused once more.
    pub fn retry_rejected(&self, id: f64) -> Thrown<()> {
        self.review()?.retry_rejected(whole(id)?).map_err(|error| thrown(&error))
    }

    /// Forgets something that was refused, or all of it.
    pub fn discard_rejected(&self, id: Option<f64>) -> Thrown<()> {
        self.review()?.discard_rejected(id.map(whole).transpose()?);
        Ok(())
    }

    /// What was refused, to keep.
    pub fn export_rejected(&self) -> Thrown<String> {
        Ok(self.review()?.export_rejected())
    }

    /// What was acknowledged, to verify.
    pub fn export_receipts(&self) -> Thrown<String> {
        Ok(self.review()?.export_receipts())
    }

    /// Starts over from what the server has.
    pub fn reload(&self) -> Thrown<()> {
        self.review()?.reload();
        Ok(())
    }

    /// The threads with something unread, as a list of ids in JSON.
    pub fn unread(&self) -> Thrown<String> {
        let unread = self.review()?.unread();
        Ok(json::text(&unread.into_iter().map(|id| id.to_string()).collect::<Vec<_>>()))
    }

    /// The user has read a thread.
    pub fn mark_read(&self, id: &str) -> Thrown<()> {
        let comment = self.of(id)?;
        self.review()?.mark_read(comment.id()).map_err(|error| thrown(&error))
    }

    /// The files that were viewed, as a list of paths in JSON.
    pub fn viewed(&self) -> Thrown<String> {
        Ok(json::text(&self.review()?.viewed()))
    }

    /// The user has viewed a file, or takes that back.
    pub fn set_viewed(&self, file: &str, viewed: bool) -> Thrown<()> {
        self.review()?.set_viewed(file, viewed).map_err(|error| thrown(&error))
    }

    /// Starts a thread; returns the comment's id.
    pub fn comment(
        &self,
        file: String,
        side: &str,
        line: u32,
        last_line: Option<u32>,
        patch_set: Option<u32>,
        text: &str,
    ) -> Thrown<String> {
        let review = self.review()?;
        let at = anchor(&review, file, side, line, last_line, patch_set)?;
        let comment = review.comment(at, text).map_err(|error| thrown(&error))?;
        Ok(comment.id().to_string())
    }

    /// A comment.
    pub fn comment_data(&self, id: &str) -> Thrown<String> {
        let data = self.edit(id, Comment::data)?;
        Ok(json::text(&json::comment(&self.review()?, data)))
    }

    /// A comment's text.
    pub fn text(&self, id: &str) -> Thrown<String> {
        Ok(self.of(id)?.text())
    }

    /// Applies replacements whose offsets refer to the text before all of them.
    pub fn apply(&self, id: &str, from: Vec<u32>, to: Vec<u32>, insert: Vec<String>) -> Thrown<()> {
        let changes: Vec<_> = from
            .into_iter()
            .zip(to)
            .zip(insert)
            .map(|((from, to), insert)| Utf16Change { from: from as usize, to: to as usize, insert })
            .collect();
        let comment = self.of(id)?;
        comment.apply_with(|text| op_from_changes(text, &changes).map_err(Bad::Unit)).map_err(|error| {
            match error {
                Bad::Unit(error) => thrown(&error),
                Bad::Edit(error) => thrown(&error),
            }
        })
    }

    /// Replaces the whole text.
    pub fn set_text(&self, id: &str, text: &str) -> Thrown<()> {
        self.edit(id, |comment| comment.set_text(text))
    }

    /// Takes back the latest edit made here.
    pub fn undo(&self, id: &str) -> Thrown<bool> {
        self.edit(id, Comment::undo)
    }

    /// Makes the latest undone edit once more.
    pub fn redo(&self, id: &str) -> Thrown<bool> {
        self.edit(id, Comment::redo)
    }

    /// Whether there is something to undo.
    pub fn can_undo(&self, id: &str) -> Thrown<bool> {
        Ok(self.of(id)?.can_undo())
    }

    /// Whether there is something to redo.
    pub fn can_redo(&self, id: &str) -> Thrown<bool> {
        Ok(self.of(id)?.can_redo())
    }

    /// How the comment's text came to be.
    pub async fn history(&self, id: String) -> Thrown<String> {
        let (review, comment) = (self.review()?, self.of(&id)?);
        let history = review.history(comment.id()).await.map_err(|error| thrown(&error))?;
        let created = review.comment_data(comment.id()).map(|data| data.created_at);
        let history = JsHistory::new(history, created, |id| json::person(&review, id));
        Ok(json::text(&history.map_err(|error| bad("internal", &error.to_string()))?))
    }

    /// Makes the text what it was at a version.
    pub async fn restore(&self, id: String, version: f64) -> Thrown<()> {
        let comment = self.of(&id)?;
        comment.restore(whole(version)?).await.map_err(|error| thrown(&error))
    }

    /// Adds a reply; returns its id.
    pub fn reply(&self, id: &str, text: &str) -> Thrown<String> {
        self.edit(id, |comment| comment.reply(text)).map(|reply| reply.id().to_string())
    }

    /// Settles the thread.
    pub fn resolve(&self, id: &str) -> Thrown<()> {
        self.edit(id, Comment::resolve)
    }

    /// Takes the thread up again.
    pub fn reopen(&self, id: &str) -> Thrown<()> {
        self.edit(id, Comment::reopen)
    }

    /// Removes the comment.
    pub fn remove(&self, id: &str) -> Thrown<()> {
        self.edit(id, Comment::remove)
    }

    /// Decides.
    pub fn set_status(&self, status: &str) -> Thrown<()> {
        let unknown = || bad("bad_value", "there is no such status");
        let status = Status::from_value(&FieldValue::Text(status.into())).ok_or_else(unknown)?;
        self.review()?.set_status(status).map_err(|error| thrown(&error))
    }

    /// The open conflicts.
    pub fn conflicts(&self) -> Thrown<String> {
        Ok(json::text(&conflict::conflicts(&self.review()?)))
    }

    /// Ends a conflict as it was told; what is custom is JSON.
    pub fn settle(&self, told: &str, how: &str, custom: Option<String>) -> Thrown<()> {
        let no_such = || bad("unknown_conflict", "there is no such conflict");
        let how = conflict::resolution(how, custom.as_deref());
        let how = how.ok_or_else(|| bad("bad_value", "there is no such resolution"))?;
        let (told, text) = serde_json::from_str(told).map_err(|_| no_such())?;
        self.review()?.told_conflict(told, text).resolve(how).map_err(|error| thrown(&error))
    }

    /// Decides as this reviewer, of a patch set, or else of the newest.
    pub fn decide(&self, value: &str, note: Option<String>, patch_set: Option<u32>) -> Thrown<()> {
        let unknown = || bad("bad_value", "there is no such decision");
        let value = Status::from_value(&FieldValue::Text(value.into())).ok_or_else(unknown)?;
        let (review, note) = (self.review()?, note.as_deref());
        let decided = match patch_set {
            Some(number) => review.decide_on(number, value, note),
            None => review.decide(value, note),
        };
        decided.map_err(|error| thrown(&error))
    }

    /// What each reviewer decided.
    pub fn decisions(&self) -> Thrown<String> {
        Ok(json::text(&conflict::decisions(&self.review()?)))
    }

    /// The tags of a comment, or of the review.
    pub fn tags(&self, comment: Option<String>) -> Thrown<Vec<String>> {
        match comment {
            Some(id) => Ok(self.of(&id)?.tags()),
            None => Ok(self.review()?.tags()),
        }
    }

    /// Adds tags and takes others off.
    pub fn change_tags(&self, comment: Option<String>, add: Vec<String>, remove: Vec<String>) -> Thrown<()> {
        let (add, remove) = (add.iter().map(String::as_str), remove.iter().map(String::as_str));
        match comment {
            Some(id) => self.edit(&id, |comment| comment.change_tags(add, remove)),
            None => self.review()?.change_tags(add, remove).map_err(|error| thrown(&error)),
        }
    }

    /// Gives it another title.
    pub fn set_title(&self, title: &str) -> Thrown<()> {
        self.review()?.set_title(title).map_err(|error| thrown(&error))
    }

    /// Tells where the user is. A selection is `comment`, `anchor` and `head`.
    #[allow(
        clippy::too_many_arguments,
        reason = "an object would have to be JSON, and is told many times a second"
    )]
    pub fn update_presence(
        &self,
        file: Option<String>,
        line: Option<u32>,
        side: Option<String>,
        patch_set: Option<u32>,
        comment: Option<String>,
        anchor: u32,
        head: u32,
        active: bool,
        writing: bool,
    ) -> Thrown<()> {
        let review = self.review()?;
        let side = side.as_deref().map(parse_side).transpose()?;
        let selection = comment.and_then(|comment| {
            let comment = comment.parse().ok()?;
            let text = review.comment_data(comment)?.text;
            Some(TextSelection { comment, anchor: near(&text, anchor), head: near(&text, head) })
        });
        review.update_presence(PresenceUpdate { file, line, side, patch_set, selection, writing, active });
        Ok(())
    }

    /// This user's private drafts in it.
    pub async fn drafts(&self) -> Thrown<RawDrafts> {
        let (review, lasting) = (self.review()?, self.lasting);
        let drafts = review.drafts().await.map_err(|error| thrown(&error))?;
        Ok(RawDrafts::new(drafts, lasting))
    }

    /// Resolves once everything done so far is durable.
    pub async fn synced(&self) -> Thrown<()> {
        let review = self.review()?;
        review.synced().await.map_err(|error| thrown(&error))
    }

    /// Sends what waits.
    pub fn flush(&self) -> Thrown<()> {
        self.review()?.flush();
        Ok(())
    }

    /// Gives the handle back. What it was asked to send is still sent.
    pub fn close(&self) {
        let open = self.open.borrow_mut().take();
        if let Some(Open { review, observer }) = open {
            drop(observer);
            review.flush();
        }
    }
}

enum Bad {
    Unit(UnitError),
    Edit(EditError),
}

impl From<EditError> for Bad {
    fn from(error: EditError) -> Bad {
        Bad::Edit(error)
    }
}

/// A number of JavaScript's that names something: whole, and not so large that two of them look alike.
pub(crate) fn whole(number: f64) -> Thrown<u64> {
    const MOST: f64 = 9_007_199_254_740_991.0;
    let good = (0.0..=MOST).contains(&number) && number.fract() == 0.0;
    if good { Ok(number as u64) } else { Err(bad("bad_value", "this takes a whole number")) }
}

/// Lines of the diff, in the newest patch set unless another is named.
pub(crate) fn anchor(
    review: &Review,
    file: String,
    side: &str,
    line: u32,
    last_line: Option<u32>,
    patch_set: Option<u32>,
) -> Thrown<Anchor> {
    let patch_set = patch_set.unwrap_or_else(|| review.patch_set());
    let anchor = Anchor { side: parse_side(side)?, ..Anchor::head(file, line).on(patch_set) };
    Ok(anchor.to(last_line.unwrap_or(line)))
}

fn parse_side(side: &str) -> Thrown<Side> {
    match side {
        "base" => Ok(Side::Base),
        "head" => Ok(Side::Head),
        _ => Err(bad("bad_value", "a side is \"base\" or \"head\"")),
    }
}

/// The offset of a caret, which may be a little off: it only shows where somebody is.
fn near(text: &str, offset: u32) -> usize {
    let offset = offset as usize;
    let exact = |offset| to_scalar(text, Utf16(offset)).ok();
    exact(offset).or_else(|| exact(offset.checked_sub(1)?)).unwrap_or_else(|| text.chars().count())
}
