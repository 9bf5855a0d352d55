//! Everything there is in a history, and what each step of a plan does to it.

use interline_core::clock::Millis;
use interline_core::entry::{ENTRY_FORMAT, EncodedEntry, Entry, Fact, Hash};
use interline_core::id::{ClientId, ReviewId, UserId};
use interline_core::limits::Limits;
use uuid::Uuid;

use super::client::Client;
use super::failure::{Check, Failure};
use super::network::Connection;
use super::node::Node;
use super::plan::{Form, Setup, Step};
use super::store::Store;
use super::trace::Recorder;

/// When a history begins: late enough for clocks that are an hour behind.
const BEGINNING: Millis = 10_000_000;

/// The furthest that a clock is off.
pub(super) const SKEW_MS: i64 = 3_600_000;

/// Everything there is.
pub(super) struct World {
    pub(super) now: Millis,
    pub(super) review: ReviewId,
    pub(super) limits: Limits,
    pub(super) store: Store,
    pub(super) nodes: Vec<Node>,
    pub(super) clients: Vec<Client>,
    pub(super) connections: Vec<Connection>,
    pub(super) record: Recorder,
    /// How many comments were ever added, to give each an id of its own.
    pub(super) comments: u128,
    /// How many client ids were given out anew.
    pub(super) renewals: u128,
}

impl World {
    /// A review that was just created, with everybody looking at it.
    pub(super) fn new(setup: &Setup, verbose: bool) -> Result<World, Failure> {
        let review = ReviewId(Uuid::from_u128(1));
        let limits = Limits {
            comment_chars: setup.comment_chars,
            batch_changes: setup.batch_changes.max(1),
            ..Limits::default()
        };
        let clients = setup.clients.iter().enumerate();
        let mut world = World {
            now: BEGINNING,
            review,
            limits,
            store: Store::new(created()),
            nodes: (0..setup.nodes.max(1)).map(|_| Node::default()).collect(),
            clients: clients.map(|(number, setup)| Client::new(number, setup, review)).collect(),
            connections: Vec::new(),
            record: Recorder::new(verbose),
            comments: 0,
            renewals: 0,
        };
        for node in 0..world.nodes.len() {
            world.start(node)?;
        }
        for client in 0..world.clients.len() {
            world.connect(client, client % world.nodes.len(), false, (Form::Fitting, 0))?;
        }
        world.calm(3)?;
        Ok(world)
    }

    /// Does what a step says.
    pub(super) fn step(&mut self, step: &Step) -> Result<(), Failure> {
        self.record.note(format_args!("{step:?}"));
        self.now += 1;
        let (clients, nodes) = (self.clients.len(), self.nodes.len());
        let client = |number: u8| usize::from(number) % clients;
        let node = |number: u8| usize::from(number) % nodes;
        match *step {
            Step::Wait { ms } => self.now += u64::from(ms),
            Step::Calm { rounds } => self.calm(rounds.min(8))?,
            Step::Comment { client: c, .. }
            | Step::Reply { client: c, .. }
            | Step::Edit { client: c, .. }
            | Step::SetText { client: c, .. }
            | Step::Resolve { client: c, .. }
            | Step::Status { client: c, .. }
            | Step::Title { client: c }
            | Step::Undo { client: c, .. }
            | Step::Retry { client: c, .. }
            | Step::Discard { client: c, .. }
            | Step::Remove { client: c, .. } => self.act(client(c), step)?,
            Step::Flush { client: c } => self.with(client(c), |replica, now| replica.flush(now))?,
            Step::Saved { client: c } => self.saved(client(c))?,
            Step::SaveFails { client: c } => self.save_fails(client(c))?,
            Step::Restart { client: c, written, damage } => self.restart(client(c), written, damage)?,
            Step::Connect { client: c, node: n, form, waits } => {
                self.connect(client(c), node(n), false, (form, waits))?;
            }
            Step::Resync { client: c, node: n } => {
                let (c, n) = (client(c), node(n));
                self.cut(c)?;
                self.connect(c, n, true, (Form::Fitting, 0))?;
            }
            Step::Cut { client: c } => self.cut(client(c))?,
            Step::Kick { client: c } => self.kick(client(c)),
            Step::Stale { pick } => self.stale(usize::from(pick))?,
            Step::Again { client: c } => self.again(client(c)),
            Step::Break { client: c, up, down } => self.breaks(client(c), up, down)?,
            Step::Echo { client: c, batch, pick } => self.echo(client(c), batch.into(), pick.into())?,
            Step::Up { client: c, frames } => self.up(client(c), frames)?,
            Step::Down { client: c, frames } => self.down(client(c), frames)?,
            Step::Away { client: c } => {
                self.clients[client(c)].away = true;
                self.record.fault();
            }
            Step::Back { client: c } => self.clients[client(c)].away = false,
            Step::Crash { node: n, landing } => self.crash(node(n), landing),
            Step::Start { node: n } => self.start(node(n))?,
            Step::Split { node: n } => {
                self.nodes[node(n)].split = true;
                self.record.fault();
            }
            Step::Join { node: n } => self.nodes[node(n)].split = false,
            Step::TailCheck { node: n } => self.tail_check(node(n))?,
            Step::Hear { node: n, lost, pick, again } => self.hear(node(n), lost, pick.into(), again)?,
            Step::Commit { node: n, fate } => self.commit(node(n), fate)?,
            Step::Land => self.land(),
            Step::LandOne { pick } => self.land_one(pick.into()),
            Step::PatchSet { node: n, code } => self.add_patch_set(node(n), code.into())?,
            Step::Snapshot { node: n } => {
                if let Some(sequencer) = &self.nodes[node(n)].sequencer {
                    self.store.snapshot(sequencer.head(), sequencer.committed());
                }
            }
            Step::Trim { keep } => {
                if self.store.trim(keep.into()) {
                    self.record.fault();
                }
            }
            Step::BackUp => self.store.back_up(),
            Step::SetBack { pick } => self.set_back(pick.into())?,
            Step::Copy { client: c } => self.copy(client(c))?,
            Step::Clock { client: c, ahead_ms } => {
                self.clients[client(c)].skew_ms = ahead_ms.clamp(-SKEW_MS, SKEW_MS);
                self.record.fault();
            }
            Step::NodeClock { node: n, ahead_ms } => {
                self.nodes[node(n)].skew_ms = ahead_ms.clamp(-SKEW_MS, SKEW_MS);
                self.record.fault();
            }
        }
        self.tick()
    }
}

/// The first entry of the log.
fn created() -> EncodedEntry {
    let entry = Entry {
        format: ENTRY_FORMAT,
        version: 1,
        author: UserId::new("system").expect("a printable name"),
        client: ClientId(Uuid::nil()),
        seq: 0,
        at: BEGINNING,
        facts: vec![
            Fact::ReviewCreated { title: "t".into(), status_policy: Default::default() },
            Fact::PatchSetAdded { number: 1, moves: vec![] },
        ],
        verdicts: Vec::new(),
    };
    EncodedEntry::new(&entry, Hash::default())
}

/// A violation at this place.
pub(super) fn fail<T>(check: Check, what: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::new(check, what))
}
