//! End to end: real server processes, the SDK, and raw frames.

mod crash;
mod hostile;
mod live;
mod rest;
mod resume;
mod start;
