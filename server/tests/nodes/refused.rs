//! A Redis that answers, and refuses: what it refuses is said, once, and it is not asked all the time.

use std::time::{Duration, Instant};

use interline_services::Redis;

use crate::process::Process;
use crate::set_up::{SOON, connection, tell, until};
use crate::support::{Client, Running, comment, entry};

/// What the manual says that a node's user needs.
const ENOUGH: &str = "on >word resetkeys resetchannels ~interline:* &interline:* \
                      nocommands +@read +@write +@pubsub +@connection +multi +exec -@dangerous";
/// For how long it is watched how often a node asks.
const WATCHED: Duration = Duration::from_secs(6);
/// How soon a node is well after it is allowed what it needs: it asks every 5 s at least, and 3 s later presence is told.
const HEALED: Duration = Duration::from_secs(10);

/// Something that a node needs and does not get.
struct Case {
    user: &'static str,
    /// Behind what would be enough.
    rules: &'static str,
    /// What the node has for its user and password.
    credentials: &'static str,
    /// What it has to say.
    said: &'static [&'static str],
    /// Whether it stays connected, and does what it may.
    connected: bool,
}

const CASES: [Case; 8] = [
    Case {
        user: "mute",
        rules: "-publish",
        credentials: "mute:word@",
        said: &["PUBLISH", "NOPERM"],
        connected: false,
    },
    Case {
        user: "deaf",
        rules: "-subscribe",
        credentials: "deaf:word@",
        said: &["SUBSCRIBE", "NOPERM"],
        connected: false,
    },
    Case {
        user: "lost",
        rules: "resetchannels &other:*",
        credentials: "lost:word@",
        said: &["PUBLISH", "NOPERM"],
        connected: false,
    },
    Case {
        user: "blind",
        rules: "-zadd",
        credentials: "blind:word@",
        said: &["zadd", "NOPERM"],
        connected: true,
    },
    Case {
        user: "unlisted",
        rules: "-zrange",
        credentials: "unlisted:word@",
        said: &["zrange", "NOPERM"],
        connected: true,
    },
    Case {
        user: "unread",
        rules: "-get",
        credentials: "unread:word@",
        said: &["get", "NOPERM"],
        connected: true,
    },
    Case {
        user: "wrong",
        rules: "resetpass >other",
        credentials: "wrong:word@",
        said: &["--redis-url", "WRONGPASS"],
        connected: false,
    },
    Case {
        user: "default",
        rules: ">other",
        credentials: "",
        said: &["--redis-url", "NOAUTH"],
        connected: false,
    },
];

/// Tells a Redis what a user may.
async fn allow(admin: &str, user: &str, rules: &str) {
    let words = format!("ACL SETUSER {user} {rules}");
    tell(admin, &words.split_whitespace().collect::<Vec<_>>()).await;
}

/// What a node has warned of: that it cannot be connected, or else that presence is local.
fn warnings(process: &Process, case: &Case) -> Vec<String> {
    let of = if case.connected { "presence::board" } else { "interline_server::link" };
    process.warnings().into_iter().filter(|line| line.contains(of)).collect()
}

async fn connections(admin: &str) -> u64 {
    let mut connection = connection(admin).await;
    let info: String = redis::cmd("INFO").arg("stats").query_async(&mut connection).await.unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
    line.unwrap().trim().parse().unwrap()
}

async fn status(server: &Running) -> (String, String) {
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 200, "edits are as safe as ever: {}", ready.body);
    let word = |name: &str| ready.json()[name].as_str().unwrap_or_default().to_owned();
    (word("status"), word("reason"))
}

