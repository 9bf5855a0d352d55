//! A server small enough to misbehave on request: the real sequencer over a log in memory, one lock around it all.

mod drafts;
pub mod flaky;
mod opening;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use interline::{Anchor, Client, ClientBuilder, ClientId, Review, ReviewId, SessionId, User, Version};
use interline_core::change::Batch;
use interline_core::diff::PatchSet;
use interline_core::entry::{Answer, EncodedEntry, Entry, Fact, Hash, Head};
use interline_core::limits::Limits;
use interline_core::presence::Presence;
use interline_core::review::{self, PatchSets};
use interline_core::sync::{Past, Refusal, Sequencer, SequencerEffect, Submission};
use interline_core::wire::{
    self, ClientFrame, ErrorCode, ErrorFrame, Hello, HistoryFrame, Refused, ServerFrame, Welcome,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

const DIFF: &str = "--- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -1,2 +1,3 @@\n one\n+two\n three\n";

pub fn builder(server: &Server, name: &str) -> ClientBuilder {
    Client::builder(&server.url).user(name, name).debounce_ms(5)
}

pub async fn open(server: &Server, name: &str) -> (Client, Review) {
    let client = builder(server, name).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    (client, review)
}

pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

pub async fn synced(review: &Review) {
    tokio::time::timeout(Duration::from_secs(10), review.synced()).await.expect("in time").unwrap();
}

/// The server is gone, and a client has noticed.
pub async fn away(server: &Server, client: &Client) {
    server.world().away = true;
    server.cut();
    until("it is noticed", || !client.connection().is_connected()).await;
}

/// It is there again.
pub fn back(server: &Server, client: &Client) {
    server.world().away = false;
    client.reconnect();
}

pub fn line() -> Anchor {
    Anchor::head("src/lib.rs", 2)
}

/// A clock that goes with the machine's, until it is stopped or set.
#[derive(Clone)]
pub struct Time(Arc<Mutex<(Option<u64>, u64)>>);

impl Time {
    /// The clock, and what a client asks for the time.
    pub fn new() -> (Time, impl Fn() -> u64 + Send + Sync + 'static) {
        let time = Time(Arc::default());
        let asked = time.clone();
        (time, move || {
            let (stopped, ahead) = *asked.0.lock().unwrap();
            stopped.unwrap_or_else(interline_now) + ahead
        })
    }

    /// From here on no time passes by itself.
    pub fn stop(&self) {
        self.0.lock().unwrap().0.get_or_insert_with(interline_now);
    }

    /// So much time passes at once, in milliseconds.
    pub fn pass(&self, ms: u64) {
        self.0.lock().unwrap().1 += ms;
    }
}

/// A running server; stops with the runtime.
#[derive(Clone)]
pub struct Server {
    pub url: String,
    world: Arc<Mutex<World>>,
}

/// What the server does next other than it should. Each happens once.
#[derive(Default)]
pub struct Mischief {
    /// Commits the next batch and forgets to tell anybody.
    pub swallow: bool,
    /// Never gets the next batch.
    pub lose: bool,
    /// Refuses the next batch for the moment.
    pub refuse: bool,
    /// Refuses so many batches because there is no room.
    pub full: u32,
    /// Refuses the next batch for good.
    pub ban: bool,
    /// How the next that has a part of the log gets the rest.
    pub catch_up: Catch,
    /// Sends a wrong checksum with the next entry that edits a text.
    pub miscount: bool,
    /// Keeps the next `opened` until [`World::let_go`].
    pub hold_opened: bool,
    /// Keeps the entries that a client missed until [`World::let_go`]: it has not joined before it has them.
    pub hold_missed: bool,
    /// Sends the next entry with another hash.
    pub corrupt: bool,
    /// Leaves out the next entry for its subscribers.
    pub skip: bool,
}

/// How a client catches up.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Catch {
    #[default]
    Entries,
    Steps,
    /// A snapshot; what is in flight is settled.
    Whole,
    /// A snapshot, and what happened to the comments in flight.
    Beside,
}

