//! Two people, one server: what one does the other sees.

use anyhow::Result;
use interline::{Anchor, Client, Comment, Event, Review, Status};
use interline_tests::server::Server;
use interline_tests::until;

async fn join(url: &str, key: &str, name: &str) -> Result<(Client, Review)> {
    let client = Client::builder(url).user(name, name).debounce_ms(5).connect().await?;
    let review = client.open(key).await?;
    Ok((client, review))
}

async fn same_comment(review: &Review, comment: &Comment) -> Comment {
    until("the comment arrives", || review.get(comment.id()).ok()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_edit_one_comment_and_see_the_same() -> Result<()> {
    let server = Server::start()?;
    server.create_review("pair")?;
    let (_a, ann) = join(server.url(), "pair", "ann").await?;
    let (_b, bo) = join(server.url(), "pair", "bo").await?;
    let anns = ann.comment(Anchor::head("src/lib.rs", 3), "middle")?;
    let bos = same_comment(&bo, &anns).await;
    for n in 0..100 {
        anns.insert(0, &format!("a{n} \u{1F600} "))?;
        bos.insert(bos.text().chars().count(), &format!(" b{n} \u{4e2d}"))?;
        if n % 10 == 0 {
            tokio::task::yield_now().await;
        }
    }
    ann.synced().await?;
    bo.synced().await?;
    until("both show the same", || (anns.text() == bos.text()).then_some(())).await;
    let text = anns.text();
    assert_eq!(server.review("pair")?["comments"][0]["text"], text.as_str());
    for n in 0..100 {
        assert_eq!(text.matches(&format!("a{n} ")).count(), 1);
        assert_eq!(text.matches(&format!(" b{n} ")).count(), 1);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_change_reaches_the_other() -> Result<()> {
    let server = Server::start()?;
    server.create_review("kinds")?;
    let (_a, ann) = join(server.url(), "kinds", "ann").await?;
    let (_b, bo) = join(server.url(), "kinds", "bo").await?;
    let root = ann.comment(Anchor::base("src/lib.rs", 2), "Why one?")?;
    let bos = same_comment(&bo, &root).await;
    let reply = bos.reply("Because")?;
    let anns_reply = same_comment(&ann, &reply).await;
    assert_eq!(anns_reply.text(), "Because");
    anns_reply.set_text("Because two is more")?;
    until("the whole new text", || (reply.text() == "Because two is more").then_some(())).await;
    root.resolve()?;
    until("resolved", || bo.threads().first().filter(|thread| thread.resolved).map(drop)).await;
    bos.reopen()?;
    until("reopened", || ann.threads().first().filter(|thread| !thread.resolved).map(drop)).await;
    bo.set_status(Status::ChangesRequested)?;
    until("the decision", || (ann.status() == Status::ChangesRequested).then_some(())).await;
    ann.set_title("A better title")?;
    until("the title", || (bo.title() == "A better title").then_some(())).await;
    reply.remove()?;
    until("the reply goes", || ann.threads().first().filter(|thread| thread.comments.len() == 1).map(drop))
        .await;
    assert!(bos.remove().is_err(), "only its author removes a comment");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_who_is_where() -> Result<()> {
    let server = Server::start()?;
    server.create_review("who")?;
    let (_a, ann) = join(server.url(), "who", "ann").await?;
    let (b, bo) = join(server.url(), "who", "bo").await?;
    let anns = ann.comment(Anchor::head("src/lib.rs", 3), "hello")?;
    let bos = same_comment(&bo, &anns).await;
    ann.synced().await?;
    let connected = || -> Option<usize> {
        let (_, body) = interline_tests::http::get(&format!("{}/api/sessions", server.url())).ok()?;
        let sessions = body["sessions"].as_array()?.clone();
        sessions
            .iter()
            .all(|record| record["reviews"].as_array().is_some_and(|r| r.len() == 1))
            .then_some(sessions.len())
    };
    until("both sessions are on record", || connected().filter(|count| *count == 2)).await;
    bos.select(5, 5)?;
    until("bo's caret", || {
        let selection = ann.presence().into_iter().find(|p| p.user.id.as_str() == "bo")?.selection?;
        (selection.head == 5).then_some(())
    })
    .await;
    anns.insert(0, "oh, ")?;
    until("the caret moves with the text", || {
        let selection = ann.presence().into_iter().find(|p| p.user.id.as_str() == "bo")?.selection?;
        (selection.head == 9).then_some(())
    })
    .await;
    drop(bo);
    b.close();
    until("bo is gone", || ann.presence().is_empty().then_some(())).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_change_is_rolled_back_and_kept() -> Result<()> {
    let server = Server::start()?;
    server.create_review("refused")?;
    let (_a, ann) = join(server.url(), "refused", "ann").await?;
    let mut events = ann.events();
    let lost = ann.comment(Anchor::head("src/lib.rs", 99), "on a line that is not there")?;
    let rejected = loop {
        match tokio::time::timeout(interline_tests::DEADLINE, futures_util::StreamExt::next(&mut events))
            .await?
        {
            Some(Event::Rejected(rejected)) => break rejected,
            Some(_) => {}
            None => panic!("the events ended"),
        }
    };
    assert_eq!(rejected.mine.as_deref(), Some("on a line that is not there"));
    assert!(ann.threads().is_empty() && ann.get(lost.id()).is_err());
    assert_eq!(ann.rejected().len(), 1);
    let kept = ann.comment(Anchor::head("src/lib.rs", 1), "fine")?;
    ann.synced().await?;
    assert_eq!(kept.text(), "fine");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_that_is_not_there_is_an_error() -> Result<()> {
    let server = Server::start()?;
    let client = Client::builder(server.url()).user("ann", "Ann").connect().await?;
    let error = client.open("nothing").await.err().map(|error| interline::Coded::code(&error).into_owned());
    assert_eq!(error.as_deref(), Some("unknown_review"));
    Ok(())
}
