//! Somebody whose clock is an hour fast or slow meets others: once while both are connected and act before either has
//! heard of the other, and once having been away meanwhile.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use interline::{Anchor, Client, Comment, FieldValue, Review, Status};
use interline_tests::proxy::Proxy;
use interline_tests::server::Server;
use interline_tests::{DIFF, http, until};

const HOUR: i64 = 3_600_000;
const BASE: &str = "This needs refactoring";
/// How far apart both act, by true time: more than the latency within which a hello cannot tell how wrong a clock is.
const APART: Duration = Duration::from_millis(300);

/// A clock that is off by so many milliseconds.
fn off_by(off: i64) -> impl Fn() -> u64 {
    move || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(now.as_millis()).unwrap_or_default().saturating_add_signed(off)
    }
}

async fn join(url: &str, name: &str, off: i64) -> Result<(Client, Review)> {
    // What they do waits for a flush.
    let builder = Client::builder(url).user(name, name).debounce_ms(600_000).clock(off_by(off));
    let client = builder.connect().await?;
    let review = client.open("pr").await?;
    Ok((client, review))
}

/// Somebody decides, gives a title, and writes a whole new text.
fn act(review: &Review, decision: Status, title: &str, comment: &Comment, text: &str) -> Result<()> {
    review.decide(decision, None)?;
    review.set_title(title)?;
    comment.set_text(text)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_an_hour_fast_or_slow_decides_nothing() -> Result<()> {
    for (off, away) in [(HOUR, false), (-HOUR, false), (HOUR, true), (-HOUR, true)] {
        let server = Server::start()?;
        let url = format!("{}/api/reviews?title=Test&key=pr", server.url());
        assert_eq!(http::post(&url, DIFF.as_bytes())?.0, 201);
        let proxy = Proxy::start(server.url()).await?;
        let (_a, ann) = join(server.url(), "ann", 0).await?;
        let (b, bo) = join(&proxy.url(), "bo", off).await?;
        let anns = ann.comment(Anchor::head("src/lib.rs", 3), BASE)?;
        ann.synced().await?;
        let bos = until("the comment arrives", || bo.get(anns.id()).ok()).await;
        if away {
            proxy.down();
            until("bo is away", || (!b.connection().is_connected()).then_some(())).await;
        }
        // By true time the one acts last whose clock says that they acted first.
        let bo_acts = || act(&bo, Status::ChangesRequested, "Bo's", &bos, "This might need refactoring");
        let ann_acts = || act(&ann, Status::Approved, "Ann's", &anns, "This definitely needs refactoring");
        let began = Instant::now();
        if off > 0 {
            bo_acts()?;
        } else {
            ann_acts()?;
        }
        until("time has passed", || (began.elapsed() > APART).then_some(())).await;
        if off > 0 {
            ann_acts()?;
        } else {
            bo_acts()?;
        }
        ann.synced().await?;
        proxy.up();
        b.reconnect();
        bo.synced().await?;
        until("both have the same", || (ann.version() == bo.version()).then_some(())).await;

        let open = ann.conflicts();
        let fields: Vec<_> = open.iter().map(|open| open.field().to_owned()).collect();
        assert_eq!(fields.len(), 2, "the clock settles neither: {off} away {away} {fields:?}");
        for open in open {
            let (mine, theirs) = (open.mine().context("mine")?, open.theirs().context("theirs")?);
            assert_eq!((mine.user.as_str(), theirs.user.as_str()), ("ann", "bo"));
            let base = (open.field() == "text").then(|| FieldValue::Text(BASE.into()));
            assert_eq!(open.base(), Some(&base.unwrap_or(Status::Pending.into())));
        }
        for review in [&ann, &bo] {
            assert_eq!(review.status(), Status::Approved, "the first to arrive stands");
            let last = if off > 0 { "Ann's" } else { "Bo's" };
            assert_eq!(
                review.title(),
                last,
                "of concurrent titles the later one by true time: {off} away {away}"
            );
        }
    }
    Ok(())
}
