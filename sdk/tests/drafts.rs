//! Private drafts: on several devices of one user, offline, published, and edited too late for that.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use std::sync::atomic::Ordering;

use interline::{
    Cause, Client, CommentId, Drafts, EditError, InvalidEdit, MemoryStore, PlaceState, Reason, Review,
    Status, Store,
};
use support::flaky::Flaky;
use support::{Server, away, back, builder, line, open, synced, until};

async fn drafting(server: &Server, name: &str) -> (Client, Review, Drafts) {
    let (client, review) = open(server, name).await;
    let drafts = review.drafts().await.unwrap();
    (client, review, drafts)
}

/// What somebody does to their drafts on another device, without a connection, before that device is switched off.
async fn offline(server: &Server, store: impl Store + Clone, edit: impl FnOnce(&Review, &Drafts)) {
    let client = builder(server, "ann").store(store).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let drafts = review.drafts().await.unwrap();
    away(server, &client).await;
    edit(&review, &drafts);
    until("it is saved", || review.is_saved()).await;
    client.closed().await.unwrap();
    server.world().away = false;
}

/// The same device, switched on again.
async fn again(server: &Server, store: impl Store) -> (Client, Review, Drafts) {
    let client = builder(server, "ann").store(store).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let drafts = review.drafts().await.unwrap();
    (client, review, drafts)
}

fn texts(drafts: &Drafts) -> Vec<String> {
    drafts.list().into_iter().map(|draft| draft.text).collect()
}

