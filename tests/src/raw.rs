//! A client that sends whatever it is told to, frame by frame.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use uuid::Uuid;

use crate::DEADLINE;

/// A bare connection.
pub struct Raw(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What came next.
#[derive(Debug)]
pub enum Next {
    /// A frame.
    Frame(Value),
    /// The server closed, with this code if it gave one.
    Closed(Option<u16>),
}

impl Raw {
    /// Connects without a word.
    pub async fn connect(url: &str) -> Result<Raw> {
        let url = format!("{}/api/socket", url.replace("http://", "ws://"));
        let (socket, _) = tokio_tungstenite::connect_async(url).await?;
        Ok(Raw(socket))
    }

    /// Connects and says hello as a new client of `user`.
    pub async fn hello(url: &str, user: &str) -> Result<Raw> {
        let mut raw = Raw::connect(url).await?;
        raw.send(&hello(Uuid::now_v7(), user)).await?;
        match raw.next().await? {
            Next::Frame(frame) if frame.get("welcome").is_some() => Ok(raw),
            other => bail!("no welcome: {other:?}"),
        }
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: &Value) -> Result<()> {
        self.send_text(frame.to_string()).await
    }

    /// Sends any text.
    pub async fn send_text(&mut self, text: String) -> Result<()> {
        Ok(self.0.send(Message::text(text)).await?)
    }

    /// Sends bytes.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) -> Result<()> {
        Ok(self.0.send(Message::binary(bytes)).await?)
    }

    /// What comes next, within the deadline.
    pub async fn next(&mut self) -> Result<Next> {
        let end = Instant::now() + DEADLINE;
        loop {
            let message = timeout_at(end, self.0.next()).await.context("nothing came in time")?;
            match message {
                Some(Ok(Message::Text(text))) => return Ok(Next::Frame(serde_json::from_str(&text)?)),
                Some(Ok(Message::Close(close))) => return Ok(Next::Closed(close.map(|c| c.code.into()))),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Ok(Next::Closed(None)),
            }
        }
    }

    /// The text of the next frame, as it is; nothing once the connection is closed.
    pub async fn text(&mut self, within: Duration) -> Result<Option<Utf8Bytes>> {
        let end = Instant::now() + within;
        loop {
            match timeout_at(end, self.0.next()).await.context("nothing came in time")? {
                Some(Ok(Message::Text(text))) => return Ok(Some(text)),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(None),
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next frame of a name; others are passed over.
    pub async fn expect(&mut self, name: &str) -> Result<Value> {
        loop {
            match self.next().await? {
                Next::Frame(mut frame) if frame.get(name).is_some() => return Ok(frame[name].take()),
                Next::Frame(_) => {}
                Next::Closed(code) => bail!("closed ({code:?}) while waiting for {name}"),
            }
        }
    }

    /// The code that the connection is closed with; the code of the last `error` frame before it.
    pub async fn closed(&mut self) -> Result<(Option<u16>, Option<String>)> {
        let mut last = None;
        loop {
            match self.next().await? {
                Next::Frame(frame) => last = frame["error"]["code"].as_str().map(str::to_owned).or(last),
                Next::Closed(code) => return Ok((code, last)),
            }
        }
    }
}

/// A `hello` frame.
pub fn hello(client: Uuid, user: &str) -> Value {
    let user = json!({"id": user, "display_name": user});
    json!({"hello": {"protocol": 2, "client": client, "user": user, "now": 0}})
}