#[derive(Default)]
pub struct World {
    keys: BTreeMap<String, ReviewId>,
    rooms: BTreeMap<ReviewId, Room>,
    forgotten: BTreeMap<String, (ReviewId, Room)>,
    sessions: BTreeMap<SessionId, mpsc::UnboundedSender<String>>,
    /// New connections are turned away.
    pub away: bool,
    /// Whose connections are ended at their first word.
    pub shut_out: Option<&'static str>,
    pub mischief: Mischief,
    pub hellos: Vec<Hello>,
    /// The bytes of every batch that came.
    pub submitted: Vec<String>,
    pub presences: usize,
    /// How many of those came from somebody who was still catching up.
    pub early: usize,
    /// How often somebody wanted a review opened.
    pub opened: usize,
    held: Vec<(SessionId, String)>,
}

struct Room {
    sequencer: Sequencer,
    log: Vec<EncodedEntry>,
    code: PatchSets,
    /// Every answer, with the version that the log had then.
    answers: Vec<(Version, ClientId, Answer)>,
    here: BTreeMap<SessionId, (ClientId, Presence)>,
}

impl Server {
    pub async fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server { url, world: Arc::default() };
        server.world().create("pr-1");
        server.world().create("pr-2");
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if !accepting.world().away {
                    tokio::spawn(accepting.clone().session(stream));
                }
            }
        });
        server
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    async fn session(self, stream: tokio::net::TcpStream) {
        let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
        let (mut sink, mut frames) = socket.split();
        let (out, mut outgoing) = mpsc::unbounded_channel();
        let id = SessionId(Uuid::now_v7());
        let mut who: Option<(ClientId, User)> = None;
        loop {
            tokio::select! {
                text = outgoing.recv() => match text {
                    Some(text) => if sink.send(Message::text(text)).await.is_err() { break },
                    None => break,
                },
                frame = frames.next() => {
                    let Some(Ok(Message::Text(text))) = frame else { break };
                    let mut world = self.world();
                    match wire::decode_client(text.as_str()).expect("clients send frames") {
                        ClientFrame::Hello(hello) if world.shut_out == Some(hello.user.id.as_str()) => break,
                        ClientFrame::Hello(hello) => {
                            who = Some((hello.client, hello.user.clone()));
                            world.sessions.insert(id, out.clone());
                            let (user, limits) = (hello.user.clone(), Limits::default());
                            world.hellos.push(hello);
                            let protocol = wire::PROTOCOL;
                            world.tell(id, &ServerFrame::Welcome(Welcome { protocol, session: id, user, now: 5, limits }));
                        }
                        frame => {
                            let (client, user) = who.clone().expect("hello comes first");
                            world.frame(id, client, user, frame);
                        }
                    }
                }
            }
            // The world drops the sender of a session that it wants to end.
            if who.is_some() && !self.world().sessions.contains_key(&id) {
                break;
            }
        }
        self.world().end(id);
    }

    /// Ends all connections.
    pub fn cut(&self) {
        let mut world = self.world();
        let sessions: Vec<_> = world.sessions.keys().copied().collect();
        for id in sessions {
            // Wakes the session, which then finds itself gone.
            world.tell(id, &ServerFrame::Pong { nonce: 0 });
            world.end(id);
        }
    }
}

impl World {
    fn create(&mut self, key: &str) {
        let id = ReviewId(Uuid::now_v7());
        let entry = Entry {
            format: 1,
            version: 1,
            author: interline::UserId::new("root").unwrap(),
            client: ClientId(Uuid::nil()),
            seq: 1,
            at: 1,
            facts: vec![
                Fact::ReviewCreated { title: key.into(), status_policy: Default::default() },
                Fact::PatchSetAdded { number: 1, moves: vec![] },
            ],
            verdicts: Vec::new(),
        };
        let encoded = EncodedEntry::new(&entry, Hash::default());
        let mut review = review::Review::new(id);
        review.apply(&entry).unwrap();
        let mut code = PatchSets::default();
        code.insert(1, Arc::new(PatchSet::parse(DIFF.as_bytes()).unwrap()));
        let head = Head { version: 1, hash: encoded.hash };
        let sequencer = Sequencer::new(review, head, code.clone(), Limits::default());
        let (log, answers, here) = (vec![encoded], Vec::new(), BTreeMap::new());
        self.keys.insert(key.into(), id);
        self.rooms.insert(id, Room { sequencer, log, code, answers, here });
    }