async fn edits(server: &Running, client: u64) {
    let review = server.review(&format!("pr-{client}")).await;
    let mut ann: Client = server.client(client).await;
    ann.open(&format!("pr-{client}"), None).await;
    let began = Instant::now();
    ann.submit(&review, &comment(1, 1, 5, "said")).await;
    assert_eq!(entry(&ann.next().await).0, 2);
    assert!(began.elapsed() < SOON, "an edit waited for Redis: {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_refuses_is_said_and_not_asked_for_all_the_time() {
    let Some(redis) = Redis::start().unwrap() else { return };
    allow(&redis.url(), "admin", "on >word ~* &* +@all").await;
    let admin = redis.url().replace("//", "//admin:word@");
    for Case { user, rules, .. } in CASES {
        allow(&admin, user, &format!("{ENOUGH} {rules}")).await;
    }
    let start =
        |case: &Case| Process::start(&redis.url().replace("//", &format!("//{}", case.credentials)), &[]);
    let nodes: Vec<_> = CASES.iter().map(|case| (case, start(case))).collect();
    for (case, (_, server, banner)) in &nodes {
        let (user, expected) = (case.user, case.said);
        let fits = |said: &str| expected.iter().all(|word| said.contains(word));
        until(user, async || fits(&status(server).await.1)).await;
        let (status, reason) = status(server).await;
        println!("{user}: {reason}");
        assert_eq!((status.as_str(), reason.lines().count()), ("degraded", 1));
        assert!(!reason.contains("word)") && !reason.contains(":word"), "{reason}");
        assert_eq!(server.metric("interline_redis_up").await, f64::from(u8::from(case.connected)), "{user}");
        assert!(case.connected || banner.lines().any(fits), "{user}: {banner}");
        edits(server, 1).await;
    }
    let (began, before) = (Instant::now(), connections(&admin).await);
    tokio::time::sleep(WATCHED).await;
    // One of them is this test's own.
    let asked = connections(&admin).await - before - 1;
    println!("{} nodes connected {asked} times in {:?}", nodes.len(), began.elapsed());
    assert!(asked <= 15, "{asked}");
    for (case, (process, ..)) in &nodes {
        let warnings = warnings(process, case);
        assert_eq!(warnings.len(), 1, "{}: {warnings:#?}", case.user);
        assert!(case.said.iter().all(|word| warnings[0].contains(word)), "{warnings:?}");
    }
    for Case { user, .. } in CASES {
        let open = if user == "default" { "nopass" } else { "" };
        allow(&admin, user, &format!("{ENOUGH} {open}")).await;
    }
    let began = Instant::now();
    for (case, (process, server, _)) in &nodes {
        until(case.user, async || status(server).await == ("ready".to_owned(), String::new())).await;
        assert_eq!(server.metric("interline_redis_up").await, 1.0);
        assert_eq!(warnings(process, case).len(), 1, "{}", case.user);
    }
    println!("all are well {:?} after they were allowed what they need", began.elapsed());
    assert!(began.elapsed() < HEALED, "{:?}", began.elapsed());
    // Of a session that there is not it can be told why nobody knows.
    allow(&admin, "unread", "-get").await;
    let unread =
        nodes.iter().find(|(case, _)| case.user == "unread").map(|(_, (_, server, _))| server).unwrap();
    until("it is noticed", async || status(unread).await.1.contains("'get'")).await;
    let closed = unread.ask("DELETE", &format!("/api/sessions/{}", uuid::Uuid::now_v7()), &[], b"").await;
    let said = closed.json();
    assert_eq!((closed.status, said["code"].as_str()), (503, Some("sessions_not_known")), "{said}");
    let message = said["message"].as_str().unwrap();
    assert!(message.contains("NOPERM") && message.contains("'get'"), "{message}");
    // Whoever may no longer begin to listen still hears what they listen to.
    let deaf = nodes.iter().find(|(case, _)| case.user == "deaf").map(|(_, (_, server, _))| server).unwrap();
    allow(&admin, "deaf", "-subscribe").await;
    until("it is noticed", async || status(deaf).await.1.contains("SUBSCRIBE")).await;
    // What was allowed is taken away while it is connected.
    let (case, (process, server, _)) = &nodes[0];
    allow(&admin, "mute", "-publish").await;
    until("it is noticed", async || status(server).await.1.contains("PUBLISH")).await;
    edits(server, 2).await;
    // That the connection is gone, and why there is none.
    until("it is said", async || warnings(process, case).len() >= 3).await;
    assert_eq!(warnings(process, case).len(), 3, "{:#?}", process.warnings());
}

/// It is said in Redis's own words, and a database that is not there is not asked for all the time.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_there_is_not_and_no_room_for_connections() {
    let Some(redis) = Redis::start().unwrap() else { return };
    let (_other, there, _) = Process::start(&format!("{}/3", redis.url()), &[]);
    until("a database that is there is used", async || status(&there).await.0 == "ready").await;
    let mut ours = connection(&redis.url()).await;
    let clients: String = redis::cmd("CLIENT").arg("LIST").query_async(&mut ours).await.unwrap();
    assert!(clients.lines().any(|client| client.contains(" db=3 ")), "{clients}");

    let (_nowhere, nowhere, banner) = Process::start(&format!("{}/99", redis.url()), &[]);
    let said = |status: &str, reason: &str, words: &str| {
        status == "degraded" && reason.contains(words) && reason.lines().count() == 1
    };
    let is = async |server: &Running, words: &str| {
        let (status, reason) = status(server).await;
        said(&status, &reason, words)
    };
    until("it is said", async || is(&nowhere, "DB index is out of range").await).await;
    assert!(banner.contains("DB index is out of range"), "{banner}");
    edits(&nowhere, 1).await;
    // The pauses grow.
    until("it has been asked for a while", async || asked(&mut ours.clone(), "SELECT").await > 4).await;
    let before = connections(&redis.url()).await;
    tokio::time::sleep(WATCHED).await;
    let asked = connections(&redis.url()).await - before - 1;
    assert!(asked <= 4, "{asked}");

    let mut limit = async |count: &str| {
        redis::cmd("CONFIG").arg(&["SET", "maxclients", count]).exec_async(&mut ours).await.unwrap();
    };
    limit("1").await;
    let (_waiting, waiting, _) = Process::start(&redis.url(), &[]);
    until("it is said", async || is(&waiting, "max number of clients reached").await).await;
    edits(&waiting, 1).await;
    limit("1000").await;
    until("it is well", async || status(&waiting).await == ("ready".to_owned(), String::new())).await;
}

/// How often a command was refused or failed.
async fn asked(connection: &mut redis::aio::MultiplexedConnection, command: &str) -> u64 {
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(connection).await.unwrap();
    let start = format!("cmdstat_{}:calls=", command.to_lowercase());
    let calls = info.lines().find_map(|line| line.strip_prefix(&start)?.split(',').next()?.parse().ok());
    calls.unwrap_or_default()
}
