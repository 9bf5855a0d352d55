//! Looking at reviews. What is not durable yet is never shown.

use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, web};
use interline_core::clock::{Millis, Stamp};
use interline_core::entry::Hash;
use interline_core::id::{CommentId, ReviewId, User, UserId, Version};
use interline_core::review::{Anchor, Comment, Conflict, Place, Review, Standing, Status};
use serde::{Deserialize, Serialize};

use super::cached::tagged;
use super::create::url_of;
use super::history::VersionQuery;
use super::{ApiError, query};
use crate::app::AppState;
use crate::room::{View, review_at};
use crate::store::ReviewRow;

/// Reviews of one page, where none are asked for, and at most.
const PAGE: u32 = 50;
const MAX_PAGE: u32 = 200;

#[derive(Deserialize)]
pub(super) struct ListQuery {
    #[serde(default, deserialize_with = "query::limit")]
    limit: Option<u32>,
    #[serde(default, deserialize_with = "query::after_review")]
    after: Option<ReviewId>,
}

#[derive(Serialize)]
struct List {
    reviews: Vec<Listed>,
    /// What to ask for as `after` to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<ReviewId>,
}

#[derive(Serialize)]
struct Listed {
    id: ReviewId,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    title: String,
    status: String,
    url: String,
    created_at: Millis,
    comments: u32,
    version: Version,
}

#[derive(Serialize)]
struct Shown<'a> {
    id: ReviewId,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    title: &'a str,
    status: &'static str,
    url: &'a str,
    version: Version,
    hash: Hash,
    created_at: Millis,
    patch_set: u32,
    tags: Vec<&'a str>,
    /// What each reviewer decided.
    decisions: Vec<ShownDecision<'a>>,
    /// What waits for a person.
    conflicts: Vec<&'a Conflict>,
    comments: Vec<ShownComment<'a>>,
    users: &'a [User],
}

#[derive(Serialize)]
struct ShownDecision<'a> {
    author: ShownUser<'a>,
    value: Status,
    patch_set: u32,
    seen: Version,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    at: Millis,
    version: Version,
    /// It was made on code that is not the newest.
    stale: bool,
}

#[derive(Serialize)]
struct ShownComment<'a> {
    id: CommentId,
    /// The thread's root; the comment itself, if it is one.
    thread: CommentId,
    #[serde(skip_serializing_if = "Option::is_none")]
    anchor: Option<&'a Anchor>,
    /// How it came there, if the code has moved on since it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<&'a Standing>,
    author: ShownUser<'a>,
    text: &'a str,
    created_at: Millis,
    resolved: bool,
    removed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<&'a str>,
}

#[derive(Serialize)]
struct ShownUser<'a> {
    id: &'a UserId,
    display_name: &'a str,
}

pub(super) async fn list(
    request: HttpRequest,
    query: web::Query<ListQuery>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let limit = query.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE);
    // One more than asked for tells whether there are more.
    let mut rows = state.store.list_reviews(query.after, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|row| row.id);
    let reviews = rows.into_iter().map(|row| Listed {
        url: url_of(&state, &request, &row),
        id: row.id,
        key: row.key,
        title: row.summary.title,
        status: row.summary.status,
        created_at: row.created_at,
        comments: row.summary.comments,
        version: row.head.version,
    });
    Ok(HttpResponse::Ok().json(List { reviews: reviews.collect(), next }))
}

pub(super) async fn show(
    request: HttpRequest,
    name: web::Path<String>,
    query: web::Query<VersionQuery>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let row = find(&state, &name).await?;
    let View { review, head, users } = match query.version {
        None => state.rooms.get(row.id).read(row.head.version).await?,
        Some(version) => review_at(&*state.store, row.id, version, row.head.version).await?,
    };
    let url = url_of(&state, &request, &row);
    let names: Names<'_> = users.iter().map(|user| (&user.id, user.display_name.as_str())).collect();
    let shown = Shown {
        id: row.id,
        key: row.key.as_deref(),
        title: review.title(),
        status: review.status().name(),
        url: &url,
        version: head.version,
        hash: head.hash,
        created_at: review.created_at,
        patch_set: review.patch_set,
        tags: review.sets.elements(TAGS).collect(),
        decisions: decisions(&review, &names),
        conflicts: review.conflicts.open().collect(),
        comments: comments(&review, &names),
        users: &users,
    };
    Ok(HttpResponse::Ok().json(shown))
}

pub(super) async fn patch_set(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let (name, number) = path.into_inner();
    let row = find(&state, &name).await?;
    let unknown = || ApiError::not_found(format!("the review has no patch set {number}"));
    let json = state.store.patch_set(row.id, number.parse().map_err(|_| unknown())?).await?;
    // Under the same number there may be other code, once history was lost: what is kept is to be used only where this
    // is still its tag.
    Ok(tagged(&request, "private, no-cache", json.ok_or_else(unknown)?))
}

pub(super) async fn find(state: &AppState, name: &str) -> Result<ReviewRow, ApiError> {
    state.store.find_review(name).await?.ok_or_else(ApiError::unknown_review)
}

/// The set that holds tags.
const TAGS: &str = "tags";

type Names<'a> = HashMap<&'a UserId, &'a str>;

fn person<'a>(id: &'a UserId, names: &Names<'a>) -> ShownUser<'a> {
    ShownUser { id, display_name: names.get(id).copied().unwrap_or(id.as_str()) }
}

/// By user.
fn decisions<'a>(review: &'a Review, names: &Names<'a>) -> Vec<ShownDecision<'a>> {
    let shown = review.decisions.iter().map(|(user, decision)| ShownDecision {
        author: person(user, names),
        value: decision.value,
        patch_set: decision.patch_set,
        seen: decision.seen,
        note: decision.note.as_deref(),
        at: decision.at,
        version: decision.version,
        stale: decision.is_stale(review.patch_set),
    });
    shown.collect()
}

/// Thread by thread, each in the order in which it was written.
fn comments<'a>(review: &'a Review, names: &Names<'a>) -> Vec<ShownComment<'a>> {
    let order = |comment: &Comment| -> (Option<Stamp>, CommentId, bool, Stamp, CommentId) {
        let thread = review.thread_of(comment);
        let root = review.comments.get(&thread).map(|root| root.created);
        (root, thread, comment.id != thread, comment.created, comment.id)
    };
    let mut comments: Vec<&Comment> = review.comments.values().collect();
    comments.sort_by_cached_key(|comment| order(comment));
    let shown = comments.into_iter().map(|comment| ShownComment {
        id: comment.id,
        thread: review.thread_of(comment),
        anchor: match &comment.place {
            Place::Line(anchor) => Some(anchor),
            Place::Reply(_) => None,
        },
        standing: comment.standing.as_ref(),
        author: person(&comment.author, names),
        text: comment.text.as_str(),
        created_at: comment.created.at.ms,
        resolved: comment.resolved(),
        removed: comment.removed.is_some(),
        tags: comment.sets.elements(TAGS).collect(),
    });
    shown.collect()
}