fn published(server: &Server, comment: CommentId) -> Option<String> {
    let world = server.world();
    world.committed("pr-1").comments.get(&comment).map(|comment| comment.text.as_str().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_are_on_all_devices_of_their_author_and_nowhere_else() {
    let server = Server::start().await;
    let (_a, ann, at_desk) = drafting(&server, "ann").await;
    let (_p, phone_review) = open(&server, "ann").await;
    let (_b, bo, bos) = drafting(&server, "bo").await;
    let draft = at_desk.add(line(), "one").unwrap();
    synced(&ann).await;
    // Opened without a copy: waits for what the server has.
    let on_phone = phone_review.drafts().await.unwrap();
    assert_eq!(texts(&on_phone), ["one"]);
    let there = on_phone.get(draft.id()).unwrap();
    for _ in 0..10 {
        draft.insert(0, "a").unwrap();
        there.insert(there.text().chars().count(), "b").unwrap();
    }
    synced(&ann).await;
    synced(&phone_review).await;
    until("the same", || draft.text() == there.text()).await;
    assert_eq!(draft.text(), format!("{}one{}", "a".repeat(10), "b".repeat(10)));
    let gone = on_phone.add(line(), "another").unwrap();
    gone.remove().unwrap();
    synced(&phone_review).await;
    assert_eq!(at_desk.list().len(), 1);
    let shown = &at_desk.list()[0];
    assert_eq!(
        shown.place.as_ref().map(|place| (place.anchor.line, place.state)),
        Some((2, PlaceState::Current))
    );
    assert!(!shown.pending && !shown.publishing && shown.thread.is_none());
    assert!(bos.list().is_empty() && bo.comments().is_empty() && ann.comments().is_empty());
    assert!(server.world().committed("pr-1").comments.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_published_and_then_the_rest_with_a_decision() {
    let server = Server::start().await;
    let (_a, ann, drafts) = drafting(&server, "ann").await;
    let (_p, phone_review, on_phone) = drafting(&server, "ann").await;
    let (_b, bo) = open(&server, "bo").await;
    let asked = bo.comment(line(), "what about this?").unwrap();
    synced(&bo).await;
    until("ann sees it", || ann.get(asked.id()).is_ok()).await;
    let first = drafts.add(line(), "first").unwrap();
    let second = drafts.add(line(), "second").unwrap();
    // In answer to a reply, too, it belongs to the thread.
    let reply = asked.reply("anybody?").unwrap();
    synced(&bo).await;
    until("ann sees it", || ann.get(reply.id()).is_ok()).await;
    let answer = drafts.add(reply.id(), "fine with me").unwrap();
    assert_eq!(answer.data().unwrap().thread, asked.id());
    assert_eq!(answer.data().unwrap().anchor.line, line().line);
    assert_eq!(drafts.list().last().unwrap().thread, Some(asked.id()));
    first.insert(5, "!").unwrap();
    drafts.publish(&[first.id()], None).unwrap();
    assert!(drafts.list().iter().any(|draft| draft.publishing && draft.id == first.id()));
    assert_eq!(first.insert(0, "x"), Err(EditError::Invalid(InvalidEdit::Published)));
    synced(&ann).await;
    until("bo sees it", || bo.get(first.id()).is_ok_and(|comment| comment.text() == "first!")).await;
    assert!(bo.get(second.id()).is_err() && bo.status() == Status::Pending);
    until("on all devices", || drafts.list().len() == 2 && on_phone.list().len() == 2).await;

    on_phone.publish_all(Some((Status::ChangesRequested, Some("see there")))).unwrap();
    synced(&phone_review).await;
    until("bo sees all of it", || bo.status() == Status::ChangesRequested && bo.comments().len() == 5).await;
    assert_eq!(bo.comment_data(answer.id()).unwrap().thread, asked.id());
    let decided = bo.decisions();
    let (_, decision) = decided.iter().next().unwrap();
    assert_eq!((decision.value, decision.note.as_deref()), (Status::ChangesRequested, Some("see there")));
    until("none is left", || drafts.list().is_empty() && on_phone.list().is_empty()).await;
    assert!(drafts.rejected().is_empty() && on_phone.rejected().is_empty());
    let log = server.world().log("pr-1");
    let entry = log.last().unwrap();
    assert_eq!((entry.author.as_str(), entry.facts.len() > 2), ("ann", true), "all of it is one entry");
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_they_are_written_and_published_without_having_been_opened_before() {
    let server = Server::start().await;
    let store = MemoryStore::new();
    let client = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let (_b, bo) = open(&server, "bo").await;
    until("saved", || review.is_saved()).await;
    away(&server, &client).await;
    let drafts = review.drafts().await.unwrap();
    let one = drafts.add(line(), "one").unwrap();
    let two = drafts.add(line(), "two").unwrap();
    one.insert(3, ", offline").unwrap();
    drafts.publish(&[one.id()], Some((Status::Approved, None))).unwrap();
    assert!(drafts.unsynced().count >= 3 && review.unsynced().count == drafts.unsynced().count);
    assert!(bo.comments().is_empty());
    until("saved", || review.is_saved()).await;
    client.closed().await.unwrap();

    // Another life, which does not look at the drafts: what is to be sent is sent.
    let client = builder(&server, "ann").store(store.clone()).build().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    until("they count", || review.unsynced().count >= 3).await;
    assert_eq!(client.unsynced().await.unwrap().reviews.keys().collect::<Vec<_>>(), [&review.id()]);
    back(&server, &client);
    synced(&review).await;
    assert_eq!(published(&server, one.id()).as_deref(), Some("one, offline"));
    assert_eq!(published(&server, two.id()), None);
    until("bo sees it", || bo.status() == Status::Approved && bo.comments().len() == 1).await;
    until("all is durable", || review.unsynced().count == 0).await;
    let drafts = review.drafts().await.unwrap();
    assert_eq!(texts(&drafts), ["two"]);
    assert_eq!(client.stored().await.unwrap(), [review.id()], "drafts are no review");
    client.closed().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_devices_wrote_apart_before_either_was_online_comes_together() {
    let server = Server::start().await;
    let (one, ann) = open(&server, "ann").await;
    let (two, phone_review) = open(&server, "ann").await;
    away(&server, &one).await;
    until("both", || !two.connection().is_connected()).await;
    let (drafts, on_phone) = (ann.drafts().await.unwrap(), phone_review.drafts().await.unwrap());
    drafts.add(line(), "at the desk").unwrap();
    on_phone.add(line(), "on the phone").unwrap();
    back(&server, &one);
    synced(&ann).await;
    two.reconnect();
    synced(&phone_review).await;
    until("both have both", || drafts.list().len() == 2 && on_phone.list().len() == 2).await;
    assert_eq!(texts(&drafts), texts(&on_phone));
    assert!(drafts.rejected().is_empty() && on_phone.rejected().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_comes_too_late_goes_on_in_the_published_comment() {
    let server = Server::start().await;
    let (_a, ann, drafts) = drafting(&server, "ann").await;
    let (_b, bo) = open(&server, "bo").await;
    let draft = drafts.add(line(), "Please rename this").unwrap();
    synced(&ann).await;
    let phone = MemoryStore::new();
    let late =
        |_: &Review, drafts: &Drafts| drafts.get(draft.id()).unwrap().insert(18, ", and that").unwrap();
    offline(&server, phone.clone(), late).await;
    until("back", || drafts.is_online() && bo.is_online()).await;
    drafts.publish_all(None).unwrap();
    synced(&ann).await;
    until("bo sees it", || bo.get(draft.id()).is_ok()).await;
    bo.get(draft.id()).unwrap().insert(0, "Bo: ").unwrap();
    synced(&bo).await;
    let (_p, phone_review, on_phone) = again(&server, phone).await;
    synced(&phone_review).await;
    assert_eq!(published(&server, draft.id()).as_deref(), Some("Bo: Please rename this, and that"));
    until("nothing waits", || on_phone.log().rejected().is_empty() && phone_review.rejected().is_empty())
        .await;
    until("bo sees it", || bo.get(draft.id()).unwrap().text() == "Bo: Please rename this, and that").await;
    assert!(bo.conflicts().is_empty() && on_phone.list().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_edit_of_words_that_somebody_rewrote_is_in_conflict() {
    let server = Server::start().await;
    let (_a, ann, drafts) = drafting(&server, "ann").await;
    let (_b, bo) = open(&server, "bo").await;
    let draft = drafts.add(line(), "rename this").unwrap();
    synced(&ann).await;
    let phone = MemoryStore::new();
    let late = |_: &Review, drafts: &Drafts| drafts.get(draft.id()).unwrap().set_text("rename that").unwrap();
    offline(&server, phone.clone(), late).await;
    until("back", || drafts.is_online() && bo.is_online()).await;
    drafts.publish_all(None).unwrap();
    synced(&ann).await;
    until("bo sees it", || bo.get(draft.id()).is_ok()).await;
    bo.get(draft.id()).unwrap().set_text("rename everything").unwrap();
    synced(&bo).await;
    let (_p, phone_review, _on_phone) = again(&server, phone).await;
    synced(&phone_review).await;
    until("bo hears of it", || bo.conflicts().len() == 1).await;
    let conflicts = bo.conflicts();
    assert_eq!(conflicts[0].field(), "text");
    let said: Vec<_> = conflicts[0].sides().iter().map(|side| side.user.as_str()).collect();
    assert!(said.contains(&"ann") && said.contains(&"bo"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_the_steps_of_carrying_over_makes_nothing_twice() {
    let server = Server::start().await;
    let (_a, ann, drafts) = drafting(&server, "ann").await;
    let (_b, bo) = open(&server, "bo").await;
    let draft = drafts.add(line(), "Please rename").unwrap();
    synced(&ann).await;
    let store = Flaky::default();
    let late = |_: &Review, drafts: &Drafts| drafts.get(draft.id()).unwrap().insert(13, " it").unwrap();
    offline(&server, store.clone(), late).await;
    until("back", || drafts.is_online() && bo.is_online()).await;
    drafts.publish_all(None).unwrap();
    synced(&ann).await;
    // The refusal is saved, and what becomes of it is not any more.
    *store.last_words.lock().unwrap() = Some((drafts.log().id(), "\"published\""));
    let (phone, phone_review, on_phone) = again(&server, store.clone()).await;
    synced(&phone_review).await;
    assert_eq!(published(&server, draft.id()).as_deref(), Some("Please rename it"));
    until("it is let go", || store.silenced.load(Ordering::SeqCst) && on_phone.log().rejected().is_empty())
        .await;
    // Comparing texts alone would not tell any more that these words were there already.
    until("bo sees it", || bo.get(draft.id()).is_ok_and(|comment| comment.text().ends_with("it"))).await;
    bo.get(draft.id()).unwrap().set_text("Please rename all").unwrap();
    synced(&bo).await;
    let here = || phone_review.get(draft.id()).is_ok_and(|comment| comment.text().ends_with("all"));
    until("the phone sees that", here).await;
    assert!(phone.closed().await.is_err(), "the record is still in the store");
    *store.last_words.lock().unwrap() = None;
    drop((phone_review, on_phone));
    let (phone, phone_review, on_phone) = again(&server, store).await;
    until("it is let go for good", || on_phone.log().rejected().is_empty()).await;
    synced(&phone_review).await;
    assert_eq!(published(&server, draft.id()).as_deref(), Some("Please rename all"));
    assert!(phone_review.rejected().is_empty());
    phone.closed().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_removal_waits_for_its_author() {
    let server = Server::start().await;
    let (_a, ann, drafts) = drafting(&server, "ann").await;
    let (_b, bo) = open(&server, "bo").await;
    let draft = drafts.add(line(), "never mind").unwrap();
    synced(&ann).await;
    let phone = MemoryStore::new();
    let late = |_: &Review, drafts: &Drafts| drafts.get(draft.id()).unwrap().remove().unwrap();
    offline(&server, phone.clone(), late).await;
    until("back", || drafts.is_online() && bo.is_online()).await;
    drafts.publish_all(None).unwrap();
    synced(&ann).await;
    let (_p, phone_review, on_phone) = again(&server, phone).await;
    synced(&phone_review).await;
    until("it is handed over", || phone_review.rejected().len() == 1).await;
    let record = phone_review.rejected().remove(0);
    assert_eq!((record.cause, record.comment), (Cause::Refused(Reason::Published), Some(draft.id())));
    assert_eq!(published(&server, draft.id()).as_deref(), Some("never mind"), "others see it, and it stays");
    until("there alone", || on_phone.log().rejected().is_empty()).await;
    until("the comment is here", || phone_review.get(draft.id()).is_ok()).await;
    phone_review.retry_rejected(record.id).unwrap();
    synced(&phone_review).await;
    until("it goes", || bo.comment_data(draft.id()).unwrap().removed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_published_offline_is_there_though_what_it_answers_was_removed_meanwhile() {
    let server = Server::start().await;
    let (_b, bo) = open(&server, "bo").await;
    let asked = bo.comment(line(), "what about this?").unwrap();
    synced(&bo).await;
    let desk = MemoryStore::new();
    let write = |_: &Review, drafts: &Drafts| {
        drafts.add(asked.id(), "fine").unwrap();
        drafts.publish_all(Some((Status::Approved, None))).unwrap();
    };
    offline(&server, desk.clone(), write).await;
    until("bo is back", || bo.is_online()).await;
    asked.remove().unwrap();
    synced(&bo).await;
    let (_a, ann, drafts) = again(&server, desk).await;
    synced(&ann).await;
    assert!(drafts.rejected().is_empty() && drafts.list().is_empty());
    until("it holds the thread up", || bo.threads().iter().any(|thread| thread.comments.len() == 2)).await;
    until("with the decision", || bo.status() == Status::Approved).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_publication_changes_nothing_and_can_be_tried_again() {
    let server = Server::start().await;
    let (_b, bo) = open(&server, "bo").await;
    let asked = bo.comment(line(), "what about this?").unwrap();
    synced(&bo).await;
    let (_a, ann, drafts) = drafting(&server, "ann").await;
    let kept = drafts.add(line(), "kept").unwrap();
    let answer = drafts.add(asked.id(), "fine").unwrap();
    asked.remove().unwrap();
    until("ann sees it go", || ann.comment_data(asked.id()).is_some_and(|asked| asked.removed)).await;
    drafts.publish_all(Some((Status::Approved, None))).unwrap();
    synced(&ann).await;
    let rejected = drafts.rejected();
    assert_eq!((rejected.len(), rejected[0].cause), (1, Cause::Refused(Reason::CommentRemoved)));
    assert!(published(&server, kept.id()).is_none() && ann.status() == Status::Pending);
    assert!(drafts.list().iter().all(|draft| !draft.publishing) && drafts.list().len() == 2);
    kept.insert(0, "still ").unwrap();
    answer.remove().unwrap();
    drafts.retry_rejected(rejected[0].id).unwrap();
    synced(&ann).await;
    assert_eq!(published(&server, kept.id()).as_deref(), Some("still kept"));
    until("with the decision", || bo.status() == Status::Approved).await;
    assert!(drafts.rejected().is_empty() && drafts.list().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn others_see_that_somebody_writes_and_not_what() {
    let server = Server::start().await;
    let (_a, ann, drafts) = drafting(&server, "ann").await;
    let (_b, bo) = open(&server, "bo").await;
    let draft = drafts.add(line(), "secret").unwrap();
    synced(&ann).await;
    draft.select(0, 3).unwrap();
    let writing = || bo.presence().into_iter().find(|presence| presence.writing);
    until("bo sees it", || writing().is_some()).await;
    let presence = writing().unwrap();
    assert_eq!((presence.user.id.as_str(), presence.place.line, presence.selection), ("ann", Some(2), None));
    assert_eq!(presence.place.file.as_deref(), Some("src/lib.rs"));
}