    /// The review as it is durable.
    pub fn committed(&self, key: &str) -> &review::Review {
        self.rooms[&self.keys[key]].sequencer.committed()
    }

    /// The log, decoded.
    pub fn log(&self, key: &str) -> Vec<Entry> {
        self.rooms[&self.keys[key]].log.iter().map(|entry| entry.decode().unwrap()).collect()
    }

    pub fn present(&self, key: &str) -> Vec<Presence> {
        self.rooms[&self.keys[key]].here.values().map(|(_, presence)| presence.clone()).collect()
    }

    pub fn broadcast(&self, frame: &ServerFrame) {
        self.sessions.keys().for_each(|id| self.tell(*id, frame));
    }

    fn tell(&self, session: SessionId, frame: &ServerFrame) {
        self.say(session, wire::encode(frame));
    }

    fn say(&self, session: SessionId, text: String) {
        if let Some(out) = self.sessions.get(&session) {
            let _ = out.send(text);
        }
    }

    /// Sends what was kept.
    pub fn let_go(&mut self) {
        let held = std::mem::take(&mut self.held);
        held.into_iter().for_each(|(session, text)| self.say(session, text));
    }

    fn end(&mut self, session: SessionId) {
        self.sessions.remove(&session);
        let reviews: Vec<_> = self.rooms.keys().copied().collect();
        reviews.into_iter().for_each(|review| self.leave(session, review));
    }

    fn leave(&mut self, session: SessionId, review: ReviewId) {
        let Some(room) = self.rooms.get_mut(&review) else { return };
        if room.here.remove(&session).is_some() {
            let others: Vec<_> = room.here.keys().copied().collect();
            others.into_iter().for_each(|other| self.tell(other, &ServerFrame::Gone { review, session }));
        }
    }

