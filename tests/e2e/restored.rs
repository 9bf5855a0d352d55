//! The server was restored from an older copy of its database: clients notice, and nobody's work is lost or doubled.

use std::path::Path;

use anyhow::{Context, Result};
use interline::{Anchor, Cause, Client, Comment, CommentId, ErrorCode, Review, Status, SyncError};
use interline_tests::database::{check_log, copy_database, restore_database};
use interline_tests::proxy::Proxy;
use interline_tests::server::{Server, verify};
use interline_tests::{DEADLINE, until};
use tokio::time::timeout;

struct Person {
    client: Client,
    review: Review,
    _folder: tempfile::TempDir,
}

impl Person {
    async fn new(url: &str, name: &str) -> Result<Person> {
        let folder = tempfile::tempdir()?;
        let client = Client::builder(url).user(name, name).store_dir(folder.path()).connect().await?;
        let review = client.open("restored").await?;
        Ok(Person { client, review, _folder: folder })
    }

    async fn synced(&self) -> Result<()> {
        Ok(timeout(DEADLINE, self.review.synced()).await.context("it takes too long")??)
    }

    async fn back(&self) {
        self.client.reconnect();
        until("to be back", || self.review.is_online().then_some(())).await;
    }

    async fn away(&self) {
        until("to notice", || (!self.client.connection().is_connected()).then_some(())).await;
    }

    async fn comment(&self, id: CommentId) -> Comment {
        until("the comment", || self.review.get(id).ok()).await
    }

    /// What waits for a decision: of which comment, and what it was meant to say.
    fn lost(&self) -> Vec<(CommentId, String)> {
        let rejected = self.review.rejected().into_iter();
        let lost = rejected.filter(|rejected| rejected.cause == Cause::HistoryLost);
        lost.filter_map(|rejected| Some((rejected.comment?, rejected.mine?))).collect()
    }
}

fn texts(server: &Server) -> Result<Vec<String>> {
    let shown = server.review("restored")?;
    let comments = shown["comments"].as_array().context("comments")?.iter();
    let mut texts: Vec<_> =
        comments.filter_map(|comment| comment["text"].as_str().map(str::to_owned)).collect();
    texts.sort();
    Ok(texts)
}

/// Copies the database of a server that is stopped for that.
fn backed_up(server: &mut Server) -> Result<tempfile::TempDir> {
    let backup = tempfile::tempdir()?;
    stop(server)?;
    copy_database(server.data(), backup.path())?;
    server.restart()?;
    Ok(backup)
}

fn stop(server: &mut Server) -> Result<()> {
    anyhow::ensure!(server.terminate()?.success(), "it does not stop well");
    Ok(())
}

