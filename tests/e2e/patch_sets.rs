//! A review whose code moves on, with two people in it and one of them on two devices.

use anyhow::Result;
use futures_util::StreamExt;
use interline::{Anchor, Client, Event, PlaceState, Review, Side};
use interline_tests::http::post;
use interline_tests::proxy::Proxy;
use interline_tests::server::{Server, verify};
use interline_tests::until;

const FIRST: &str = "--- a/a.rs\n+++ b/a.rs\n@@ -1,4 +1,5 @@\n one\n-two\n+zwei\n+drei\n four\n five\n--- a/b.rs\n+++ b/b.rs\n@@ -1 +1 @@\n-b\n+c\n";

/// One line more before the others, one of them gone; the other file as it was.
fn second() -> String {
    FIRST.replace("@@ -1,4 +1,5 @@\n one", "@@ -1,4 +1,5 @@\n+zero\n one").replace("+drei\n", "")
}

async fn join(url: &str, name: &str, folder: Option<&std::path::Path>) -> Result<(Client, Review)> {
    let builder = Client::builder(url).user(name, name).debounce_ms(5);
    let builder = match folder {
        Some(folder) => builder.store_dir(folder),
        None => builder,
    };
    let client = builder.connect().await?;
    let review = client.open("pr").await?;
    Ok((client, review))
}

fn state(review: &Review, id: interline::CommentId) -> Option<(PlaceState, u32)> {
    review.place(id).map(|place| (place.state, place.anchor.line))
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_follow_their_lines_online_and_from_offline() -> Result<()> {
    let mut server = Server::start()?;
    assert_eq!(post(&format!("{}/api/reviews?key=pr", server.url()), FIRST.as_bytes())?.0, 201);
    let (proxy, folder) = (Proxy::start(server.url()).await?, tempfile::tempdir()?);
    let (_a, ann) = join(server.url(), "ann", None).await?;
    let (b, bo) = join(&proxy.url(), "bo", Some(folder.path())).await?;
    let range = ann.comment(ann.head("a.rs", 4).to(5), "these two")?;
    let first = ann.comment(ann.head("a.rs", 1), "moves")?;
    let goes = ann.comment(ann.head("a.rs", 3), "goes")?;
    ann.synced().await?;
    until("bo has them", || bo.get(goes.id()).ok()).await;

    // Bo writes on lines that move and that go while he is away, and beside Ann's whom he has not seen.
    proxy.down();
    until("to notice", || (!b.connection().is_connected()).then_some(())).await;
    let late = bo.comment(Anchor::head("a.rs", 2), "late")?;
    let lost = bo.comment(Anchor::head("a.rs", 3).to(4), "lost")?;
    let same = ann.comment(ann.head("a.rs", 2), "the same remark")?;
    ann.synced().await?;
    let (mut anns, mut bos) = (ann.events(), bo.events());
    let added = post(&format!("{}/api/reviews/pr/patchsets", server.url()), second().as_bytes())?;
    assert_eq!((added.0, &added.1["number"]), (201, &2.into()));
    while anns.next().await != Some(Event::PatchSetAdded { number: 2 }) {}
    assert_eq!(ann.patch_set(), 2);
    assert_eq!(state(&ann, range.id()), Some((PlaceState::Current, 4)));
    assert_eq!(state(&ann, first.id()), Some((PlaceState::Moved, 2)));
    let gone = ann.place(goes.id()).unwrap();
    assert_eq!((gone.state, gone.anchor.line, gone.file.as_deref()), (PlaceState::Outdated, 3, Some("a.rs")));
    assert!(gone.context.iter().any(|line| (line.line, line.text.as_str()) == (3, "drei")), "{gone:?}");

    proxy.up();
    b.reconnect();
    bo.synced().await?;
    until("both have both", || {
        let (here, there) = (ann.get(late.id()).ok()?, bo.get(same.id()).ok()?);
        (state(&ann, here.id()) == Some((PlaceState::Moved, 3)) && bo.patch_set() == 2).then_some(there)
    })
    .await;
    assert_eq!(state(&bo, late.id()), Some((PlaceState::Moved, 3)));
    assert_eq!(late.place()?.written.line, 2);
    assert_eq!(state(&bo, lost.id()).map(|at| at.0), Some(PlaceState::Outdated));
    assert_eq!(bo.threads(), ann.threads());
    // The one in the log first is the other: Ann's was there when Bo's came.
    let notice = Event::SameLine { comment: late.id(), other: same.id() };
    while anns.next().await != Some(notice.clone()) {}
    while bos.next().await != Some(notice.clone()) {}
    // New comments go onto the newest code, and both sides can be named.
    let on_base = bo.comment(bo.base("a.rs", 2), "before")?;
    bo.synced().await?;
    assert_eq!((on_base.place()?.anchor.side, on_base.place()?.state), (Side::Base, PlaceState::Current));

    server.terminate()?;
    let (good, said) = verify(server.data(), &[])?;
    assert!(good, "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_and_viewed_is_on_the_other_device() -> Result<()> {
    let server = Server::start()?;
    assert_eq!(post(&format!("{}/api/reviews?key=pr", server.url()), FIRST.as_bytes())?.0, 201);
    let (proxy, folder) = (Proxy::start(server.url()).await?, tempfile::tempdir()?);
    let (_b, bo) = join(server.url(), "bo", None).await?;
    let thread = bo.comment(bo.head("a.rs", 2), "read me")?.id();
    bo.synced().await?;
    let (l, laptop) = join(&proxy.url(), "ann", Some(folder.path())).await?;
    let (_p, phone) = join(server.url(), "ann", None).await?;
    assert_eq!(laptop.unread(), [thread].into());
    // Without a connection, and over a restart of the laptop.
    proxy.down();
    until("to notice", || (!l.connection().is_connected()).then_some(())).await;
    laptop.mark_read(thread)?;
    laptop.set_viewed("a.rs", true)?;
    laptop.set_viewed("b.rs", true)?;
    assert!(laptop.unread().is_empty() && phone.viewed().is_empty());
    until("it is saved", || laptop.is_saved().then_some(())).await;
    drop(laptop);
    l.close();
    l.closed().await?;
    proxy.up();
    let (_l, laptop) = join(&proxy.url(), "ann", Some(folder.path())).await?;
    assert!(laptop.unread().is_empty() && laptop.viewed().len() == 2);
    until("the phone has it", || (phone.unread().is_empty() && phone.viewed().len() == 2).then_some(()))
        .await;
    assert!(bo.viewed().is_empty(), "it is nobody else's business");

    // A patch set that leaves one of the files alone.
    assert_eq!(post(&format!("{}/api/reviews/pr/patchsets", server.url()), second().as_bytes())?.0, 201);
    for review in [&laptop, &phone] {
        until("the file that changed is not viewed", || {
            (review.viewed() == ["b.rs".to_owned()].into()).then_some(())
        })
        .await;
        assert!(review.unread().is_empty());
    }
    phone.set_viewed("a.rs", true)?;
    until("viewed anew", || (laptop.viewed().len() == 2).then_some(())).await;
    Ok(())
}
