//! Files that cannot grow: the operating system's own limit, on a server in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::{PATIENCE, Running, comment, entry};

/// How large a file may become at first, in bytes.
const LIMIT: u64 = 1 << 20;

/// Ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(directory: tempfile::TempDir) -> (Process, Running) {
    let mut command = Command::new("prlimit");
    command.arg(format!("--fsize={LIMIT}:unlimited")).arg(env!("CARGO_BIN_EXE_interline-server"));
    command.args(["--listen", "127.0.0.1:0", "--data-dir", directory.path().to_str().unwrap()]);
    command
        .env_remove("REDIS_URL")
        .env_remove("INTERLINE_DATABASE_URL")
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut process = Process(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit('/').next().unwrap().parse().expect(&line);
    (process, Running::elsewhere(address, directory))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_grow_refuses_until_it_can() {
    let (process, server) = start(tempfile::tempdir().unwrap());
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    let batch = |seq: u64| comment(seq, 1, 1_000 + seq, &"x".repeat(20_000));
    let mut seq = 1;
    let refused: Value = loop {
        ann.submit(&review, &batch(seq)).await;
        let frame = ann.next().await;
        if let Some(refused) = frame.get("refused") {
            break refused.clone();
        }
        assert_eq!(entry(&frame), (seq + 1, seq));
        seq += 1;
        assert!(seq * 20_000 < 4 * LIMIT, "nothing was refused");
    };
    assert_eq!((&refused["code"], &refused["retryable"]), (&"store_failed".into(), &true.into()));
    // Again and again, while everything is there to be read, and whoever watches is told.
    for _ in 0..3 {
        ann.submit(&review, &batch(seq)).await;
        assert_eq!(ann.next().await["refused"]["code"], "store_failed");
    }
    let ready = server.get("/readyz").await;
    assert!(ready.status == 503 && ready.body.contains("the store is full"), "{}", ready.body);
    let shown = server.get("/api/reviews/pr").await.json();
    assert_eq!(shown["version"], seq);
    // With room again the same batch is taken, and the server goes on.
    let pid = process.0.id().to_string();
    let raised = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status().unwrap();
    assert!(raised.success());
    for seq in seq..seq + 100 {
        ann.submit(&review, &batch(seq)).await;
        assert_eq!(entry(&ann.next().await), (seq + 1, seq));
    }
    assert_eq!(server.get("/readyz").await.status, 200);
    // Nothing is left behind that was not acknowledged, nor is anything missing.
    drop(process);
    let mut said = Vec::new();
    let directory = server.directory.path();
    let summary = interline_server::verify::verify(directory, &[], &mut said).await.unwrap();
    assert_eq!((summary.problems, summary.entries), (0, seq + 100), "{}", String::from_utf8_lossy(&said));
    let began = Instant::now();
    let (_process, server) = start(server.directory);
    assert_eq!(server.get("/api/reviews/pr").await.json()["version"], seq + 100);
    assert!(began.elapsed() < PATIENCE + Duration::from_secs(1));
}
