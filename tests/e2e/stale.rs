//! Decisions on code that has moved on: they say so, and what has changed since.

use anyhow::{Context, Result, ensure};
use interline::{ChangedFile, Client, CodeError, Status};
use interline_tests::http::{get, post};
use interline_tests::server::Server;
use interline_tests::until;
use serde_json::json;

const FIRST: &str = "--- a/a.rs\n+++ b/a.rs\n@@ -1,4 +1,5 @@\n one\n-two\n+zwei\n+drei\n four\n five\n--- a/b.rs\n+++ b/b.rs\n@@ -1 +1 @@\n-b\n+c\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_on_older_code_says_what_has_changed_since() -> Result<()> {
    let mut server = Server::start()?;
    let url = server.url().to_owned();
    let at = |path: &str| format!("{url}/api/reviews{path}");
    assert_eq!(post(&at("?key=pr"), FIRST.as_bytes())?.0, 201);
    let join = async |name: &str| -> Result<_> {
        let client = Client::builder(&url).user(name, name).debounce_ms(5).connect().await?;
        let review = client.open("pr").await?;
        Ok((client, review))
    };
    let ((_a, ann), (_b, bo)) = (join("ann").await?, join("bo").await?);
    ann.decide(Status::Approved, Some("fine"))?;
    ann.change_tags(["ui"], [])?;
    ann.comment(ann.head("a.rs", 3), "tagged")?.change_tags(["later"], [])?;
    ann.synced().await?;
    let fresh = get(&at("/pr"))?.1;
    assert_eq!(fresh["decisions"][0]["stale"], false);
    assert_eq!(get(&at("/pr/log?after=1"))?.1["events"][0].get("stale"), None);

    // One line goes, one comes; the other file stays as it is.
    let second =
        FIRST.replace("+drei\n", "").replace("@@ -1,4 +1,5 @@\n one", "@@ -1,4 +1,5 @@\n+zero\n one");
    assert_eq!(post(&at("/pr/patchsets"), second.as_bytes())?.0, 201);
    until("bo has the new code", || (bo.patch_set() == 2).then_some(())).await;
    bo.decide(Status::ChangesRequested, None)?;
    bo.synced().await?;

    let shown = get(&at("/pr"))?.1;
    let decisions = shown["decisions"].as_array().context("decisions")?;
    let of = |at: usize| (&decisions[at]["author"]["id"], &decisions[at]["value"], &decisions[at]["stale"]);
    assert_eq!(of(0), (&json!("ann"), &json!("approved"), &json!(true)));
    assert_eq!(of(1), (&json!("bo"), &json!("changes_requested"), &json!(false)));
    assert_eq!((&decisions[0]["note"], &decisions[0]["patch_set"]), (&json!("fine"), &json!(1)));
    assert_eq!((&shown["tags"], &shown["comments"][0]["tags"]), (&json!(["ui"]), &json!(["later"])));
    assert_eq!(shown["conflicts"], json!([]), "bo had seen ann's");

    let files = json!([{"file": "a.rs", "added": 1, "removed": 1}]);
    let log = get(&at("/pr/log"))?.1;
    let events = log["events"].as_array().context("events")?;
    let stale: Vec<_> =
        events.iter().filter_map(|event| event.get("stale").map(|stale| (event, stale))).collect();
    let [(event, stale)] = &stale[..] else { anyhow::bail!("one is stale: {log}") };
    assert_eq!((&event["by"], *stale), (&json!("ann"), &json!({"patch_set": 2, "files": files})));
    assert_eq!(get(&at("/pr/patchsets/1/since"))?.1, json!({"from": 1, "to": 2, "files": files}));
    assert_eq!(get(&at("/pr/patchsets/2/since"))?.1["files"], json!([]));
    for none in ["0", "3", "x"] {
        assert_eq!(get(&at(&format!("/pr/patchsets/{none}/since")))?.0, 404, "{none}");
    }

    // The same in the SDK.
    let anns = bo.decisions().into_values().find(|decision| bo.is_stale(decision)).context("a stale one")?;
    let since = bo.changed_since(anns.patch_set).await?;
    assert_eq!(since, [ChangedFile { file: "a.rs".into(), added: 1, removed: 1 }]);
    let (old, new) = (bo.diff(1).await?, bo.diff(2).await?);
    assert_eq!(
        (old.line("a.rs", interline::Side::Head, 3), new.line("a.rs", interline::Side::Head, 1)),
        (Some("drei"), Some("zero"))
    );
    let none = bo.diff(3).await;
    ensure!(matches!(&none, Err(CodeError::Server(problem)) if problem.code == "not_found"), "{none:?}");
    server.kill()?;
    let gone = bo.diff(1).await;
    ensure!(matches!(gone, Err(CodeError::Unreachable(_))), "{gone:?}");
    Ok(())
}
