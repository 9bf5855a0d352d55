//! Two people who do not know of each other: each scene once while both are connected and act before either has heard of
//! the other, and once with one of them away.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use interline::{
    Anchor, Client, Comment, ConflictResolution, DetectedConflict, Event, Events, FieldValue, How, Review,
    Status,
};
use interline_tests::proxy::Proxy;
use interline_tests::server::Server;
use interline_tests::{DEADLINE, DIFF, http, until};
use serde_json::{Value, json};

const BASE: &str = "This needs refactoring";
const ONE: &str = "This definitely needs refactoring";
const OTHER: &str = "This might need refactoring";

#[derive(Clone, Copy, PartialEq, Debug)]
enum Meeting {
    Connected,
    Away,
}

const BOTH: [Meeting; 2] = [Meeting::Connected, Meeting::Away];

/// Ann, and Bo behind a network that can go away. What they do waits for a flush.
struct Pair {
    server: Server,
    proxy: Proxy,
    clients: [Client; 2],
    ann: Review,
    bo: Review,
    told: [Events; 2],
}

async fn join(url: &str, key: &str, name: &str) -> Result<(Client, Review)> {
    let client = Client::builder(url).user(name, name).debounce_ms(600_000).connect().await?;
    let review = client.open(key).await?;
    Ok((client, review))
}

impl Pair {
    async fn at(query: &str) -> Result<Pair> {
        let server = Server::start()?;
        let url = format!("{}/api/reviews?title=Test&key=pair{query}", server.url());
        assert_eq!(http::post(&url, DIFF.as_bytes())?.0, 201);
        let proxy = Proxy::start(server.url()).await?;
        let (a, ann) = join(server.url(), "pair", "ann").await?;
        let (b, bo) = join(&proxy.url(), "pair", "bo").await?;
        let told = [ann.events(), bo.events()];
        Ok(Pair { server, proxy, clients: [a, b], ann, bo, told })
    }

    /// A comment of Ann's that both see, as each of them has it.
    async fn comment(&self) -> Result<(Comment, Comment)> {
        let anns = self.ann.comment(Anchor::head("src/lib.rs", 3), BASE)?;
        self.ann.synced().await?;
        let bos = until("the comment arrives", || self.bo.get(anns.id()).ok()).await;
        Ok((anns, bos))
    }

    /// Both act, and neither has heard of what the other does.
    async fn unaware(
        &self,
        how: Meeting,
        ann: impl FnOnce() -> Result<()>,
        bo: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        if how == Meeting::Away {
            self.proxy.down();
            until("bo is away", || (!self.clients[1].connection().is_connected()).then_some(())).await;
        }
        ann()?;
        bo()?;
        self.ann.synced().await?;
        self.proxy.up();
        self.clients[1].reconnect();
        self.bo.synced().await?;
        self.same().await;
        Ok(())
    }

    async fn same(&self) {
        let versions = || (self.ann.version() == self.bo.version()).then_some(());
        until("both have the same", versions).await;
    }

    /// The one conflict that is open: for both of them, and over HTTP.
    fn open(&self) -> Result<DetectedConflict> {
        let (anns, bos) = (self.ann.conflicts(), self.bo.conflicts());
        assert_eq!((anns.len(), bos.len()), (1, 1), "{anns:?}");
        assert_eq!(anns[0].sides(), bos[0].sides());
        let rest = self.rest("conflicts")?;
        assert_eq!(rest["conflicts"][0]["id"], bos[0].id().to_string());
        bos.into_iter().next().context("a conflict")
    }

    /// The same as Ann sees it.
    fn anns(&self) -> Result<DetectedConflict> {
        self.open()?;
        self.ann.conflicts().into_iter().next().context("a conflict")
    }

    fn rest(&self, what: &str) -> Result<Value> {
        let (status, body) = http::get(&format!("{}/api/reviews/pair/{what}", self.server.url()))?;
        anyhow::ensure!(status == 200, "{status} {body}");
        Ok(body)
    }

    /// Waits until somebody is told something.
    async fn hear<T>(&mut self, who: usize, what: impl Fn(&Event) -> Option<T>) -> Result<T> {
        loop {
            let event = tokio::time::timeout(DEADLINE, self.told[who].next()).await?.context("an event")?;
            if let Some(found) = what(&event) {
                return Ok(found);
            }
        }
    }

    async fn both_hear_of_it(&mut self) -> Result<()> {
        for who in 0..2 {
            self.hear(who, |event| matches!(event, Event::Conflict(_)).then_some(())).await?;
        }
        Ok(())
    }
}

