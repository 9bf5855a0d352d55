//! A server that keeps the last thousand entries, and clients that come back after more than three thousand: what they
//! had pending is rebased three ways, whether it had been sent or not.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use interline::{Anchor, Client, Comment, CommentId, FieldValue, Review};
use interline_tests::database::trimmed;
use interline_tests::opening::Hands;
use interline_tests::proxy::Proxy;
use interline_tests::server::{Server, verify};
use interline_tests::{DEADLINE, until};
use tokio::time::{Instant, sleep, timeout};

struct Absent {
    proxy: Proxy,
    client: Client,
    review: Review,
    _folder: tempfile::TempDir,
}

impl Absent {
    async fn new(server: &Server, name: &str) -> Result<Absent> {
        let (proxy, folder) = (Proxy::start(server.url()).await?, tempfile::tempdir()?);
        let builder = Client::builder(proxy.url()).user(name, name).store_dir(folder.path());
        let client = builder.debounce_ms(5).connect().await?;
        let review = client.open("long").await?;
        Ok(Absent { proxy, client, review, _folder: folder })
    }

    async fn comment(&self, id: CommentId) -> Comment {
        until("the comment", || self.review.get(id).ok()).await
    }

    /// Puts one word in the place of another.
    async fn rewrite(&self, id: CommentId, word: &str, other: &str) -> Result<()> {
        let comment = self.comment(id).await;
        let at = comment.text().find(word).with_context(|| format!("no {word}"))?;
        Ok(comment.replace(at, at + word.len(), other)?)
    }

    /// The batch in flight has been sent.
    async fn sent(&self, batches: u64) {
        until("a batch to go out", || (self.client.analytics().batches > batches).then_some(())).await;
    }

    async fn leave(&self) {
        self.proxy.down();
        until("to notice", || (!self.client.connection().is_connected()).then_some(())).await;
    }

    async fn come_back(&self) -> Result<()> {
        self.proxy.up();
        self.client.reconnect();
        Ok(timeout(DEADLINE, self.review.synced()).await.context("it takes too long")??)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_older_than_what_is_kept_loses_nothing() -> Result<()> {
    let server = Server::start_with(&["--keep-entries", "1000"])?;
    let id = server.create_review("long")?;
    let bo = Client::builder(server.url()).user("bo", "Bo").debounce_ms(5).connect().await?;
    let bos = bo.open("long").await?;
    let comment = bos.comment(Anchor::head("src/lib.rs", 3), "alpha beta gamma delta")?;
    bos.synced().await?;
    let offline = Absent::new(&server, "offline").await?;
    let heard = Absent::new(&server, "heard").await?;
    let unheard = Absent::new(&server, "unheard").await?;

    // One has something pending that never went out.
    offline.leave().await;
    offline.rewrite(comment.id(), "alpha", "OFFLINE").await?;
    // One has a batch in flight that the server has, without having heard of that, and more behind it.
    heard.comment(comment.id()).await;
    heard.proxy.deafen();
    heard.rewrite(comment.id(), "delta", "HEARD").await?;
    until("the server to have it", || comment.text().contains("HEARD").then_some(())).await;
    heard.leave().await;
    let hers = heard.comment(comment.id()).await;
    hers.insert(hers.text().len(), " BEHIND")?;
    // One has a batch in flight that the server never got, and more behind it.
    unheard.comment(comment.id()).await;
    let batches = unheard.client.analytics().batches;
    unheard.proxy.mute();
    unheard.rewrite(comment.id(), "gamma", "MUTED").await?;
    unheard.sent(batches).await;
    unheard.leave().await;
    let reply = unheard.comment(comment.id()).await.reply("AND A REPLY")?.id();
    ensure!(!comment.text().contains("MUTED"), "it was heard");

    comment.replace(0, "alpha".len(), "BO")?;
    bos.synced().await?;
    assert_eq!(comment.text(), "BO beta gamma HEARD");
    let written = Instant::now();
    let mut hands = Hands::new(&server, &id, "elsewhere").await?;
    hands.edits(3_200).await?;
    let end = Instant::now() + DEADLINE;
    while trimmed(server.data(), &id).await? < 1_500 {
        ensure!(Instant::now() < end, "nothing is trimmed");
        sleep(Duration::from_millis(20)).await;
    }

    // Whoever has not seen others' keystrokes for two seconds is in conflict with them, and not before.
    sleep((written + Duration::from_secs(2)).saturating_duration_since(Instant::now())).await;
    for absent in [&offline, &heard, &unheard] {
        absent.come_back().await?;
    }
    until("all to show the same", || {
        let same = |absent: &Absent| {
            absent.review.version() == bos.version() && absent.review.threads() == bos.threads()
        };
        [&offline, &heard, &unheard].into_iter().all(same).then_some(())
    })
    .await;
    let text = comment.text();
    for word in ["OFFLINE", "BO", "beta", "MUTED", "HEARD", "BEHIND"] {
        let times = text.matches(word).count();
        ensure!(times == 1, "{word} is there {times} times: {text}");
    }
    for word in ["alpha", "gamma", "delta"] {
        ensure!(!text.contains(word), "{word} is there again: {text}");
    }
    assert_eq!(bos.get(reply)?.text(), "AND A REPLY");
    // Both had rewritten the same word, of which nothing is kept: it is an open conflict for both all the same.
    let conflict = until("the conflict", || bos.conflicts().into_iter().next()).await;
    assert_eq!(bos.conflicts().len(), 1);
    assert_eq!(conflict.base(), Some(&FieldValue::Text("alpha beta gamma delta".into())));
    let seen = offline.review.conflicts();
    assert_eq!(seen.iter().map(|seen| seen.id()).collect::<Vec<_>>(), [conflict.id()]);
    let mine = seen[0].mine().map(|side| side.value.clone());
    assert_eq!(mine, Some(FieldValue::Text("OFFLINE beta gamma delta".into())));
    for absent in [&offline, &heard, &unheard] {
        ensure!(absent.review.rejected().is_empty(), "{:?}", absent.review.rejected());
    }
    for absent in [&offline, &heard, &unheard] {
        let counted = absent.client.analytics();
        assert_eq!((counted.diverged, counted.renewals), (0, 0), "{}", absent.client.user().id);
    }
    let shown = server.review(&id)?;
    let shown = shown["comments"].as_array().context("comments")?;
    ensure!(shown.iter().any(|one| one["text"] == text), "the server shows something else");
    let (good, said) = verify(server.data(), &[])?;
    ensure!(good, "{said}");
    Ok(())
}
