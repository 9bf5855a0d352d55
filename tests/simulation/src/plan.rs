//! What happens in a history, as data: who there is, and a list of steps.
//!
//! Every choice in a step is a number that is taken modulo what exists when its turn comes, so any part of a
//! plan is a plan. That is what lets a failing one be cut down.

use serde::{Deserialize, Serialize};

/// One history.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Why it is kept, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Who there is.
    pub setup: Setup,
    /// What happens, in order. Afterwards everything heals and comes to rest.
    pub steps: Vec<Step>,
}

/// Who there is, and what holds throughout.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// How many servers share the store.
    pub nodes: u8,
    /// The local replicas.
    pub clients: Vec<ClientSetup>,
    /// The longest comment, in scalars; small, so that the server has something to reject.
    pub comment_chars: usize,
    /// The most changes in a batch.
    pub batch_changes: usize,
}

/// One local replica.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSetup {
    /// Whose it is; several may belong to one person.
    pub user: u8,
    /// How far its clock is ahead.
    pub skew_ms: i64,
    /// Whether saves wait for a [`Step::Saved`].
    pub slow_disk: bool,
}

/// One thing that happens. `client`, `node`, `comment` and `pick` say which of those that there are, `ink`
/// what is written.
#[expect(missing_docs, reason = "the fields say the same in every step")]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Nothing, for a while.
    Wait { ms: u32 },
    /// Everything that can arrive does, and appends succeed.
    Calm { rounds: u8 },

    /// A new thread. Some lines do not exist.
    Comment { client: u8, line: u8, ink: u8 },
    /// An answer in a thread; or to an answer, which the server rejects.
    Reply { client: u8, comment: u8, ink: u8 },
    /// An edit in several places.
    Edit { client: u8, comment: u8, pieces: Vec<Piece> },
    /// A whole new text.
    SetText { client: u8, comment: u8, pieces: Vec<Piece> },
    /// A thread is settled, or not.
    Resolve { client: u8, comment: u8, value: bool },
    /// The review's status is written; from 3 on a decision is made of it; from 6 on a conflict is settled, by it where
    /// that fits; from 9 on a tag comes or goes.
    Status { client: u8, value: u8 },
    /// A new title, unlike any other.
    Title { client: u8 },
    /// A comment goes.
    Remove { client: u8, comment: u8 },
    /// The latest edit of a text is taken back, or made once more.
    Undo { client: u8, comment: u8, redo: bool },
    /// Something that was refused or lost is made once more.
    Retry { client: u8, pick: u8 },
    /// It is given up.
    Discard { client: u8, pick: u8 },
    /// What is buffered goes at once.
    Flush { client: u8 },

    /// The local store is done.
    Saved { client: u8 },
    /// The local store failed.
    SaveFails { client: u8 },
    /// The client dies and comes back with what it had saved; `written` says whether a save under way got there.
    Restart {
        client: u8,
        written: bool,
        /// What of its local store is broken by then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        damage: Option<Damage>,
    },

    /// A new connection, if there is none.
    Connect {
        client: u8,
        node: u8,
        #[serde(default)]
        form: Form,
        /// How many moments the server takes.
        #[serde(default)]
        waits: u8,
    },
    /// A new connection that asks for the whole review.
    Resync { client: u8, node: u8 },
    /// The client loses its connection. What it sent may still arrive.
    Cut { client: u8 },
    /// The server drops a connection. What it sent may still arrive.
    Kick { client: u8 },
    /// The connection breaks: of what is on its way so many frames still arrive, the others are lost.
    Break { client: u8, up: u8, down: u8 },
    /// A server takes a frame of a connection that its client has given up, or notices that.
    Stale { pick: u8 },
    /// The next batch on the way to the server is there twice.
    Again { client: u8 },
    /// A batch that the client sent at some time arrives once more, ahead of all that is on its way; over any of its
    /// connections that a server still holds.
    Echo { client: u8, batch: u8, pick: u8 },
    /// Frames reach the server.
    Up { client: u8, frames: u8 },
    /// Frames reach the client.
    Down { client: u8, frames: u8 },
    /// A client is out of reach from now on.
    Away { client: u8 },
    /// It is in reach again.
    Back { client: u8 },

    /// A server dies.
    Crash { node: u8, landing: Landing },
    /// It starts again.
    Start { node: u8 },
    /// A server reaches neither the store nor other servers from now on.
    Split { node: u8 },
    /// It does again.
    Join { node: u8 },
    /// A server looks whether the log has gone on.
    TailCheck { node: u8 },
    /// A server hears of an entry from another one, or does not: of any that it was told of, and once or again later.
    Hear {
        node: u8,
        lost: bool,
        #[serde(default)]
        pick: u8,
        #[serde(default)]
        again: bool,
    },
    /// The store deals with a server's append.
    Commit { node: u8, fate: Fate },
    /// Appends that nobody waits for any more arrive at the store.
    Land,
    /// One of them does, ahead of the others.
    LandOne { pick: u8 },

    /// Somebody uploads new code to a server.
    PatchSet { node: u8, code: u8 },
    /// A server keeps a snapshot.
    Snapshot { node: u8 },
    /// The log is trimmed, but for so many entries at its end.
    Trim { keep: u8 },
    /// An operator saves the store.
    BackUp,
    /// An operator sets the store back to what was saved. All servers start anew.
    SetBack { pick: u8 },
    /// A client is started from a copy of another's local store.
    Copy { client: u8 },

    /// A client's clock is set: so far ahead of true time from now on.
    Clock { client: u8, ahead_ms: i64 },
    /// A server's clock is set.
    NodeClock { node: u8, ahead_ms: i64 },
}

/// A place in an edit: keep so many, delete so many, insert this.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// How many scalars stay.
    pub keep: u8,
    /// How many go.
    pub delete: u8,
    /// What comes.
    pub ink: u8,
}

/// What of a client's local store is broken when it starts from it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// The confirmed review is gone.
    Whole,
    /// The last of the entries behind it is gone.
    Tail,
    /// All of them are.
    Entries,
    /// One of them reads otherwise.
    Payload,
    /// Everything is gone, where nothing was pending.
    Evicted,
}

/// How a server catches a client up.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// As servers choose: by how much the client lacks.
    #[default]
    Fitting,
    /// Entry by entry.
    Entries,
    /// By steps.
    Steps,
    /// With the whole review, and the steps of the comments in flight.
    Beside,
    /// With the whole review, once what is in flight is settled.
    Settled,
}

/// What becomes of an append.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is dealt with: appended, or lost to an earlier one.
    Done,
    /// It fails for certain.
    Failed,
    /// The server does not learn what became of it, and tries again.
    Unknown(Landing),
}

/// Whether an append that nobody hears of again happened.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Landing {
    /// It did not.
    Never,
    /// It did.
    Now,
    /// It still may.
    Later,
}