    fn frame(&mut self, session: SessionId, client: ClientId, user: User, frame: ClientFrame) {
        match frame {
            ClientFrame::Open(open) => {
                self.opened += 1;
                self.open(session, client, user, open);
            }
            ClientFrame::Submit(submit) => {
                self.submitted.push(submit.batch.get().to_owned());
                let payload = Hash::of(submit.batch.get().as_bytes());
                let batch: Batch = serde_json::from_str(submit.batch.get()).expect("clients send batches");
                let review = submit.review;
                if std::mem::take(&mut self.mischief.lose) {
                    return;
                }
                if std::mem::take(&mut self.mischief.refuse) {
                    let (seq, code) = (batch.seq, ErrorCode::Overloaded);
                    let (message, retry_after_ms) = ("later".into(), Some(50));
                    let refused = Refused { review, seq, code, message, retryable: true, retry_after_ms };
                    return self.tell(session, &ServerFrame::Refused(refused));
                }
                if self.mischief.full > 0 {
                    self.mischief.full -= 1;
                    let (seq, code) = (batch.seq, ErrorCode::StoreFailed);
                    let (message, retry_after_ms) = ("the store is full".into(), Some(100));
                    let refused = Refused { review, seq, code, message, retryable: true, retry_after_ms };
                    return self.tell(session, &ServerFrame::Refused(refused));
                }
                if std::mem::take(&mut self.mischief.ban) {
                    let (seq, code) = (batch.seq, ErrorCode::BadBatch);
                    let message = "never".into();
                    let refused =
                        Refused { review, seq, code, message, retryable: false, retry_after_ms: None };
                    return self.tell(session, &ServerFrame::Refused(refused));
                }
                let room = self.rooms.get_mut(&review).unwrap();
                let Some((client, _)) = room.here.get(&session).cloned() else {
                    let mut error = ErrorFrame::new(ErrorCode::NotOpen, "not open");
                    error.review = Some(review);
                    return self.tell(session, &ServerFrame::Error(error));
                };
                let submission = Submission { client, user: user.id, batch, payload, skew: 0 };
                room.sequencer.submit(interline_now(), submission, Past::default());
                self.run(session, review);
            }
            ClientFrame::Presence { review, update } => {
                self.presences += 1;
                if self.held.iter().any(|(joining, _)| *joining == session) {
                    self.early += 1;
                    return;
                }
                let room = self.rooms.get_mut(&review).unwrap();
                let Some((_, presence)) = room.here.get_mut(&session) else { return };
                presence.place = update.place;
                presence.selection = update.selection;
                (presence.active, presence.writing) = (update.active, update.writing);
                let presence = presence.clone();
                let others: Vec<_> = room.here.keys().copied().filter(|id| *id != session).collect();
                let frame = ServerFrame::Presence { review, presence };
                others.into_iter().for_each(|other| self.tell(other, &frame));
            }
            ClientFrame::History(asked) => {
                let history = self.rooms[&asked.review].history(&asked);
                let (review, nonce) = (asked.review, asked.nonce);
                match history {
                    Some(history) => {
                        self.tell(session, &ServerFrame::History(HistoryFrame { review, nonce, history }));
                    }
                    None => {
                        let mut error = ErrorFrame::new(ErrorCode::UnknownComment, "no such comment");
                        error.nonce = Some(nonce);
                        error.review = Some(review);
                        self.tell(session, &ServerFrame::Error(error));
                    }
                }
            }
            ClientFrame::Leave { review } => self.leave(session, review),
            ClientFrame::Marks { review, nonce, marks } => {
                let nonce = Some(nonce);
                self.tell(session, &ServerFrame::Marks { review, nonce, marks });
            }
            ClientFrame::Ping { nonce } => self.tell(session, &ServerFrame::Pong { nonce }),
            ClientFrame::Hello(_) => panic!("hello twice"),
        }
    }

    fn run(&mut self, from: SessionId, review: ReviewId) {
        let swallow = std::mem::take(&mut self.mischief.swallow);
        loop {
            let room = self.rooms.get_mut(&review).unwrap();
            match room.sequencer.poll() {
                Some(SequencerEffect::PatchSet(..)) => unreachable!("nobody adds one"),
                // Both rooms are one lock away: what came of it is known already.
                Some(SequencerEffect::Publication(..)) => {}
                Some(SequencerEffect::Append(append)) => self.append(from, review, append),
                Some(SequencerEffect::Deliver(mut entry)) => {
                    room.log.push(entry.clone());
                    if swallow || std::mem::take(&mut self.mischief.skip) {
                        continue;
                    }
                    if std::mem::take(&mut self.mischief.corrupt) {
                        entry.hash = Hash::default();
                    }
                    if self.mischief.miscount
                        && let Some(wrong) = opening::miscounted(&entry, &room.log)
                    {
                        self.mischief.miscount = false;
                        entry = wrong;
                    }
                    for id in room.here.keys() {
                        let _ = self.sessions[id].send(wire::entry_frame(review, &entry));
                    }
                }
                Some(SequencerEffect::Answer(_, answer)) => {
                    self.tell(from, &ServerFrame::Answer { review, answer });
                }
                Some(SequencerEffect::Refuse(_, seq, refusal)) => {
                    let code = match refusal {
                        Refusal::SeqReused => ErrorCode::SeqReused,
                        Refusal::SeqGap => ErrorCode::SeqGap,
                        _ => panic!("batch {seq} refused: {refusal:?}"),
                    };
                    let message = "out of turn".into();
                    let refused =
                        Refused { review, seq, code, message, retryable: false, retry_after_ms: None };
                    self.tell(from, &ServerFrame::Refused(refused));
                }
                None => return,
            }
        }
    }
}

fn interline_now() -> u64 {
    web_time::SystemTime::now().duration_since(web_time::SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64
}
