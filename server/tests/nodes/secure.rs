//! A Redis behind TLS, in a server process that trusts its certificate or does not.

use std::path::Path;

use interline_services::{BreakableProxy, Redis};

use crate::process::Process;
use crate::set_up::until;
use crate::support::Running;

/// A server process that trusts the certificates in a file and no others.
fn start(redis_url: &str, trusted: &Path) -> (Process, Running) {
    let trusted = trusted.to_str().unwrap();
    let (process, server, _) = Process::start(redis_url, &[("SSL_CERT_FILE", trusted), ("SSL_CERT_DIR", "")]);
    (process, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_behind_tls() {
    let Some(redis) = Redis::start().unwrap() else { return };
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key, other] = ["ours.pem", "key.pem", "other.pem"].map(|name| folder.path().join(name));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let another = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&other, another.cert.pem()).unwrap();
    let mut connection =
        redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let mut set = redis::cmd("CONFIG");
    set.arg("SET").arg("tls-cert-file").arg(certificate.to_str()).arg("tls-key-file").arg(key.to_str());
    set.arg("tls-ca-cert-file").arg(certificate.to_str()).arg("tls-auth-clients").arg("no");
    // A port that was free a moment ago, that of a proxy that is gone; somebody else may be faster.
    let mut tries = 0;
    let port = loop {
        let port = BreakableProxy::start(redis.port()).unwrap().port();
        match set.clone().arg("tls-port").arg(port).exec_async(&mut connection).await {
            Ok(()) => break port,
            Err(error) => assert!(tries < 20, "{error}"),
        }
        tries += 1;
    };

    let url = format!("rediss://localhost:{port}");
    let (_process, server) = start(&url, &certificate);
    until("it is connected", async || server.get("/readyz").await.json()["status"] == "ready").await;
    assert!(server.metric("interline_redis_connections_total").await >= 1.0);
    // Another's certificate will not do.
    let (_process, server) = start(&url, &other);
    let ready = server.get("/readyz").await.json();
    assert_eq!(ready["status"], "degraded");
    assert_eq!(server.metric("interline_redis_connections_total").await, 0.0);
}
