//! What a server says is changed on its way: it is noticed, mended without anybody's help, counted, and nothing is lost.

use anyhow::{Context, Result};
use interline::{Anchor, Client, Event, Review};
use interline_tests::proxy::Proxy;
use interline_tests::server::Server;
use interline_tests::{DEADLINE, until};
use tokio::time::timeout;

async fn join(url: &str, name: &str) -> Result<(Client, Review)> {
    let client = Client::builder(url).user(name, name).debounce_ms(2).connect().await?;
    let review = client.open("tampered").await?;
    Ok((client, review))
}

async fn synced(review: &Review) -> Result<()> {
    Ok(timeout(DEADLINE, review.synced()).await.context("it takes too long")??)
}

/// Where something that is looked for ends.
fn behind(piece: &[u8], what: &[u8]) -> Option<usize> {
    piece.windows(what.len()).position(|window| window == what).map(|at| at + what.len())
}

/// Gives the next checksum another first digit.
fn miscount(piece: &mut [u8]) -> bool {
    let digit = behind(piece, b"\"checksum\":").and_then(|at| piece.get_mut(at));
    let digit = digit.filter(|digit| digit.is_ascii_digit());
    digit.map(|digit| *digit = if *digit == b'1' { b'2' } else { b'1' }).is_some()
}

/// Has somebody say "ba" who said "bo".
fn misquote(piece: &mut [u8]) -> bool {
    behind(piece, b"<bo").and_then(|at| piece.get_mut(at - 1)).map(|letter| *letter = b'a').is_some()
}

async fn entry(change: fn(&mut [u8]) -> bool) -> Result<()> {
    let server = Server::start()?;
    server.create_review("tampered")?;
    let proxy = Proxy::start(server.url()).await?;
    let (client, ann) = join(&proxy.url(), "ann").await?;
    let (_bo, bo) = join(server.url(), "bo").await?;
    let anns = ann.comment(Anchor::head("src/lib.rs", 3), "")?;
    synced(&ann).await?;
    let bos = until("the comment", || bo.get(anns.id()).ok()).await;
    proxy.tamper(change);
    let mut words = 0;
    while proxy.is_tampering() || words < 10 {
        anns.insert(0, &format!("<ann {words}>"))?;
        bos.insert(bos.text().len(), &format!("<bo {words}>"))?;
        words += 1;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        assert!(words < 2_000, "nothing was changed on its way");
    }
    synced(&ann).await?;
    synced(&bo).await?;
    until("both to show the same", || {
        (ann.is_online() && ann.version() == bo.version() && anns.text() == bos.text()).then_some(())
    })
    .await;
    let text = anns.text();
    assert_eq!(server.review("tampered")?["comments"][0]["text"], text);
    for n in 0..words {
        for word in [format!("<ann {n}>"), format!("<bo {n}>")] {
            assert_eq!(text.matches(&word).count(), 1, "{word} in {text}");
        }
    }
    let counted = client.analytics();
    assert_eq!((counted.diverged, counted.resyncs, counted.renewals), (1, 1, 0));
    assert!(ann.rejected().is_empty() && bo.rejected().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_checksum_is_noticed_and_mended() -> Result<()> {
    entry(miscount).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_text_is_noticed_and_mended() -> Result<()> {
    entry(misquote).await
}

/// There the checksum is all there is: what a client missed is told without the entries that the hash is about.
#[tokio::test(flavor = "multi_thread")]
async fn a_checksum_changed_while_catching_up_is_noticed_and_mended() -> Result<()> {
    let server = Server::start()?;
    server.create_review("tampered")?;
    let proxy = Proxy::start(server.url()).await?;
    let (client, ann) = join(&proxy.url(), "ann").await?;
    let (_bo, bo) = join(server.url(), "bo").await?;
    // So long that what changed is shorter to say than the whole.
    let anns = ann.comment(Anchor::head("src/lib.rs", 3), &"a long text ".repeat(1_000))?;
    synced(&ann).await?;
    let bos = until("the comment", || bo.get(anns.id()).ok()).await;
    proxy.down();
    until("ann to notice", || (!client.connection().is_connected()).then_some(())).await;
    let pending = ann.comment(Anchor::head("src/lib.rs", 1), "typed offline")?;
    for n in 0..300 {
        bos.insert(0, &format!("<bo {n}>"))?;
        synced(&bo).await?;
    }
    let reloaded = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counting = std::sync::Arc::clone(&reloaded);
    let _observer = ann.observe(move |event| {
        if matches!(event, Event::Loaded) {
            counting.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    });
    proxy.tamper(miscount);
    proxy.up();
    client.reconnect();
    synced(&ann).await?;
    assert!(!proxy.is_tampering(), "there was no checksum in what was told");
    until("both to show the same", || (anns.text() == bos.text() && ann.is_online()).then_some(())).await;
    until("bo to have ann's", || bo.get(pending.id()).ok()).await;
    let counted = client.analytics();
    assert_eq!((counted.diverged, counted.resyncs, counted.renewals), (1, 1, 0));
    assert!(ann.rejected().is_empty() && reloaded.load(std::sync::atomic::Ordering::SeqCst) >= 1);
    Ok(())
}
