//! Measuring server processes under load, over a real PostgreSQL and a real Redis: how soon an edit arrives at
//! another node ([`arrival`]), whether memory comes back ([`soak`]), and what everything spends ([`sizing`]).
//!
//! Everything runs on one machine: there is one clock, and whoever makes the load takes a share of the processors.
//! What processes use is read where Linux tells it; elsewhere [`sizing`] and [`soak`] fail in one line.

pub mod arrival;
mod pen;
mod resp;
mod scene;
pub mod sizing;
pub mod soak;
mod times;
mod traffic;
mod usage;

pub use scene::Scene;
pub use times::Times;
pub use usage::machine;
