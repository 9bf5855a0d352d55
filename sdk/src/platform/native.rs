//! Tokio and tokio-tungstenite.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, Stream, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::connection::DisconnectReason;

use super::{ConnectError, Incoming, MAX_MESSAGE_BYTES, MAX_QUEUED_BYTES, SendError, Signal};

/// How many frames may wait to be written.
const QUEUE: usize = 1_024;
/// How long one frame may take to be written: longer, and the other end is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long saying goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// `Send` where there are threads, nothing in a browser.
pub trait MaybeSend: Send {}
impl<T: Send + ?Sized> MaybeSend for T {}

/// `Sync` where there are threads, nothing in a browser.
pub trait MaybeSync: Sync {}
impl<T: Sync + ?Sized> MaybeSync for T {}

/// A future that a task can own.
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A stream that a task can own.
pub(crate) type BoxStream<T> = Pin<Box<dyn Stream<Item = T> + Send>>;

/// A function that any thread may call.
pub(crate) type Callback<T> = dyn Fn(&T) + Send + Sync;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Runs a task on the current tokio runtime.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

/// Waits.
pub(crate) async fn sleep(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// Whether the machine says that it has no network.
pub(crate) fn offline() -> bool {
    false
}

/// Stops telling when dropped.
pub(crate) struct Watch;

/// Tells of changes of the machine; natively there are none to hear of.
pub(crate) fn watch(_tell: impl Fn(Signal) + 'static) -> Watch {
    Watch
}

/// Connects to `ws://…`. There is no TLS in here: a native program that needs it goes through a proxy.
pub(crate) async fn connect(url: &str) -> Result<(Sender, Receiver), ConnectError> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    if url.starts_with("wss:") {
        let message = "this build speaks no TLS: it can connect to http:// and ws:// only".into();
        return Err(ConnectError { reason: DisconnectReason::Refused, message });
    }
    let (socket, _) = connect_async_with_config(url, Some(config), true)
        .await
        .map_err(|error| ConnectError { reason: reason(&error), message: error.to_string() })?;
    let (sink, stream) = socket.split();
    let (queue, frames) = mpsc::channel(QUEUE);
    let waiting = Arc::new(AtomicUsize::new(0));
    tokio::spawn(write(sink, frames, Arc::clone(&waiting)));
    Ok((Sender { queue, waiting }, Receiver { stream }))
}

/// What an address has: a status and a body. Why nothing answers is for people.
pub(crate) async fn fetch(url: String) -> Result<(u16, String), String> {
    let get = move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response = agent.get(&url).call().map_err(|error| error.to_string())?;
        let limit = MAX_MESSAGE_BYTES as u64;
        let body = response.body_mut().with_config().limit(limit).read_to_string();
        Ok((response.status().as_u16(), body.map_err(|error| error.to_string())?))
    };
    tokio::task::spawn_blocking(get).await.map_err(|error| error.to_string())?
}

fn reason(error: &Error) -> DisconnectReason {
    use io::ErrorKind::{NetworkDown, NetworkUnreachable};
    match error {
        Error::Io(error) if matches!(error.kind(), NetworkUnreachable | NetworkDown) => {
            DisconnectReason::Offline
        }
        Error::Http(response) if matches!(response.status().as_u16(), 401 | 403) => {
            DisconnectReason::Unauthorized
        }
        _ => DisconnectReason::ServerUnavailable,
    }
}

/// Writes what is queued until the queue is closed, then says goodbye.
async fn write(
    mut sink: SplitSink<Socket, Message>,
    mut frames: mpsc::Receiver<String>,
    waiting: Arc<AtomicUsize>,
) {
    while let Some(text) = frames.recv().await {
        let bytes = text.len();
        let written = tokio::time::timeout(WRITE_TIMEOUT, sink.send(Message::text(text))).await;
        waiting.fetch_sub(bytes, Ordering::Relaxed);
        if !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
    // Whether the other end hears it makes no difference any more.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, sink.close()).await;
}

/// The way to the server. Closes the connection when dropped.
pub(crate) struct Sender {
    queue: mpsc::Sender<String>,
    waiting: Arc<AtomicUsize>,
}

impl Sender {
    /// Queues a frame.
    pub(crate) fn send(&self, text: String) -> Result<(), SendError> {
        let bytes = text.len();
        if self.queued() + bytes > MAX_QUEUED_BYTES {
            return Err(SendError);
        }
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
        self.queue.try_send(text).map_err(|_| SendError)
    }

    /// How much waits to be written, in bytes.
    pub(crate) fn queued(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// The way from the server.
pub(crate) struct Receiver {
    stream: SplitStream<Socket>,
}

impl Receiver {
    /// The next frame. May be dropped half way without losing one.
    pub(crate) async fn next(&mut self) -> Incoming {
        loop {
            return match self.stream.next().await {
                Some(Ok(Message::Text(text))) => Incoming::Text(text.as_str().to_owned()),
                Some(Ok(Message::Binary(_))) => Incoming::lost("the server sent a binary frame"),
                Some(Ok(Message::Close(frame))) => Incoming::Closed {
                    code: frame.as_ref().map(|frame| frame.code.into()),
                    reason: match frame {
                        Some(frame) if !frame.reason.is_empty() => frame.reason.as_str().to_owned(),
                        _ => "the server closed the connection".into(),
                    },
                },
                Some(Ok(_)) => continue,
                Some(Err(error)) => Incoming::lost(error.to_string()),
                None => Incoming::lost("the connection was lost"),
            };
        }
    }
}
