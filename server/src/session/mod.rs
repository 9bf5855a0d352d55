//! Sessions: one authenticated connection each.
//!
//! A session reads frames, checks them, and hands them to the rooms of the reviews it has open; what rooms have
//! to say goes into its [`Outbox`], which a task of its own writes to the socket.

mod allowance;
mod connection;
mod frames;
mod hello;
mod history;
mod incoming;
mod marks;
mod opening;
mod outbox;
mod registry;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::rt;
use actix_ws::MessageStream;
use interline_core::clock::Millis;
use interline_core::id::{ClientId, ReviewId, SessionId, User};
use interline_core::limits::Limits;
use interline_core::wire::{ErrorCode, ErrorFrame, ServerFrame, encode};
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::debug;

use crate::app::AppState;
use crate::metrics::Metrics;
use crate::presence::SessionRecord;
use crate::room::{RoomHandle, Submit};
use allowance::{Allowance, Named};
pub(crate) use connection::Connection;
use history::Histories;
use incoming::{Heard, Incoming};
pub(crate) use outbox::Outbox;
#[cfg(test)]
pub(crate) use outbox::Queues;
use outbox::{End, ended};
pub(crate) use registry::Sessions;

/// Frames that are none, or that no client sends, before the session ends.
const BAD_FRAMES: u32 = 16;
/// When clients of a server that stops should come back.
const RECONNECT_MS: u64 = 1_000;
/// How long a client may take to close its side.
const CLOSING: Duration = Duration::from_secs(1);

/// Who is at the other end. Guests say so themselves; whoever checks what a session may do asks this.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    pub(crate) session: SessionId,
    pub(crate) client: ClientId,
    pub(crate) user: User,
    /// Server time minus the client's, in milliseconds.
    pub(crate) skew: i64,
    pub(crate) since: Millis,
}

/// A review that the session takes part in, or is about to.
struct OpenReview {
    room: RoomHandle,
    /// Whose part is taken in it.
    client: ClientId,
    /// Whether it is the user's private drafts: nobody is told that they are open.
    private: bool,
    /// The task that catches the client up, while it does.
    opening: AbortHandle,
    /// Whether the room knows of the session.
    joined: bool,
    /// What a client has handed in that was caught up before its join was through. It hands in one batch at a time.
    early: Option<Submit>,
}

type OpenReviews = Rc<RefCell<HashMap<ReviewId, OpenReview>>>;

/// A session that has said hello.
struct Session {
    state: AppState,
    principal: Principal,
    outbox: Outbox,
    open: OpenReviews,
    histories: Histories,
    settlings: Rc<RefCell<Allowance>>,
    /// Whose part it takes beside its own client's.
    named: Named,
    /// What it has ever opened.
    opened: HashSet<ReviewId>,
    bad_frames: u32,
}

/// Runs a connection from its upgrade to its end.
pub(crate) async fn run(
    state: AppState,
    socket: actix_ws::Session,
    stream: MessageStream,
    connection: Option<Connection>,
) {
    let _counted = Counted::new(&state.sessions);
    let (outbox, queues) = Outbox::new();
    let metrics = state.metrics.clone();
    let writer = rt::spawn(outbox::write(socket, queues, metrics.clone()));
    let mut incoming = Incoming::new(stream, Limits::HELLO_BYTES, metrics.clone());
    let end = match hello::expect(&state, &mut incoming, &outbox).await {
        Ok(principal) => {
            incoming = incoming.limited(state.limits.frame_bytes);
            Session::new(state, principal, outbox.clone()).converse(&mut incoming).await
        }
        Err(end) => end,
    };
    outbox.finish(end);
    let ended = writer.await.unwrap_or(End::Gone);
    if ended == End::TooSlow {
        metrics.slow_readers.increment(1);
    }
    debug!(?ended, "session ended");
    // A client that answers the close frame has had everything before it.
    if matches!(ended, End::Close(_)) {
        let _ = timeout(CLOSING, incoming.gone()).await;
    }
    if let Some(connection) = connection {
        connection.cut();
    }
}

