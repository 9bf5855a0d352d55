//! A server to ask, and two small clients to ask it with.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use futures_util::{SinkExt, StreamExt};
use interline_server::store::SqliteStore;
use interline_server::{Config, Server, Timing};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::faulty::Faulty;

pub(super) const DIFF: &str = "--- a/file.txt\n+++ b/file.txt\n@@ -1,2 +1,2 @@\n same\n-old\n+new\n";
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A server, and the directory that it keeps its data in.
pub(super) struct Running {
    server: Option<Server>,
    pub(super) address: SocketAddr,
    pub(super) directory: tempfile::TempDir,
}

pub(super) fn config(directory: &Path) -> Config {
    let mut config = Config::parse_from(["interline-server", "--listen", "127.0.0.1:0"]);
    config.data_dir = directory.to_owned();
    config.redis_url = None;
    config.database_url = None;
    config
}

pub(super) fn timing() -> Timing {
    Timing { hello: Duration::from_millis(500), room_idle: Duration::from_millis(300), ..Timing::default() }
}

impl Running {
    pub(super) async fn start() -> Running {
        Running::start_in(tempfile::tempdir().unwrap()).await
    }

    pub(super) async fn start_in(directory: tempfile::TempDir) -> Running {
        let server = Server::start(config(directory.path()), timing()).await.unwrap();
        Running { address: server.address(), server: Some(server), directory }
    }

    /// A server over a store that fails on demand.
    pub(super) async fn faulty() -> (Running, Arc<Faulty>) {
        Running::faulty_with(timing()).await
    }

    pub(super) async fn faulty_with(timing: Timing) -> (Running, Arc<Faulty>) {
        let directory = tempfile::tempdir().unwrap();
        let store = Faulty::new(Arc::new(SqliteStore::open(directory.path()).await.unwrap()), &[]);
        let server = Server::start_over(store.clone(), config(directory.path()), timing).await.unwrap();
        (Running { address: server.address(), server: Some(server), directory }, store)
    }

    /// A server in a process of its own, over data in a directory.
    pub(super) fn elsewhere(address: SocketAddr, directory: tempfile::TempDir) -> Running {
        Running { server: None, address, directory }
    }

    /// A server as an operator wants it.
    pub(super) async fn with(config: Config, directory: tempfile::TempDir) -> Running {
        let server = Server::start(config, timing()).await.unwrap();
        Running { address: server.address(), server: Some(server), directory }
    }

    /// One of several servers over one store, which outlives each of them.
    #[allow(dead_code, reason = "for the tests of several nodes")]
    pub(super) async fn node(store: Arc<Faulty>, config: Config, directory: tempfile::TempDir) -> Running {
        let server = Server::start_over(store, config, timing()).await.unwrap();
        Running { address: server.address(), server: Some(server), directory }
    }

    /// Stops, and gives back the data.
    pub(super) async fn stop(mut self) -> tempfile::TempDir {
        self.server.take().unwrap().stop().await;
        self.directory
    }

    /// Waits until no review is loaded.
    pub(super) async fn vacated(&self) {
        let unloaded = async {
            while self.get("/healthz").await.json()["rooms"] != 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, unloaded).await.expect("rooms that nobody wants go");
    }

    pub(super) fn banner(&self) -> String {
        self.server.as_ref().unwrap().banner()
    }

    pub(super) async fn get(&self, path: &str) -> Response {
        self.ask("GET", path, &[], b"").await
    }

    /// What it has counted under a name, labels included.
    pub(super) async fn metric(&self, name: &str) -> f64 {
        let shown = self.get("/metrics").await.body;
        let value = shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{name} in {shown}")).trim().parse().unwrap()
    }

    pub(super) async fn post(&self, path: &str, body: &[u8]) -> Response {
        self.ask("POST", path, &[], body).await
    }

    /// One request over a connection of its own.
    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head += &format!("Host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut bytes = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
        Response::parse(&bytes)
    }

    /// A review with a diff of one file; its id.
    pub(super) async fn review(&self, key: &str) -> String {
        let response = self.post(&format!("/api/reviews?title=A%20review&key={key}"), DIFF.as_bytes()).await;
        assert_eq!(response.status, 201, "{}", response.body);
        response.json()["id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn connect(&self) -> Client {
        let (socket, _) = connect_async(format!("ws://{}/api/socket", self.address)).await.unwrap();
        Client { socket, number: 0 }
    }

    /// A client that has said hello.
    pub(super) async fn client(&self, number: u64) -> Client {
        let mut client = self.connect().await;
        client.number = number;
        client.send(hello(number)).await;
        let welcome = client.next().await;
        assert_eq!(welcome["welcome"]["protocol"], 2, "{welcome}");
        client
    }
}

pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: String,
    pub(super) body: String,
}

impl Response {
    fn parse(bytes: &[u8]) -> Response {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").expect("a whole response");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Response { status, headers: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    pub(super) fn json(&self) -> Value {
        // A chunked body is one line of hex before and after.
        let body = match self.headers.contains("transfer-encoding: chunked") {
            true => self.body.split("\r\n").nth(1).unwrap(),
            false => &self.body,
        };
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| *found == name).map(|(_, value)| value)
    }
}

