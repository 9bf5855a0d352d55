//! What waits to be sent to one client, and the task that sends it.
//!
//! actix-ws blocks whoever sends into a full socket and cannot be asked beforehand. So rooms put frames into a
//! queue without waiting that is bounded in frames and in bytes, and a queue that is full ends the session: the
//! client comes back and catches up. Catching up has a queue of its own, which waits for the socket and gives way
//! to what is live.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use actix_ws::{CloseCode, CloseReason};
use bytestring::ByteString;
use interline_core::wire::{ErrorCode, ErrorFrame, ServerFrame, encode};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::metrics::Metrics;

/// Frames that wait for a client.
pub(crate) const OUTBOX: usize = 512;
/// Bytes that wait for a client, beside the largest frame: that one may be of any size.
const OUTBOX_BYTES: usize = 8 << 20;
/// Frames of a catch-up that wait behind them.
const BULK: usize = 8;
/// How long the socket may take to accept a frame.
const SEND: Duration = Duration::from_secs(10);
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// How a session ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// Everything that waits is sent, then this close code.
    Close(u16),
    /// The client reads too slowly: what waits is dropped.
    TooSlow,
    /// There is nobody to say goodbye to.
    Gone,
}

impl End {
    pub(crate) const NORMAL: End = End::Close(1000);
    pub(crate) const GOING_AWAY: End = End::Close(1001);
    pub(crate) const PROTOCOL: End = End::Close(1002);
    pub(crate) const BINARY: End = End::Close(1003);
    pub(crate) const NOT_TEXT: End = End::Close(1007);
    pub(crate) const POLICY: End = End::Close(1008);
    pub(crate) const TOO_LARGE: End = End::Close(1009);
    pub(crate) const FAILED: End = End::Close(1011);
    pub(crate) const BAD_FRAMES: End = End::Close(4001);
    const TOO_SLOW: u16 = 4000;
    pub(crate) const CLOSED: End = End::Close(4002);
}

/// The way to a client; never waits.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    live: mpsc::Sender<Out>,
    waiting: Arc<Waiting>,
    bulk: mpsc::Sender<Bulk>,
    end: watch::Sender<Option<End>>,
}

/// What waits in the live queue, in bytes.
#[derive(Debug, Default)]
struct Waiting {
    all: AtomicUsize,
    /// The largest frame that ever waited.
    largest: AtomicUsize,
}

#[derive(Debug)]
enum Out {
    Text(ByteString),
    Ping,
    Pong(actix_web::web::Bytes),
}

#[derive(Debug)]
enum Bulk {
    Text(ByteString),
    Flushed(oneshot::Sender<()>),
}

/// The other end of an [`Outbox`].
pub(crate) struct Queues {
    live: mpsc::Receiver<Out>,
    waiting: Arc<Waiting>,
    bulk: mpsc::Receiver<Bulk>,
    end: watch::Sender<Option<End>>,
}

impl Out {
    fn len(&self) -> usize {
        match self {
            Out::Text(frame) => frame.len(),
            Out::Ping => 0,
            Out::Pong(payload) => payload.len(),
        }
    }
}

impl Waiting {
    /// Says whether there is a place for it.
    fn add(&self, bytes: usize) -> bool {
        let largest = self.largest.fetch_max(bytes, Relaxed).max(bytes);
        self.all.fetch_add(bytes, Relaxed) + bytes <= OUTBOX_BYTES + largest
    }

    fn remove(&self, bytes: usize) {
        self.all.fetch_sub(bytes, Relaxed);
    }
}

/// The session has ended.
#[derive(Debug)]
pub(super) struct Ended;

impl Outbox {
    pub(crate) fn new() -> (Outbox, Queues) {
        let (live, live_queue) = mpsc::channel(OUTBOX);
        let (bulk, bulk_queue) = mpsc::channel(BULK);
        let (waiting, end) = (Arc::<Waiting>::default(), watch::Sender::new(None));
        let queues =
            Queues { live: live_queue, waiting: waiting.clone(), bulk: bulk_queue, end: end.clone() };
        (Outbox { live, waiting, bulk, end }, queues)
    }

    /// Sends a frame. If there is no place for it the session ends, and no later frame gets through either:
    /// what a client gets has no gaps.
    pub(crate) fn push(&self, frame: ByteString) {
        self.put(Out::Text(frame));
    }

    pub(super) fn ping(&self) {
        self.put(Out::Ping);
    }

    pub(super) fn pong(&self, payload: actix_web::web::Bytes) {
        self.put(Out::Pong(payload));
    }

    fn put(&self, out: Out) {
        if self.end.borrow().is_some() {
            return;
        }
        if !self.waiting.add(out.len()) || self.live.try_send(out).is_err() {
            self.finish(End::TooSlow);
        }
    }

    /// How many places are free.
    pub(crate) fn free(&self) -> usize {
        self.live.capacity()
    }

    /// How many bytes more may wait, whatever the largest frame is.
    pub(crate) fn free_bytes(&self) -> usize {
        OUTBOX_BYTES.saturating_sub(self.waiting.all.load(Relaxed))
    }

    /// Sends a frame of a catch-up; waits for the socket.
    pub(super) async fn push_bulk(&self, frame: ByteString) -> Result<(), Ended> {
        self.bulk.send(Bulk::Text(frame)).await.map_err(|_| Ended)
    }

    /// Waits until every frame of a catch-up is on its way: what is live must not overtake it.
    pub(super) async fn flush_bulk(&self) -> Result<(), Ended> {
        let (flushed, wait) = oneshot::channel();
        self.bulk.send(Bulk::Flushed(flushed)).await.map_err(|_| Ended)?;
        wait.await.map_err(|_| Ended)
    }