impl Session {
    fn new(state: AppState, principal: Principal, outbox: Outbox) -> Session {
        let (open, histories) = (OpenReviews::default(), Histories::default());
        let now = Instant::now();
        let (settlings, named) = (Rc::new(RefCell::new(Allowance::of_settlings(now))), Named::new(now));
        let (opened, bad_frames) = (HashSet::new(), 0);
        let session =
            Session { state, principal, outbox, open, histories, settlings, named, opened, bad_frames };
        session.state.connected.add(session.principal.session, session.outbox.clone());
        session.record();
        session
    }

    async fn converse(mut self, incoming: &mut Incoming) -> End {
        let mut ending = self.outbox.watch();
        let mut draining = self.state.draining.clone();
        let mut heard_at = Instant::now();
        let mut ping = interval(self.state.timing.ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        loop {
            tokio::select! {
                heard = incoming.next() => {
                    heard_at = Instant::now();
                    if let Err(end) = self.hear(heard).await {
                        return end;
                    }
                }
                _ = ping.tick() => {
                    if heard_at.elapsed() >= self.state.timing.silence {
                        return End::Gone;
                    }
                    self.outbox.ping();
                }
                end = ended(&mut ending) => return end,
                _ = draining.wait_for(|draining| *draining) => {
                    let frame = ServerFrame::Draining { reconnect_after_ms: RECONNECT_MS };
                    self.outbox.push(encode(&frame).into());
                    return End::GOING_AWAY;
                }
            }
        }
    }

    async fn hear(&mut self, heard: Heard) -> Result<(), End> {
        match heard {
            Heard::Text(text) => self.frame(&text).await,
            Heard::Ping(payload) => {
                self.outbox.pong(payload);
                Ok(())
            }
            Heard::Pong => Ok(()),
            other => Err(refuse(&self.state.metrics, &self.outbox, &other)),
        }
    }

    /// Counts a frame that is none against the session.
    fn bad_frame(&mut self, error: ErrorFrame) -> Result<(), End> {
        self.state.metrics.error(error.code);
        self.outbox.push(encode(&ServerFrame::Error(error)).into());
        self.bad_frames += 1;
        if self.bad_frames < BAD_FRAMES { Ok(()) } else { Err(End::BAD_FRAMES) }
    }

    /// Tells other nodes which reviews are open.
    fn record(&self) {
        let Principal { session, client, user, since, .. } = self.principal.clone();
        let mut reviews: Vec<ReviewId> = {
            let open = self.open.borrow();
            open.iter().filter(|(_, review)| !review.private).map(|(id, _)| *id).collect()
        };
        reviews.sort();
        let node = self.state.node;
        self.state.board.connected(SessionRecord { session, user, client, node, reviews, since });
    }
}

impl Drop for Session {
    /// However it ended, its rooms hear of it.
    fn drop(&mut self) {
        for (_, review) in self.open.borrow_mut().drain() {
            review.opening.abort();
            review.room.leave_soon(self.principal.session);
        }
        self.state.connected.remove(self.principal.session);
        self.state.board.disconnected(self.principal.session);
    }
}

/// How a session ends on what no client sends.
fn refuse(metrics: &Metrics, outbox: &Outbox, heard: &Heard) -> End {
    let (code, message, end) = match heard {
        Heard::Binary => (ErrorCode::BinaryFrame, "frames are text", End::BINARY),
        Heard::TooLarge => (ErrorCode::FrameTooLarge, "the frame is over the limit", End::TOO_LARGE),
        Heard::NotText => (ErrorCode::BadFrame, "the text is not UTF-8", End::NOT_TEXT),
        Heard::Close => return End::NORMAL,
        Heard::Garbage => return End::PROTOCOL,
        Heard::Gone | Heard::Text(_) | Heard::Ping(_) | Heard::Pong => return End::Gone,
    };
    metrics.error(code);
    outbox.push(encode(&ServerFrame::Error(ErrorFrame::new(code, message))).into());
    end
}

/// Counts a session for as long as it lives.
struct Counted(std::sync::Arc<AtomicUsize>);

impl Counted {
    fn new(count: &std::sync::Arc<AtomicUsize>) -> Counted {
        count.fetch_add(1, Ordering::Relaxed);
        Counted(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