fn text(value: &FieldValue) -> &str {
    match value {
        FieldValue::Text(text) => text,
        FieldValue::Flag(_) => "",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_edit_one_comment_from_the_same_base() -> Result<()> {
    for how in BOTH {
        let mut pair = Pair::at("").await?;
        let (anns, bos) = pair.comment().await?;
        pair.unaware(how, || Ok(anns.set_text(ONE)?), || Ok(bos.set_text(OTHER)?)).await?;
        let conflict = pair.open()?;
        assert_eq!((conflict.field(), conflict.base().map(text)), ("text", Some(BASE)));
        assert_eq!(conflict.mine().map(|side| text(&side.value)), Some(OTHER));
        assert_eq!(conflict.theirs().map(|side| text(&side.value)), Some(ONE));
        assert_eq!(conflict.merged(), Some(bos.text().as_str()), "the merged text stands, {how:?}");
        // Whoever hears of it can settle it there and then.
        pair.hear(0, |event| matches!(event, Event::Conflict(_)).then_some(())).await?;
        let heard = pair.hear(1, |event| match event {
            Event::Conflict(found) => Some(found.clone()),
            _ => None,
        });
        heard.await?.resolve(ConflictResolution::KeepTheirs)?;
        pair.bo.synced().await?;
        until("it is settled for ann", || pair.ann.conflicts().is_empty().then_some(())).await;
        pair.same().await;
        assert_eq!((anns.text(), bos.text()), (ONE.to_owned(), ONE.to_owned()));
        let (by, side) = pair
            .hear(0, |event| match event {
                Event::ConflictSettled(settled) => Some((settled.by.clone(), settled.how.clone())),
                _ => None,
            })
            .await?;
        assert_eq!(by.as_str(), "bo");
        assert!(matches!(side, How::Side(user) if user.as_str() == "ann"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_approves_while_the_other_requests_changes() -> Result<()> {
    for how in BOTH {
        let mut pair = Pair::at("").await?;
        let approve = || Ok(pair.ann.decide(Status::Approved, Some("fine"))?);
        let request = || Ok(pair.bo.decide(Status::ChangesRequested, Some("not yet"))?);
        pair.unaware(how, approve, request).await?;
        let conflict = pair.open()?;
        assert_eq!((conflict.field(), pair.bo.status()), ("status", Status::Approved), "the first stands");
        let decisions = pair.bo.decisions();
        assert_eq!(decisions.len(), 2, "nobody's own decision is touched");
        assert!(decisions.values().all(|decision| decision.patch_set == 1 && decision.note.is_some()));
        pair.both_hear_of_it().await?;
        pair.anns()?.resolve(ConflictResolution::KeepTheirs)?;
        pair.ann.synced().await?;
        until("bo's word counts", || (pair.bo.status() == Status::ChangesRequested).then_some(())).await;
        assert!(pair.bo.conflicts().is_empty());
        // The story that a CI job follows.
        let story = pair.rest("log?after=1")?;
        let facts = story["events"].as_array().context("events")?;
        let named = |name: &str| facts.iter().filter(|event| event["fact"].get(name).is_some()).count();
        assert_eq!((named("decision_set"), named("conflict_raised"), named("conflict_settled")), (2, 1, 1));
        assert_eq!(story["complete"], true);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn three_stale_decisions_are_one_conflict() -> Result<()> {
    for how in BOTH {
        let pair = Pair::at("").await?;
        let (_c, cy) = join(pair.server.url(), "pair", "cy").await?;
        cy.decide(Status::Pending, Some("let me think"))?;
        let approve = || Ok(pair.ann.decide(Status::Approved, None)?);
        let request = || Ok(pair.bo.decide(Status::ChangesRequested, None)?);
        pair.unaware(how, approve, request).await?;
        cy.synced().await?;
        pair.same().await;
        until("all three sides", || {
            let open = pair.bo.conflicts();
            (open.len() == 1 && open[0].sides().len() == 3).then_some(())
        })
        .await;
        assert_eq!(pair.bo.decisions().len(), 3);
        assert_eq!(pair.open()?.theirs().map(|side| side.user.as_str().to_owned()), Some("ann".into()));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_agreed_unseen_and_then_disagrees_overwrites_nobody() -> Result<()> {
    for how in BOTH {
        let mut pair = Pair::at("").await?;
        let (_phone, phone) = join(pair.server.url(), "pair", "bo").await?;
        // Bo agrees with Ann on the phone, and says otherwise at the desk: on neither has he seen what she said.
        phone.decide(Status::Approved, None)?;
        if how == Meeting::Away {
            pair.proxy.down();
            until("bo is away", || (!pair.clients[1].connection().is_connected()).then_some(())).await;
        }
        // By whatever was measured of two clocks, that is later.
        tokio::time::sleep(Duration::from_millis(100)).await;
        pair.bo.decide(Status::ChangesRequested, Some("on reflection"))?;
        pair.ann.decide(Status::Approved, None)?;
        pair.ann.synced().await?;
        phone.synced().await?;
        assert!(phone.conflicts().is_empty(), "they agree");
        pair.unaware(how, || Ok(()), || Ok(())).await?;
        let conflict = pair.open()?;
        let said = |side: &interline::ConflictSide| (side.user.to_string(), text(&side.value).to_owned());
        let sides: Vec<_> = conflict.sides().iter().map(said).collect();
        let both = [("ann", "approved"), ("bo", "changes_requested")];
        assert_eq!(sides, both.map(|(who, what)| (who.to_owned(), what.to_owned())), "{how:?}");
        assert_eq!(pair.ann.status(), Status::Approved, "hers stands");
        pair.both_hear_of_it().await?;
        pair.open()?.resolve(ConflictResolution::KeepMine)?;
        pair.bo.synced().await?;
        until("ann hears of it", || (pair.ann.status() == Status::ChangesRequested).then_some(())).await;
        assert!(pair.ann.conflicts().is_empty());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_comment_on_one_line() -> Result<()> {
    for how in BOTH {
        let mut pair = Pair::at("").await?;
        let line = || Anchor::head("src/lib.rs", 3);
        let first = || pair.ann.comment(line(), "Is this needed?").map(drop).map_err(anyhow::Error::from);
        let second = || pair.bo.comment(line(), "Do we need this?").map(drop).map_err(anyhow::Error::from);
        pair.unaware(how, first, second).await?;
        until("both have both", || {
            let (anns, bos) = (pair.ann.threads(), pair.bo.threads());
            (anns.len() == 2 && anns == bos).then_some(())
        })
        .await;
        assert!(pair.ann.conflicts().is_empty() && pair.bo.conflicts().is_empty(), "{how:?}");
        let ids: Vec<_> = pair.ann.threads().iter().map(|thread| thread.id).collect();
        let shown = pair.server.review("pair")?;
        let shown = [&shown["comments"][0]["id"], &shown["comments"][1]["id"]];
        assert_eq!(shown, [&json!(ids[0]), &json!(ids[1])], "one order everywhere");
        for who in 0..2 {
            let told = pair.hear(who, |event| match event {
                Event::SameLine { comment, other } => Some([*comment, *other]),
                _ => None,
            });
            let told = told.await?;
            assert!(ids.iter().all(|id| told.contains(id)), "it may be the same remark: both are told");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_edits_the_text_while_the_other_edits_tags() -> Result<()> {
    for how in BOTH {
        let pair = Pair::at("").await?;
        let (anns, bos) = pair.comment().await?;
        let edit = || Ok(anns.set_text(ONE)?);
        let tag = || Ok(bos.change_tags(["later", "naming"], [])?);
        pair.unaware(how, edit, tag).await?;
        assert!(pair.bo.conflicts().is_empty() && pair.ann.conflicts().is_empty(), "{how:?}");
        assert_eq!(
            (bos.text(), anns.tags()),
            (ONE.to_owned(), vec!["later".to_owned(), "naming".to_owned()])
        );
        // And tags of both are kept, whatever each of them takes off.
        let more = || Ok(anns.change_tags(["ui"], ["naming"])?);
        let again = || {
            bos.change_tags([], ["naming"])?;
            Ok(bos.change_tags(["naming"], [])?)
        };
        pair.unaware(how, more, again).await?;
        assert_eq!(anns.tags(), ["later", "naming", "ui"]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_edits_what_the_other_removes() -> Result<()> {
    for how in BOTH {
        for restore in [true, false] {
            let mut pair = Pair::at("").await?;
            let (anns, bos) = pair.comment().await?;
            pair.unaware(how, || Ok(anns.remove()?), || Ok(bos.insert(0, "Wait: ")?)).await?;
            let conflict = pair.open()?;
            assert_eq!(conflict.field(), "removed");
            assert!(anns.data()?.removed && bos.data()?.removed);
            pair.both_hear_of_it().await?;
            let how = if restore { ConflictResolution::KeepMine } else { ConflictResolution::KeepTheirs };
            conflict.resolve(how)?;
            pair.bo.synced().await?;
            until("it is settled", || pair.ann.conflicts().is_empty().then_some(())).await;
            assert_eq!(anns.data()?.removed, !restore);
            assert_eq!(anns.text(), format!("Wait: {BASE}"));
            let shown = pair.server.review("pair")?;
            assert_eq!(shown["comments"][0]["removed"], !restore);
            assert!(pair.bo.rejected().is_empty());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_settle_it_and_the_second_hears_who_was_first() -> Result<()> {
    for how in BOTH {
        let mut pair = Pair::at("").await?;
        let (anns, bos) = pair.comment().await?;
        pair.unaware(Meeting::Connected, || Ok(anns.set_text(ONE)?), || Ok(bos.set_text(OTHER)?)).await?;
        let (anns_side, bos_side, bo) = (pair.anns()?, pair.open()?, pair.bo.clone());
        let custom = ConflictResolution::Custom(FieldValue::Text("Both are wrong".into()));
        let mine = || Ok(anns_side.resolve(ConflictResolution::KeepMine)?);
        pair.unaware(how, mine, || Ok(bos_side.resolve(custom)?)).await?;
        assert!(pair.bo.conflicts().is_empty() && pair.ann.conflicts().is_empty());
        assert_eq!((anns.text(), bos.text()), (ONE.to_owned(), ONE.to_owned()), "settled once, {how:?}");
        let first = pair
            .hear(1, |event| match event {
                Event::AlreadySettled(settled) => Some((settled.by.clone(), settled.how.clone())),
                _ => None,
            })
            .await?;
        assert_eq!((first.0.as_str(), matches!(first.1, How::Side(_))), ("ann", true));
        let kept = bo.rejected();
        assert_eq!(kept[0].mine.as_deref(), Some("Both are wrong"), "what was written for it is not lost");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_writer_wins_where_a_review_says_so() -> Result<()> {
    for how in BOTH {
        let pair = Pair::at("&status_policy=lww").await?;
        let approve = || Ok(pair.ann.set_status(Status::Approved)?);
        let request = || Ok(pair.bo.set_status(Status::ChangesRequested)?);
        pair.unaware(how, approve, request).await?;
        assert!(pair.ann.conflicts().is_empty());
        until("one status", || (pair.ann.status() == pair.bo.status()).then_some(())).await;
    }
    let server = Server::start()?;
    let url = format!("{}/api/reviews?status_policy=mine", server.url());
    let (status, body) = http::post(&url, DIFF.as_bytes())?;
    assert_eq!((status, &body["code"]), (400, &json!("bad_query")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicts_outlive_the_server() -> Result<()> {
    let mut pair = Pair::at("").await?;
    let approve = || Ok(pair.ann.decide(Status::Approved, None)?);
    let request = || Ok(pair.bo.decide(Status::ChangesRequested, None)?);
    pair.unaware(Meeting::Connected, approve, request).await?;
    let conflict = pair.anns()?;
    pair.server.kill()?;
    pair.server.restart()?;
    conflict.resolve(ConflictResolution::Custom(Status::Pending.into()))?;
    pair.ann.synced().await?;
    until("it is settled", || pair.bo.conflicts().is_empty().then_some(())).await;
    let (_c, cy) = join(pair.server.url(), "pair", "cy").await?;
    assert!(cy.conflicts().is_empty());
    assert_eq!(pair.rest("conflicts")?["settled"][0]["how"], "value");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_can_be_waited_for() -> Result<()> {
    let pair = Pair::at("").await?;
    let url = format!("{}/api/reviews/pair/log", pair.server.url());
    let waiting = format!("{url}?after=1&wait=30");
    let waiter = tokio::task::spawn_blocking(move || http::get(&waiting));
    pair.ann.decide(Status::Approved, Some("ship it"))?;
    pair.ann.synced().await?;
    let (status, story) = tokio::time::timeout(DEADLINE, waiter).await???;
    assert_eq!(status, 200);
    let decided = &story["events"][0];
    assert_eq!(
        (&decided["by"], &decided["fact"]["decision_set"]["value"]),
        (&json!("ann"), &json!("approved"))
    );
    assert_eq!(decided["fact"]["decision_set"]["seen"], 1);
    assert_eq!(story["to"], 2);
    let quiet = http::get(&format!("{url}?after=2&wait=1"))?;
    assert_eq!((quiet.0, quiet.1["events"].as_array().map(Vec::len)), (200, Some(0)), "the wait is bounded");
    assert_eq!(http::get(&format!("{url}?after=3"))?.1["code"], "unknown_version");
    assert_eq!(http::get(&format!("{url}?wait=61"))?.1["code"], "bad_query");
    Ok(())
}

/// How long it takes from what one of them says until the other hears of the conflict.
#[tokio::test(flavor = "multi_thread")]
async fn both_hear_of_it_with_the_entry_that_raised_it() -> Result<()> {
    let mut pair = Pair::at("").await?;
    let approve = || Ok(pair.ann.decide(Status::Approved, None)?);
    let request = || Ok(pair.bo.decide(Status::ChangesRequested, None)?);
    pair.unaware(Meeting::Connected, approve, request).await?;
    let raised = pair.open()?.id().version;
    for who in 0..2 {
        let at = pair
            .hear(who, |event| match event {
                Event::Conflict(found) => Some(found.id().version),
                _ => None,
            })
            .await?;
        assert_eq!(at, raised, "one way to the server, one way back: no further question is asked");
    }
    Ok(())
}
