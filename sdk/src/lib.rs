//! The Interline SDK: live code review that goes on working offline.
//!
//! ```no_run
//! use interline::{Client, ConflictResolution, Event, Status};
//! use futures_util::StreamExt;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("http://127.0.0.1:8080").user("ann", "Ann").connect().await?;
//! let review = client.open("pr-456").await?;
//! let mut events = review.events(); // before the first edit: none is missed
//! let comment = review.comment(review.head("src/lib.rs", 42), "Fix indentation")?; // a line of the newest code
//! comment.insert(0, "Please: ")?;
//! review.set_status(Status::Approved)?;
//! review.synced().await?; // durable, or in review.rejected()
//!
//! while let Some(event) = events.next().await {
//!     match event {
//!         Event::TextEdited { comment, by, .. } => {
//!             println!("{by} wrote in {comment}: {}", review.get(comment)?.text());
//!         }
//!         // Somebody else wrote the same at the same time; a person would be asked.
//!         Event::Conflict(conflict) => conflict.resolve(ConflictResolution::KeepTheirs)?,
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # How it works
//!
//! `interline-core` thinks: a replica per open review holds what is confirmed, what is in flight and what was typed
//! since, and says what has to be done, in which order. This crate does it:
//!
//! 1. A handle ([`Review`], [`Comment`]) calls into the replica. The edit is applied at once, and events go out.
//! 2. The driver, one task per [`Client`], wakes when typing rests, saves the batch to the [`store`], and only then
//!    sends it, byte for byte as it was saved, again and again until the server has settled it.
//! 3. Entries from the server go into the replica in their one order; what they change on the screen comes back as
//!    [`Event`]s.
//!
//! The connection may come and go meanwhile. [`Review::synced`] is the durability barrier, [`Review::unsynced`] tells
//! how much lies before it, and whatever the server refuses is kept in [`Review::rejected`].
//!
//! # Private drafts
//!
//! [`Review::drafts`] opens comments that nobody else sees, shared by all devices of their author and written offline
//! too. Some or all of them are [published](Drafts::publish) in one step, with a decision if there is one:
//!
//! ```no_run
//! # use interline::{Review, Status};
//! # async fn example(review: Review) -> Result<(), Box<dyn std::error::Error>> {
//! let drafts = review.drafts().await?;
//! drafts.add(review.head("src/lib.rs", 42), "Is this ever negative?")?.insert(0, "Hm. ")?;
//! drafts.publish_all(Some((Status::ChangesRequested, Some("see line 42"))))?;
//! review.synced().await?; // everybody sees all of it, or it is in drafts.rejected()
//! # Ok(())
//! # }
//! ```
//!
//! # Clients that ended
//!
//! Clients of one user that live at the same time have an id each, and replicas of their own in the store. What one
//! leaves behind that is killed, or a tab that is closed, is taken up by the next that begins in its place; and while
//! there is none, another living client of the same user and store runs it to its end, under the id that it was written
//! under: it looks once it is connected, every minute, and when told to [`reconnect`](Client::reconnect). What waits
//! there for a person's decision comes to the living client's [`Review::rejected`] once it has that review open.
//!
//! # Native and browser
//!
//! One source for both: what differs is in one small module per target. Natively a client needs a tokio runtime; in a
//! browser (`wasm32-unknown-unknown`) it runs on the page's event loop. The JavaScript API is the crate `interline-js`.

#![cfg_attr(
    target_arch = "wasm32",
    allow(clippy::arc_with_non_send_sync, reason = "a browser has one thread")
)]

mod analytics;
mod beside;
mod client;
mod clock;
mod code;
mod comment;
mod conflict;
mod connection;
mod drafts;
mod driver;
mod error;
mod event;
mod export;
mod history;
mod lock;
mod place;
mod platform;
mod presence;
mod progress;
mod reconnect;
mod review;
mod shared;
mod slot;
pub mod store;
mod unsynced;
mod visits;

pub use interline_core::change::{Change, Entity};
pub use interline_core::clock::Millis;
pub use interline_core::diff::{ChangedFile, FileDiff, FileStatus, Hunk, Line, LineKind, PatchSet};
pub use interline_core::entry::{Hash, Reason};
pub use interline_core::id::{ClientId, CommentId, DisplayName, ReviewId, SessionId, User, UserId, Version};
pub use interline_core::presence::{Presence, PresencePlace, Selection};
pub use interline_core::review::{
    Anchor, CommentHistory, ConflictId, ConflictSide, ContextLine, Decision, Decisions, Edited, FieldValue,
    How, LineHash, Place, PlaceState, Settlement, Side, Status, StatusPolicy,
};
pub use interline_core::sync::{
    Cause, EditError as InvalidEdit, Origin, Receipt, Rejected, TakenOut, Unsynced,
};
pub use interline_core::text::TextOp;
pub use interline_core::wire::ErrorCode;

pub use analytics::{Analytics, Latency};
pub use client::{Client, ClientBuilder};
pub use comment::{Comment, CommentData, Thread};
pub use conflict::{ConflictResolution, DetectedConflict};
pub use connection::{ConnectionState, DisconnectReason};
pub use drafts::{Draft, DraftPlace, Drafts};
pub use error::{BuildError, CodeError, Coded, EditError, HistoryError, OpenError, Problem, SyncError};
pub use event::{Event, Events};
pub use place::CommentPlace;
pub use platform::{MaybeSend, MaybeSync};
pub use presence::{PresenceUpdate, TextSelection};
pub use review::{Observer, Review};
#[cfg(not(target_arch = "wasm32"))]
pub use store::FileStore;
pub use store::{MemoryStore, Storage, Store, StoreError, StoreErrorKind};
pub use unsynced::ClientUnsynced;
