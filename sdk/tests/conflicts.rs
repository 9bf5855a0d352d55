//! Conflicts by their handles: what somebody settles is what they were told of.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use interline::{Anchor, Client, ConflictResolution, FieldValue, Review, Status};
use support::{Server, builder, open, synced, until};

/// Somebody whose work waits until they send it: by then it has not seen what came meanwhile.
async fn slow(server: &Server, name: &str) -> (Client, Review) {
    let client = builder(server, name).debounce_ms(600_000).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    (client, review)
}

async fn send(review: &Review) {
    review.flush();
    synced(review).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_does_not_speak_of_a_side_that_joined_after_it_was_told() {
    let server = Server::start().await;
    let (_a, ann) = slow(&server, "ann").await;
    let (_b, bo) = slow(&server, "bo").await;
    let (_c, cy) = slow(&server, "cy").await;
    let (_d, dee) = open(&server, "dee").await;
    ann.decide(Status::Approved, None).unwrap();
    bo.decide(Status::ChangesRequested, None).unwrap();
    cy.decide(Status::Pending, Some("let me think")).unwrap();
    send(&ann).await;
    send(&bo).await;
    until("dee is told", || dee.conflicts().len() == 1).await;
    let told = dee.conflicts().remove(0);
    assert_eq!(told.sides().len(), 2);
    send(&cy).await;
    until("the third side is here", || dee.conflicts().iter().any(|now| now.sides().len() == 3)).await;

    told.resolve(ConflictResolution::Custom(Status::ChangesRequested.into())).unwrap();
    synced(&dee).await;
    let open = dee.conflicts();
    assert_eq!(open.len(), 1, "nobody has looked at cy's");
    assert!(open[0].sides().iter().any(|side| side.user.as_str() == "cy"));

    // Who has a handle made of what was told has no other one.
    dee.told_conflict(open[0].told().clone(), None)
        .resolve(ConflictResolution::Custom(Status::Pending.into()))
        .unwrap();
    synced(&dee).await;
    assert!(dee.conflicts().is_empty());
    assert_eq!(dee.status(), Status::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_of_a_text_keeps_what_others_write_after_it() {
    let server = Server::start().await;
    let (_a, ann) = slow(&server, "ann").await;
    let (_b, bo) = slow(&server, "bo").await;
    let (_d, dee) = open(&server, "dee").await;
    let place = Anchor::head("src/lib.rs", 1);
    let id = ann.comment(place, "This needs refactoring").unwrap().id();
    send(&ann).await;
    until("all have it", || [&bo, &dee].iter().all(|review| review.get(id).is_ok())).await;
    ann.get(id).unwrap().set_text("This definitely needs refactoring").unwrap();
    bo.get(id).unwrap().set_text("This might need refactoring").unwrap();
    send(&ann).await;
    send(&bo).await;
    until("dee is told", || dee.conflicts().len() == 1).await;
    let told = dee.conflicts().remove(0);
    let text = told.text().unwrap().to_owned();
    assert_eq!(told.merged(), Some(&*text));

    bo.get(id).unwrap().set_text(&format!("{text} It leaks")).unwrap();
    send(&bo).await;
    let words = |review: &Review| review.get(id).unwrap().text();
    until("dee has it", || words(&dee).ends_with(" It leaks")).await;
    // As kept, and as made of what was told.
    let mine = ConflictResolution::Custom(FieldValue::Text(format!("So: {text}")));
    dee.told_conflict(told.told().clone(), told.text().map(str::to_owned)).resolve(mine).unwrap();
    synced(&dee).await;
    assert_eq!(words(&dee), format!("So: {text} It leaks"));
    assert!(dee.conflicts().is_empty());
    assert!(dee.rejected().is_empty());
}
