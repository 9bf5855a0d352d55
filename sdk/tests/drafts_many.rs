//! More private drafts than can be published at once: that is refused clearly, costs nothing, and goes in parts.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use interline::{Cause, Coded, CommentId, EditError, InvalidEdit, Reason, Status};
use support::{Server, line, open, synced, until};

/// The most changes of a batch, and so the most drafts of a publication.
const MOST: usize = 200;

fn published(server: &Server) -> usize {
    server.world().committed("pr-1").comments.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_batch_takes_are_refused_on_the_spot_and_go_in_parts() {
    let server = Server::start().await;
    let (_a, ann) = open(&server, "ann").await;
    let (_b, bo) = open(&server, "bo").await;
    let drafts = ann.drafts().await.unwrap();
    let all: Vec<CommentId> =
        (0..MOST + 5).map(|n| drafts.add(line(), &format!("draft {n}")).unwrap().id()).collect();
    synced(&ann).await;
    let refused = drafts.publish_all(Some((Status::Approved, None))).unwrap_err();
    assert_eq!(refused, EditError::Invalid(InvalidEdit::TooManyDrafts { max: MOST }));
    assert_eq!((refused.code().as_ref(), refused.is_retryable()), ("too_many_drafts", false));
    assert!(refused.to_string().contains("200"), "{refused}");
    synced(&ann).await;
    assert_eq!((published(&server), ann.status(), drafts.unsynced().count), (0, Status::Pending, 0));
    assert!(drafts.rejected().is_empty() && drafts.list().iter().all(|draft| !draft.publishing));

    // As many as there may be, and then the rest with the decision.
    drafts.publish(&all[..MOST], None).unwrap();
    synced(&ann).await;
    assert_eq!(published(&server), MOST);
    drafts.publish_all(Some((Status::Approved, None))).unwrap();
    synced(&ann).await;
    assert_eq!((published(&server), drafts.list().len()), (MOST + 5, 0));
    until("bo sees all of it", || bo.comments().len() == MOST + 5 && bo.status() == Status::Approved).await;
    assert!(drafts.rejected().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn more_text_than_a_frame_takes_is_refused_as_one_and_goes_in_parts() {
    let server = Server::start().await;
    let (_a, ann) = open(&server, "ann").await;
    let drafts = ann.drafts().await.unwrap();
    // Each fits a batch of its own; together they are more than a frame.
    let text = "x".repeat(30_000);
    let mut all = Vec::new();
    for _ in 0..10 {
        all.push(drafts.add(line(), &text).unwrap().id());
        synced(&ann).await;
    }
    drafts.publish_all(Some((Status::Approved, None))).unwrap();
    synced(&ann).await;
    let rejected = drafts.rejected();
    assert_eq!((rejected.len(), rejected[0].cause), (1, Cause::Refused(Reason::ReviewTooLarge)));
    assert_eq!((published(&server), ann.status(), drafts.list().len()), (0, Status::Pending, 10));
    assert!(drafts.discard_rejected(Some(rejected[0].id)));
    for part in all.chunks(5) {
        drafts.publish(part, None).unwrap();
        synced(&ann).await;
    }
    assert_eq!((published(&server), drafts.list().len(), drafts.rejected().len()), (10, 0, 0));
}
