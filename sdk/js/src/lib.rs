//! The browser API of the Interline SDK: thin classes over `interline`, which the npm package wraps in TypeScript.
//!
//! Values cross as JSON text. Offsets are UTF-16 code units out there and Unicode scalars in here; they are
//! converted at this edge, against the text that they refer to.
//!
//! # Why an editor never edits a stale text
//!
//! There is one thread. A frame from the server is applied in a microtask, and every event that comes of it is told to
//! JavaScript within that same call ([`interline::Review::observe`]), before anything else can run. So by the time the
//! page's next key press, or any other code of the page, comes to edit a comment, its editor has been told of every
//! change up to then. Edits made here are told in the same way, within the call that makes them. Events that come of a
//! call made by a listener are told after the event that it listened to.

#[cfg(target_arch = "wasm32")]
mod client;
#[cfg(any(test, target_arch = "wasm32"))]
#[cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "only some of it needs no browser to be tested")
)]
mod conflict;
#[cfg(target_arch = "wasm32")]
mod drafts;
#[cfg(target_arch = "wasm32")]
mod events;
#[cfg(any(test, target_arch = "wasm32"))]
mod history;
#[cfg(any(test, target_arch = "wasm32"))]
#[cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "only some of it needs no browser to be tested")
)]
mod json;
#[cfg(any(test, target_arch = "wasm32"))]
#[cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "only some of it needs no browser to be tested")
)]
mod kept;
#[cfg(any(test, target_arch = "wasm32"))]
mod mirror;
#[cfg(any(test, target_arch = "wasm32"))]
#[cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "only some of it needs no browser to be tested")
)]
mod rejected;
#[cfg(target_arch = "wasm32")]
mod review;
