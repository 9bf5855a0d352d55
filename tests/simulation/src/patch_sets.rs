//! New states of the code: somebody uploads one to any server, and all servers place comments by it.

use std::sync::Arc;

use interline_core::diff::{LineMap, PatchSet};
use interline_core::entry::{EncodedEntry, Fact, Hash};
use interline_core::id::UserId;
use interline_core::sync::{NewPatchSet, Sequencer};

use super::failure::{Check, Failure};
use super::store::Store;
use super::world::World;

/// The first is what a review begins with. Lines 1 and 2 on the head side stay, move, or go.
const CODES: [&str; 3] = [
    "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n",
    "--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@\n+zero\n one\n-two\n+2\n",
    "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n one\n-two\n+zwei\n",
];
/// How many a review gets at most.
const PATCH_SETS: u32 = 12;

/// One of them.
pub(super) fn code(pick: usize) -> Result<PatchSet, String> {
    PatchSet::parse(CODES[pick % CODES.len()].as_bytes()).map_err(|error| error.to_string())
}

impl World {
    /// A server is given new code. Its line map begins at the newest that is durable there, as that of an upload.
    pub(super) fn add_patch_set(&mut self, n: usize, pick: usize) -> Result<(), Failure> {
        let now = self.nodes[n].clock(self.now);
        if self.nodes[n].split {
            return Ok(());
        }
        let Some(sequencer) = &mut self.nodes[n].sequencer else { return Ok(()) };
        let newest = sequencer.committed().patch_set;
        if newest >= PATCH_SETS {
            return Ok(());
        }
        let gone = || Failure::new(Check::Stream, format!("node {n} does not have patch set {newest}"));
        let old = sequencer.patch_sets().get(newest).ok_or_else(gone)?;
        let code = code(pick).map_err(|what| Failure::new(Check::Stream, what))?;
        let map = LineMap::between(old, &code);
        let json = |value: Result<String, serde_json::Error>| {
            value.map(Arc::from).map_err(|error| Failure::new(Check::Stream, error.to_string()))
        };
        let (code_json, map_json) = (json(serde_json::to_string(&code))?, json(serde_json::to_string(&map))?);
        let new = NewPatchSet {
            number: newest + 1,
            author: UserId::new("system").expect("a printable name"),
            body_hash: Hash::of(CODES[pick % CODES.len()].as_bytes()),
            code: Arc::new(code),
            map: Arc::new(map),
            code_json,
            map_json,
            key: None,
        };
        sequencer.add_patch_set(now, new);
        self.run(n)
    }
}

/// Before a server goes on with entries that it did not write it fetches the code that they speak of.
pub(super) fn learn(sequencer: &mut Sequencer, store: &Store, read: &[EncodedEntry]) -> Result<(), String> {
    for encoded in read {
        for fact in encoded.decode().map_err(|error| error.to_string())?.facts {
            if let Fact::PatchSetAdded { number, .. } = fact {
                let (code, map) =
                    store.patch_set(number).ok_or_else(|| format!("patch set {number} is not stored"))?;
                sequencer.learn_patch_set(number, code.clone(), map.clone());
            }
        }
    }
    Ok(())
}
