//! A review at one version, and its JSON: made once, by whoever needs it first.

use std::sync::{Arc, OnceLock};

use interline_core::review::Review;
use serde_json::value::RawValue;

/// A review at one version.
#[derive(Debug)]
pub(crate) struct Shot {
    pub(crate) review: Arc<Review>,
    json: OnceLock<Option<Arc<RawValue>>>,
    digest: OnceLock<u32>,
}

impl Shot {
    pub(super) fn new(review: Review) -> Shot {
        Shot { review: Arc::new(review), json: OnceLock::new(), digest: OnceLock::new() }
    }

    /// The review in JSON. A large one takes tens of milliseconds the first time.
    pub(crate) fn json(&self) -> Option<Arc<RawValue>> {
        let encode = || serde_json::value::to_raw_value(&*self.review).ok().map(Arc::from);
        self.json.get_or_init(encode).clone()
    }

    /// What a client holds against its own.
    pub(crate) fn digest(&self) -> u32 {
        *self.digest.get_or_init(|| self.review.digest())
    }
}
