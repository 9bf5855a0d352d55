//! A log as it is stored: entries that may be anything, folded into a review.

use interline_core::entry::{ENTRY_FORMAT, EncodedEntry, Entry, Hash};
use interline_core::review::Review;

use super::made;
use super::raw::Raw;

/// A line each: an entry in JSON, facts in JSON (`[`), or facts made from bytes.
pub(crate) fn target(data: &[u8]) {
    let mut raw = Raw::new(data);
    let (first, mut review, _) = made::created();
    let mut hash = first.hash;
    while !raw.is_empty() {
        let line = raw.line();
        let entry = match line.first() {
            Some(b'{') => decoded(line, review.version.wrapping_add(1)),
            Some(b'[') => {
                serde_json::from_slice(line).ok().map(|facts| made::entry(review.version + 1, facts))
            }
            _ => {
                let facts = made::facts(&mut Raw::new(line), &review);
                Some(made::entry(review.version + 1, facts))
            }
        };
        let Some(entry) = entry else { continue };
        let encoded = EncodedEntry::new(&entry, hash);
        assert_eq!(encoded.hash, hash.chain(encoded.payload.as_bytes()));
        if encoded.decode().is_ok_and(|decoded| decoded != entry) {
            panic!("an entry comes back as another: {}", encoded.payload);
        }
        match review.apply(&entry) {
            Ok(()) => hash = encoded.hash,
            // It must not be used any further, and is loaded again.
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return;
            }
        }
        assert_eq!(review.version, entry.version);
    }
    kept(&review);
}

fn decoded(json: &[u8], version: u64) -> Option<Entry> {
    let payload = String::from_utf8_lossy(json).as_ref().into();
    let decoded = EncodedEntry { version, hash: Hash::default(), payload }.decode();
    if let Ok(entry) = &decoded {
        assert!(entry.version == version && entry.format <= ENTRY_FORMAT);
    }
    decoded.ok()
}

/// A review is the same after it was stored.
fn kept(review: &Review) {
    let json = serde_json::to_string(review).unwrap();
    let again: Review = serde_json::from_str(&json).expect("what was written is a review");
    assert_eq!(&again, review);
    for comment in review.comments.values() {
        let _ = (review.thread_of(comment), comment.resolved(), comment.holder());
        assert_eq!(comment.text.len(), comment.text.as_str().chars().count());
    }
    let _ = (review.title(), review.status());
}