fn restore(server: &Server, backup: &Path) -> Result<()> {
    restore_database(backup, server.data())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_restored_from_an_older_copy_loses_nobodys_work() -> Result<()> {
    let mut server = Server::start()?;
    let id = server.create_review("restored")?;
    let ann = Person::new(server.url(), "ann").await?;
    let way = Proxy::start(server.url()).await?;
    let bo = Person::new(&way.url(), "bo").await?;
    let cy = Person::new(server.url(), "cy").await?;
    let first = ann.review.comment(Anchor::head("src/lib.rs", 3), "kept")?;
    ann.synced().await?;
    let bos = bo.comment(first.id()).await;
    cy.comment(first.id()).await;

    let backup = backed_up(&mut server)?;
    ann.back().await;
    bo.back().await;

    // All of this is acknowledged, and will be gone.
    first.insert(4, " and lost")?;
    ann.synced().await?;
    let second = ann.review.comment(Anchor::head("src/lib.rs", 1), "ann's, wholly lost")?;
    ann.synced().await?;
    let third = bo.review.comment(Anchor::head("src/lib.rs", 2), "bo's, wholly lost")?;
    bo.synced().await?;
    until("bo to have all of ann's", || (bos.text() == "kept and lost").then_some(())).await;
    cy.back().await;
    cy.comment(third.id()).await;
    let receipts = backup.path().join("receipts.json");
    std::fs::write(&receipts, ann.review.export_receipts())?;
    let receipts = std::slice::from_ref(&receipts);
    let (good, said) = verify(server.data(), receipts)?;
    assert!(good, "{said}");
    let before: Vec<_> = [&ann, &bo, &cy].map(|person| person.review.client_id()).into();

    stop(&mut server)?;
    ann.away().await;
    bo.away().await;
    first.insert(0, "<ann-pends>")?;
    bos.insert(0, "<bo-pends>")?;
    restore(&server, backup.path())?;
    let (good, said) = verify(server.data(), receipts)?;
    assert!(!good, "receipts of what was lost: {said}");
    // So that one of the two comes second.
    way.down();
    server.restart()?;
    for person in [&ann, &bo, &cy] {
        person.back().await;
        person.synced().await?;
        way.up();
    }

    // What was pending is there, once, and nothing that was lost has come by itself.
    until("bo's edit at ann's", || first.text().contains("<bo-pends>").then_some(())).await;
    until("all to show the same", || {
        let same = ann.review.version() == bo.review.version() && bo.review.version() == cy.review.version();
        (same && ann.review.threads() == bo.review.threads() && bo.review.threads() == cy.review.threads())
            .then_some(())
    })
    .await;
    let text = first.text();
    assert_eq!(texts(&server)?, std::slice::from_ref(&text));
    for word in ["<ann-pends>", "<bo-pends>", "kept"] {
        assert_eq!(text.matches(word).count(), 1, "{text}");
    }
    assert!(!text.contains("lost"), "{text}");
    // What was acknowledged is offered to whom it belongs.
    assert_eq!(
        ann.lost(),
        [(first.id(), "kept and lost".to_owned()), (second.id(), "ann's, wholly lost".to_owned())]
    );
    assert_eq!(bo.lost(), [(third.id(), "bo's, wholly lost".to_owned())]);
    assert!(cy.review.rejected().is_empty());
    for (person, before) in [&ann, &bo, &cy].into_iter().zip(before) {
        assert_ne!(person.review.client_id(), before, "{}", person.client.user().id);
    }
    // Both pending words were for the very place where the other's is now: both stand, and whoever came second is told.
    let others = [&ann, &bo].into_iter().flat_map(|person| person.review.rejected());
    let others: Vec<_> = others.filter(|one| one.cause != Cause::HistoryLost).collect();
    assert_eq!(others.len(), 1, "{others:?}");
    assert_eq!((others[0].cause, others[0].comment), (Cause::Overlap, Some(first.id())));
    assert_eq!((ann.client.analytics().renewals, ann.client.analytics().recovered), (1, 2));

    // And what somebody wants back comes back.
    for rejected in ann.review.rejected().into_iter().filter(|one| one.cause == Cause::HistoryLost) {
        ann.review.retry_rejected(rejected.id)?;
    }
    ann.synced().await?;
    until("bo has it again", || bos.text().contains("kept and lost").then_some(())).await;
    let shown = texts(&server)?;
    assert!(shown.contains(&"ann's, wholly lost".to_owned()) && shown.len() == 2, "{shown:?}");
    assert!(first.text().contains("<bo-pends>") && first.text().contains("<ann-pends>"));
    assert_eq!(ann.lost(), []);
    stop(&mut server)?;
    check_log(server.data(), &id).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_that_waited_has_seen_nothing_of_what_took_the_place_of_the_lost() -> Result<()> {
    let mut server = Server::start()?;
    server.create_review("restored")?;
    let ann = Person::new(server.url(), "ann").await?;
    let drafts = ann.review.drafts().await?;
    let draft = drafts.add(Anchor::head("src/lib.rs", 3), "a draft")?;
    ann.synced().await?;
    let backup = backed_up(&mut server)?;
    ann.back().await;
    for n in 0..8 {
        ann.review.comment(Anchor::head("src/lib.rs", 1), &format!("lost {n}"))?;
        ann.synced().await?;
    }

    stop(&mut server)?;
    ann.away().await;
    drafts.publish(&[draft.id()], Some((Status::Approved, None)))?;
    let seen = ann.review.version();
    restore(&server, backup.path())?;
    server.restart()?;
    // Somebody objects, in a version of a number that Ann has seen.
    let cy = Person::new(server.url(), "cy").await?;
    cy.review.set_status(Status::ChangesRequested)?;
    cy.synced().await?;
    assert!(cy.review.version() < seen, "{} is below {seen}", cy.review.version());
    ann.back().await;
    ann.synced().await?;
    until("it is published", || cy.review.get(draft.id()).ok()).await;
    until("it is seen", || ann.review.get(draft.id()).ok()).await;
    let conflict = until("a conflict", || cy.review.conflicts().into_iter().next()).await;
    assert_eq!((conflict.field(), cy.review.status()), ("status", Status::ChangesRequested));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_restored_from_before_the_review_ends_it_clearly() -> Result<()> {
    let mut server = Server::start()?;
    let backup = backed_up(&mut server)?;
    let old = server.create_review("restored")?;
    let ann = Person::new(server.url(), "ann").await?;
    let first = ann.review.comment(Anchor::head("src/lib.rs", 3), "acknowledged")?;
    let other = ann.review.comment(Anchor::head("src/lib.rs", 1), "acknowledged, too")?;
    ann.synced().await?;

    stop(&mut server)?;
    ann.away().await;
    first.insert(12, " and pending")?;
    restore(&server, backup.path())?;
    server.restart()?;
    ann.client.reconnect();
    let ended = timeout(DEADLINE, ann.review.synced()).await.context("it waits for ever")?;
    assert_eq!(ended, Err(SyncError::Stuck(ErrorCode::UnknownReview)));
    assert_eq!(
        ann.lost(),
        [(other.id(), "acknowledged, too".to_owned()), (first.id(), "acknowledged and pending".to_owned())]
    );

    // Somebody creates it anew: the key is that review's, and what is here still opens by its id.
    let new = server.create_review("restored")?;
    assert_ne!(new, old);
    let review = ann.client.open("restored").await?;
    assert_eq!(review.id().to_string(), new);
    review.comment(Anchor::head("src/lib.rs", 3), "said again")?;
    timeout(DEADLINE, review.synced()).await.context("it takes too long")??;
    assert_eq!(texts(&server)?, ["said again"]);
    let copy = ann.client.open(&old).await?;
    assert!(copy.export_rejected().contains("acknowledged and pending"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_tell_what_a_restored_server_has_lost() -> Result<()> {
    let mut server = Server::start()?;
    let id = server.create_review("restored")?;
    let ann = Person::new(server.url(), "ann").await?;
    let comment = ann.review.comment(Anchor::head("src/lib.rs", 3), "kept")?;
    ann.synced().await?;
    let backup = backed_up(&mut server)?;
    ann.back().await;
    for word in ["lost ", "as well "] {
        comment.insert(0, word)?;
        ann.synced().await?;
    }
    let (before, held) = (ann.review.client_id(), ann.review.receipts());
    assert_eq!(held.iter().map(|receipt| receipt.version).collect::<Vec<_>>(), [2, 3, 4]);
    let exported = |name: &str| {
        let file = backup.path().join(name);
        std::fs::write(&file, ann.review.export_receipts()).map(|()| [file])
    };
    let all = exported("all.json")?;
    let (good, said) = verify(server.data(), &all)?;
    assert!(good && said.contains("3 receipts: all good"), "{said}");

    stop(&mut server)?;
    ann.away().await;
    restore(&server, backup.path())?;
    server.restart()?;
    ann.back().await;
    comment.insert(0, "since ")?;
    ann.synced().await?;
    let now = ann.review.client_id();
    assert_ne!(now, before);

    // Of those from before: which are missing, by whose name; not a word of the one that is there. Another's batch
    // stands where one of them was.
    let (good, said) = verify(server.data(), &all)?;
    let (first, rest) = said.split_once('\n').context("two lines")?;
    assert!(!good && first.starts_with(&format!("review {id}: ")), "{said}");
    let other = format!("entry 3: it is not the one of the receipt of client {before} for its batch 2");
    let missing = format!("entry 4: it is missing, and client {before} has a receipt for its batch 3 there");
    assert_eq!(first, format!("review {id}: {other}; {missing}"));
    assert!(rest.ends_with("3 receipts: 2 problems\n"), "{said}");
    // What is exported from here on is there: the one that was kept by the name of then, and the new one.
    let left = exported("left.json")?;
    let whose: Vec<_> = ann.review.receipts().iter().map(|of| (of.client, of.version, of.seq)).collect();
    assert_eq!(whose, [(Some(before), 2, 1), (None, 3, 1)]);
    let export = std::fs::read_to_string(&left[0])?;
    assert!(export.contains(&before.to_string()) && export.contains(&now.to_string()), "{export}");
    let (good, said) = verify(server.data(), &left)?;
    assert!(good && said.contains("2 receipts: all good"), "{said}");
    // And it is looked for under that name: the same under another is not there.
    let wrong = backup.path().join("wrong.json");
    std::fs::write(&wrong, export.replace(&before.to_string(), &now.to_string()))?;
    let (good, said) = verify(server.data(), &[wrong])?;
    assert!(!good && said.contains(&format!("entry 2: it is not batch 1 of client {now}")), "{said}");
    Ok(())
}