/// One end of a socket.
pub(super) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Which client it has said to be.
    number: u64,
}

impl Client {
    /// The id that it has said hello with.
    #[allow(dead_code, reason = "for the tests of several nodes")]
    pub(super) fn id(&self) -> String {
        id(self.number)
    }

    pub(super) async fn send(&mut self, frame: Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub(super) async fn send_text(&mut self, text: &str) {
        self.message(Message::text(text)).await;
    }

    pub(super) async fn message(&mut self, message: Message) {
        // A server that has closed meanwhile says so to whoever reads.
        let _ = self.socket.send(message).await;
    }

    /// Sends bytes as they are, WebSocket frames or not.
    pub(super) async fn raw(&mut self, bytes: &[u8]) {
        let MaybeTlsStream::Plain(stream) = self.socket.get_mut() else { panic!("no TLS here") };
        stream.write_all(bytes).await.unwrap();
    }

    /// The next frame that is not about presence.
    pub(super) async fn next(&mut self) -> Value {
        loop {
            let frame = self.any().await;
            if frame.get("presence").is_none() && frame.get("gone").is_none() {
                return frame;
            }
        }
    }

    /// The next frame about presence.
    pub(super) async fn presence(&mut self) -> Value {
        loop {
            let frame = self.any().await;
            if frame.get("presence").is_some() || frame.get("gone").is_some() {
                return frame;
            }
        }
    }

    async fn any(&mut self) -> Value {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.expect("a frame in time");
            match message.expect("an open connection").unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("a frame, not {other:?}"),
            }
        }
    }

    /// Reads on until the server closes; its code.
    pub(super) async fn closed(&mut self) -> u16 {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("an end in time") {
                Some(Ok(Message::Close(Some(frame)))) => return u16::from(frame.code),
                Some(Ok(_)) => {}
                other => panic!("a close frame, not {other:?}"),
            }
        }
    }

    pub(super) async fn close(&mut self) -> u16 {
        let frame = tokio_tungstenite::tungstenite::protocol::CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        self.socket.close(Some(frame)).await.unwrap();
        self.closed().await
    }

    /// Opens a review by everything that can be said; whatever comes of it.
    pub(super) async fn ask_to_open(&mut self, open: Value) -> Value {
        self.send(json!({ "open": open })).await;
        self.next().await
    }

    /// Opens a review; the `opened` frame.
    pub(super) async fn open(&mut self, name: &str, have: Option<Value>) -> Value {
        let mut open = json!({ "review": name });
        if let Some(have) = have {
            open["have"] = have;
        }
        self.send(json!({ "open": open })).await;
        let frame = self.next().await;
        assert!(frame.get("opened").is_some(), "{frame}");
        frame["opened"].clone()
    }

    pub(super) async fn submit(&mut self, review: &str, batch: &Value) {
        self.send(json!({ "submit": { "review": review, "batch": batch } })).await;
    }
}

pub(super) fn hello(number: u64) -> Value {
    json!({ "hello": {
        "protocol": 2,
        "client": id(number),
        "user": { "id": format!("user-{number}"), "display_name": format!("User {number}") },
        "now": 0,
    } })
}

pub(super) fn id(number: u64) -> String {
    uuid::Uuid::from_u128(u128::from(number) + 1).to_string()
}

/// A batch with one new comment.
pub(super) fn comment(seq: u64, base: u64, comment: u64, text: &str) -> Value {
    let anchor = json!({ "patch_set": 1, "file": "file.txt", "side": "head", "line": 2 });
    let change = json!({ "comment_added": {
        "comment": id(comment), "place": { "line": anchor }, "text": text, "at": { "ms": 1 } } });
    json!({ "seq": seq, "base": base, "changes": [change] })
}

/// A batch that puts a text at the start of a comment.
pub(super) fn edit(seq: u64, base: u64, comment: u64, insert: &str, length: usize) -> Value {
    let op = if length == 0 { json!([insert]) } else { json!([insert, length]) };
    json!({ "seq": seq, "base": base, "changes": [{ "text_edited": { "comment": id(comment), "op": op } }] })
}

/// The version and the seq of an `entry` frame.
pub(super) fn entry(frame: &Value) -> (u64, u64) {
    let entry = &frame["entry"]["entry"];
    (entry["version"].as_u64().unwrap_or_else(|| panic!("an entry: {frame}")), entry["seq"].as_u64().unwrap())
}

/// Where the log ends with an `entry` frame.
pub(super) fn head(frame: &Value) -> Value {
    json!({ "version": entry(frame).0, "hash": frame["entry"]["hash"] })
}

/// The code of the next frame, an `error`.
pub(super) async fn error(client: &mut Client) -> String {
    let frame = client.next().await;
    frame["error"]["code"].as_str().unwrap_or_else(|| panic!("an error: {frame}")).to_owned()
}
