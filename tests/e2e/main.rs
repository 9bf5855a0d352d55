//! End to end: real server processes, the SDK, and raw frames.

mod copied;
mod corrupt;
mod crash;
mod drain;
mod folder;
mod full;
mod hostile;
mod live;
mod opening;
mod receipts;
mod rest;
mod restored;
mod resume;
mod retention;
mod start;
mod tampered;
