//! PostgreSQL behind TLS, whose certificate is of an authority that the server is told to trust, or is not.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use interline_services::Postgres;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use super::support::{Running, comment, entry};

/// Ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An authority, and its certificate.
fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), certificate)
}

fn command(url: &str, data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interline-server"));
    command
        .args(["--listen", "127.0.0.1:0", "--log", "error", "--database-url", url, "--data-dir"])
        .arg(data);
    command.env_remove("REDIS_URL").env_remove("INTERLINE_DATABASE_URL").stdin(Stdio::null());
    command
}

/// What a server says that does not start; it takes no time to find out.
fn refused(url: &str) -> String {
    let (data, began) = (tempfile::tempdir().unwrap(), Instant::now());
    let output = command(url, data.path()).output().unwrap();
    assert!(began.elapsed() < Duration::from_secs(10), "no patience helps: {:?}", began.elapsed());
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("interline-server: "), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_behind_tls() {
    let Some(postgres) = Postgres::start().unwrap() else { return };
    let database = postgres.database().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (ours, certificate) = authority("ours");
    let (_, others) = authority("another's");
    let [trusted, foreign] = [("ours.pem", &certificate), ("others.pem", &others)].map(|(name, pem)| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path.display().to_string()
    });
    let (key, host) = (KeyPair::generate().unwrap(), vec!["localhost".to_owned()]);
    let leaf = CertificateParams::new(host).unwrap().signed_by(&key, &ours).unwrap();
    postgres.secure(&leaf.pem(), &key.serialize_pem()).unwrap();

    let url = |host: &str, mode: &str, root: &str| {
        let plain = database.url().replace("127.0.0.1", host);
        format!("{plain}?sslmode={mode}&sslrootcert={root}")
    };
    let data = tempfile::tempdir().unwrap();
    let mut command = command(&url("localhost", "verify-full", &trusted), data.path());
    let mut process = Process(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let server = Running::elsewhere(line.trim().rsplit('/').next().unwrap().parse().expect(&line), data);
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    ann.submit(&review, &comment(1, 1, 10, "over TLS")).await;
    assert_eq!(entry(&ann.next().await).0, 2);
    let plain = "SELECT count(*) FILTER (WHERE ssl) > 0 AND count(*) FILTER (WHERE NOT ssl) = 0 \
        FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'interline'";
    assert_eq!(database.sql(plain).unwrap(), "t", "every connection is over TLS");

    // An authority that is not trusted, and a certificate of another host.
    let said = refused(&url("localhost", "verify-full", &foreign));
    assert!(said.contains("certificate") && said.contains(&postgres.port().to_string()), "{said}");
    let said = refused(&url("localhost", "verify-ca", &foreign));
    assert!(said.contains("certificate"), "{said}");
    let said = refused(&url("127.0.0.1", "verify-full", &trusted));
    assert!(said.contains("certificate"), "{said}");
}
