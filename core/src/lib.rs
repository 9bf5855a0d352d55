//! The pure heart of Interline. Nothing in here does I/O, waits, reads a clock or draws a random number.
//!
//! # The story of one edit
//!
//! A person types. The editor hands the change to a [`sync::Replica`], which applies it at once to what the
//! person sees and puts it into a buffer ([`sync::Pending`]). Once typing rests ([`sync::Batcher`]) the buffer
//! freezes into a [`change::Batch`] under the next seq, is saved, and only then sent as a [`wire`] frame.
//!
//! The server's [`sync::Sequencer`] looks up whether it has answered this seq before; checks every change;
//! carries text edits ([`text::TextOp`]) over what happened since the batch's base, one entry at a time;
//! decides fields by their [`review::Policy`]; and writes all that it derived into an [`entry::Entry`] with the
//! next version. The entry is appended to the store together with the answer. Only once that is durable is it
//! delivered: one ordered stream for everybody, in which the author finds their own entry.
//!
//! There each replica carries its own pending edits over the entry, folds the entry into its confirmed
//! [`review::Review`], and says what changed on the screen ([`sync::Event`]).

mod chain;
pub mod change;
pub mod clock;
pub mod diff;
pub mod drafts;
pub mod entry;
mod hex;
pub mod id;
pub mod limits;
pub mod presence;
pub mod review;
pub mod sync;
pub mod text;
pub mod wire;