    /// Ends the session; the first reason counts.
    pub(super) fn finish(&self, end: End) {
        finish(&self.end, end);
    }

    /// The end of the session, once it has one.
    pub(super) fn watch(&self) -> watch::Receiver<Option<End>> {
        self.end.subscribe()
    }
}

fn finish(ending: &watch::Sender<Option<End>>, end: End) {
    ending.send_if_modified(|standing| {
        let first = standing.is_none();
        standing.get_or_insert(end);
        first
    });
}

/// Waits for the end.
pub(super) async fn ended(end: &mut watch::Receiver<Option<End>>) -> End {
    match end.wait_for(Option::is_some).await {
        Ok(end) => end.unwrap_or(End::Gone),
        Err(_) => End::Gone,
    }
}

/// Sends what waits until the session ends, then says goodbye.
pub(super) async fn write(mut socket: actix_ws::Session, mut queues: Queues, metrics: Metrics) -> End {
    let (mut ending, mut watch) = (queues.end.subscribe(), queues.end.subscribe());
    let end = loop {
        let out = tokio::select! {
            biased;
            end = ended(&mut ending) => break end,
            Some(out) = queues.live.recv() => {
                queues.waiting.remove(out.len());
                out
            }
            Some(bulk) = queues.bulk.recv() => match bulk {
                Bulk::Text(frame) => Out::Text(frame),
                Bulk::Flushed(flushed) => {
                    let _ = flushed.send(());
                    continue;
                }
            },
        };
        metrics.sent_bytes.increment(out.len() as u64);
        tokio::select! {
            biased;
            sent = send(&mut socket, out) => if let Err(end) = sent { break end },
            _ = watch.wait_for(|end| *end == Some(End::TooSlow)) => break End::TooSlow,
        }
    };
    // The session's own loop hears of it, if it was not the one to end it.
    finish(&queues.end, end);
    let _ = timeout(GOODBYE, goodbye(socket, queues, end)).await;
    end
}

async fn send(socket: &mut actix_ws::Session, out: Out) -> Result<(), End> {
    let sending = async {
        match out {
            Out::Text(frame) => socket.text(frame).await,
            Out::Ping => socket.ping(b"").await,
            Out::Pong(payload) => socket.pong(&payload).await,
        }
    };
    match timeout(SEND, sending).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => Err(End::TooSlow),
    }
}

async fn goodbye(mut socket: actix_ws::Session, mut queues: Queues, end: End) {
    let code = match end {
        End::Gone => return,
        End::Close(code) => {
            while let Ok(out) = queues.live.try_recv() {
                if send(&mut socket, out).await.is_err() {
                    return;
                }
            }
            code
        }
        End::TooSlow => {
            let error = ErrorFrame::new(ErrorCode::TooSlow, "the client read too slowly: connect again");
            let _ = socket.text(encode(&ServerFrame::Error(error))).await;
            End::TOO_SLOW
        }
    };
    let _ = socket.close(Some(CloseReason { code: CloseCode::from(code), description: None })).await;
}

#[cfg(test)]
impl Queues {
    /// Takes what waits, as a socket would.
    pub(crate) fn drain(&mut self) -> Vec<ByteString> {
        let mut frames = Vec::new();
        while let Ok(out) = self.live.try_recv() {
            self.waiting.remove(out.len());
            if let Out::Text(frame) = out {
                frames.push(frame);
            }
        }
        frames
    }

    /// Whether the session has ended.
    pub(crate) fn ended(&self) -> bool {
        self.end.borrow().is_some()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::FromRequest;

    use super::*;

    fn frame(bytes: usize) -> ByteString {
        "x".repeat(bytes).into()
    }

    #[test]
    fn what_waits_is_bounded_in_bytes_beside_the_largest_frame() {
        let (outbox, mut queues) = Outbox::new();
        outbox.push(frame(3 * OUTBOX_BYTES));
        assert_eq!(outbox.free_bytes(), 0);
        for _ in 0..8 {
            outbox.push(frame(OUTBOX_BYTES / 8));
        }
        assert!(!queues.ended());
        assert_eq!(queues.drain().len(), 9);
        assert_eq!(outbox.free_bytes(), OUTBOX_BYTES);

        let (outbox, queues) = Outbox::new();
        outbox.push(frame(OUTBOX_BYTES));
        outbox.push(frame(OUTBOX_BYTES));
        assert!(!queues.ended());
        outbox.push(frame(1));
        assert_eq!(*queues.end.borrow(), Some(End::TooSlow));
    }

    #[actix_web::test]
    async fn a_session_ends_with_its_socket() {
        let request = actix_web::test::TestRequest::get()
            .insert_header(("upgrade", "websocket"))
            .insert_header(("connection", "upgrade"))
            .insert_header(("sec-websocket-version", "13"))
            .insert_header(("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="));
        let (request, mut payload) = request.to_http_parts();
        let body = actix_web::web::Payload::from_request(&request, &mut payload).await.unwrap();
        let (response, socket, _stream) = actix_ws::handle(&request, body).unwrap();
        let (outbox, queues) = Outbox::new();
        let mut watch = outbox.watch();
        let writer = actix_web::rt::spawn(write(socket, queues, Metrics::default()));
        drop(response);
        outbox.ping();
        assert_eq!(timeout(SEND, ended(&mut watch)).await.unwrap(), End::Gone);
        assert_eq!(writer.await.unwrap(), End::Gone);
    }
}
