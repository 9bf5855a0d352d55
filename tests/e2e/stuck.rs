//! A conflict about a text whose comment is gone, as an earlier release left it open: whoever has seen it dismisses it, for
//! everybody, and once.

use anyhow::{Context, Result};
use futures_util::StreamExt;
use interline::{Anchor, Client, Comment, ConflictResolution, Event, Events, How, Review, Settlement};
use interline_core::entry::Fact;
use interline_tests::database::{append, check_log};
use interline_tests::server::Server;
use interline_tests::{DEADLINE, until};

/// Somebody at the review, who sends what they do when they ask for it.
async fn join(server: &Server, name: &str) -> Result<(Client, Review, Events)> {
    let client = Client::builder(server.url()).user(name, name).debounce_ms(600_000).connect().await?;
    let review = client.open("stuck").await?;
    let told = review.events();
    Ok((client, review, told))
}

/// Waits until somebody is told how a conflict ended, or had ended before.
async fn hears(told: &mut Events, second: bool) -> Result<Settlement> {
    loop {
        let event = tokio::time::timeout(DEADLINE, told.next()).await?.context("an event")?;
        match event {
            Event::ConflictSettled(settled) if !second => return Ok(*settled),
            Event::AlreadySettled(settled) if second => return Ok(*settled),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_dismissed_once_for_everybody() -> Result<()> {
    let mut server = Server::start()?;
    let id = server.create_review("stuck")?;
    let (_a, ann, mut ann_told) = join(&server, "ann").await?;
    let (_b, bo, mut bo_told) = join(&server, "bo").await?;
    let anns: Comment = ann.comment(Anchor::head("src/lib.rs", 3), "This needs refactoring")?;
    ann.synced().await?;
    let bos = until("the comment arrives", || bo.get(anns.id()).ok()).await;
    anns.set_text("This definitely needs refactoring")?;
    bos.set_text("This might need refactoring")?;
    ann.synced().await?;
    bo.synced().await?;
    until("both see the conflict", || {
        (ann.conflicts().len() == 1 && bo.conflicts().len() == 1).then_some(())
    })
    .await;
    assert!(!bo.conflicts()[0].is_gone());

    // What an earlier release made of the removal: the comment goes, and what was open about its text stays.
    server.kill()?;
    let gone = append(server.data(), &id, "ann", vec![Fact::CommentRemoved { comment: anns.id() }]).await?;
    server.restart()?;
    until("both hear that it is gone", || {
        (ann.version() == gone && bo.version() == gone && ann.is_online() && bo.is_online()).then_some(())
    })
    .await;
    let (anns_side, bos_side) = (ann.conflicts().remove(0), bo.conflicts().remove(0));
    assert!(anns_side.is_gone() && bos_side.is_gone(), "nobody can edit it any more");
    let keep = bos_side.resolve(ConflictResolution::KeepMine);
    assert!(keep.is_err(), "there is nothing to put it in: {keep:?}");

    // Both dismiss it, and neither has heard of the other.
    bos_side.resolve(ConflictResolution::Merged)?;
    anns_side.resolve(ConflictResolution::Merged)?;
    assert!(ann.conflicts().is_empty() && bo.conflicts().is_empty());
    bo.synced().await?;
    ann.synced().await?;
    let over = hears(&mut bo_told, false).await?;
    assert_eq!((over.by.as_str(), &over.how, over.value), ("bo", &How::Merged, None));
    let first = hears(&mut ann_told, true).await?;
    assert_eq!((first.by.as_str(), first.conflict), ("bo", bos_side.id()), "ann hears who was first");
    assert!(ann.rejected().is_empty() && bo.rejected().is_empty());

    // Nothing of it comes back: not with the server, nor for somebody new.
    server.kill()?;
    server.restart()?;
    let (_c, cy, _) = join(&server, "cy").await?;
    assert!(cy.conflicts().is_empty() && ann.conflicts().is_empty() && bo.conflicts().is_empty());
    assert!(cy.get(anns.id())?.data()?.removed);
    server.kill()?;
    assert_eq!(check_log(server.data(), &id).await?, cy.version());
    Ok(())
}
