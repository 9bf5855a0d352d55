//! What waits to be sent to one client, and the task that sends it.
//!
//! actix-ws blocks whoever sends into a full socket and cannot be asked beforehand. So rooms put frames into a
//! bounded queue without waiting, and a queue that is full ends the session: the client comes back and catches
//! up. Catching up has a queue of its own, which waits for the socket and gives way to what is live.

use std::time::Duration;

use actix_ws::{CloseCode, CloseReason};
use bytestring::ByteString;
use interline_core::wire::{ErrorCode, ErrorFrame, ServerFrame, encode};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

/// Frames that wait for a client.
pub(crate) const OUTBOX: usize = 512;
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
    pub(crate) const POLICY: End = End::Close(1008);
    pub(crate) const TOO_LARGE: End = End::Close(1009);
    pub(crate) const FAILED: End = End::Close(1011);
    pub(crate) const BAD_FRAMES: End = End::Close(4001);
    const TOO_SLOW: u16 = 4000;
}

/// The way to a client; never waits.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    live: mpsc::Sender<Out>,
    bulk: mpsc::Sender<Bulk>,
    end: watch::Sender<Option<End>>,
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
pub(super) struct Queues {
    live: mpsc::Receiver<Out>,
    bulk: mpsc::Receiver<Bulk>,
    end: watch::Receiver<Option<End>>,
}

/// The session has ended.
#[derive(Debug)]
pub(super) struct Ended;

impl Outbox {
    pub(super) fn new() -> (Outbox, Queues) {
        let (live, live_queue) = mpsc::channel(OUTBOX);
        let (bulk, bulk_queue) = mpsc::channel(BULK);
        let (end, ended) = watch::channel(None);
        (Outbox { live, bulk, end }, Queues { live: live_queue, bulk: bulk_queue, end: ended })
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
        if self.end.borrow().is_none() && self.live.try_send(out).is_err() {
            self.finish(End::TooSlow);
        }
    }

    /// How many places are free.
    pub(crate) fn free(&self) -> usize {
        self.live.capacity()
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
        self.end.send_if_modified(|standing| {
            let first = standing.is_none();
            standing.get_or_insert(end);
            first
        });
    }

    /// The end of the session, once it has one.
    pub(super) fn watch(&self) -> watch::Receiver<Option<End>> {
        self.end.subscribe()
    }
}

/// Waits for the end.
pub(super) async fn ended(end: &mut watch::Receiver<Option<End>>) -> End {
    match end.wait_for(Option::is_some).await {
        Ok(end) => end.unwrap_or(End::Gone),
        Err(_) => End::Gone,
    }
}

/// Sends what waits until the session ends, then says goodbye.
pub(super) async fn write(mut socket: actix_ws::Session, mut queues: Queues) -> End {
    let mut watch = queues.end.clone();
    let end = loop {
        let out = tokio::select! {
            biased;
            end = ended(&mut queues.end) => break end,
            Some(out) = queues.live.recv() => out,
            Some(bulk) = queues.bulk.recv() => match bulk {
                Bulk::Text(frame) => Out::Text(frame),
                Bulk::Flushed(flushed) => {
                    let _ = flushed.send(());
                    continue;
                }
            },
        };
        tokio::select! {
            biased;
            sent = send(&mut socket, out) => if let Err(end) = sent { break end },
            _ = watch.wait_for(|end| *end == Some(End::TooSlow)) => break End::TooSlow,
        }
    };
    // The session's own loop hears of it, if it was not the one to end it.
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
