//! End to end: real server processes, the SDK, and raw frames.

mod clocks;
mod conflicts;
mod copied;
mod corrupt;
mod crash;
mod drafts;
mod drain;
mod folder;
mod full;
mod hostile;
mod live;
mod load;
mod opening;
mod patch_sets;
mod receipts;
mod rest;
mod restored;
mod resume;
mod retention;
mod stale;
mod start;
mod stuck;
mod tampered;
