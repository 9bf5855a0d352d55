//! Every bound that a client can run into, in one place. The server announces them in `welcome`.

use serde::{Deserialize, Serialize};

/// What a server accepts. Lengths of text are Unicode scalars, sizes of frames are bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// The largest frame after `hello`, in bytes.
    pub frame_bytes: usize,
    /// The longest comment, in Unicode scalars.
    pub comment_chars: usize,
    /// The most components of one submitted text op.
    pub op_components: usize,
    /// The most changes in one batch.
    pub batch_changes: usize,
    /// The most comments of one review, removed ones included.
    pub review_comments: usize,
    /// The longest that all texts of one review may be together, removed ones included, in Unicode scalars.
    pub review_chars: usize,
    /// The most reviews that one session may have open.
    pub open_reviews: usize,
    /// How far behind a batch's base may be, in entries.
    pub base_distance: u64,
    /// The longest note beside a decision, in Unicode scalars.
    #[serde(default = "note_chars")]
    pub note_chars: usize,
}

fn note_chars() -> usize {
    2_000
}

impl Limits {
    /// The largest frame before `hello` is answered, in bytes.
    pub const HELLO_BYTES: usize = 4 * 1024;
    /// No text in any log or op is longer, whatever a server is configured to, in Unicode scalars.
    pub const ANY_TEXT_CHARS: usize = 1 << 20;
    /// No stored op has more components: a legal op can grow while it is transformed.
    pub const LOG_OP_COMPONENTS: usize = 16 * 1024;
    /// The most lines that one comment may be on.
    pub const RANGE_LINES: u32 = 1_000;
    /// The most patch sets of one review.
    pub const PATCH_SETS: u32 = 100;
    /// The most that all patch sets of one review may be together, parsed and in JSON, in bytes.
    pub const PATCH_SET_BYTES: usize = 64 * 1024 * 1024;
    /// How old an edit has to be, in milliseconds, for keystrokes whose author had not seen it to be in conflict with
    /// it. Who types together sees each other's words sooner.
    pub const UNSEEN_MS: u64 = 2_000;
    /// The most threads, and the most files, that one user may have marked in a review.
    pub const MARKS: usize = 10_000;
    /// The most that the paths of those files may be together, in bytes.
    pub const MARK_BYTES: usize = 1 << 20;
    /// The longest path of a file in an anchor, in bytes.
    pub const PATH_BYTES: usize = 4096;
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            frame_bytes: 256 * 1024,
            comment_chars: 32 * 1024,
            op_components: 1_000,
            batch_changes: 200,
            review_comments: 5_000,
            review_chars: 4_000_000,
            open_reviews: 64,
            base_distance: 1_000_000,
            note_chars: note_chars(),
        }
    }
}
