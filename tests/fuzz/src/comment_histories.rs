//! How a comment's text came to be, as a server tells it: pages that may not fit each other, or themselves.

use interline_core::review::CommentHistory;

use super::made;
use super::raw::Raw;

/// More versions than this are not looked at one by one.
const VERSIONS: u64 = 64;

/// A history in JSON, then the parts that continue it, a line each.
pub(crate) fn target(data: &[u8]) {
    let mut raw = Raw::new(data);
    let Ok(mut history) = serde_json::from_slice::<CommentHistory>(raw.line()) else { return };
    looked_at(&history);
    while !raw.is_empty() {
        let Ok(next) = serde_json::from_slice::<CommentHistory>(raw.line()) else { continue };
        let (to, edits) = (history.to, history.edits.len());
        history.extend(next);
        assert!(history.to >= to && history.edits.len() >= edits, "a history only grows");
        looked_at(&history);
    }
    // An entry behind it is taken in whatever it says.
    let entry = made::entry(history.to.saturating_add(1), vec![]);
    history.push(&entry);
    looked_at(&history);
}

fn looked_at(history: &CommentHistory) {
    let versions = history.edits.iter().map(|edit| edit.version);
    let around = versions.flat_map(|at| [at.saturating_sub(1), at, at.saturating_add(1)]);
    let ends = [0, history.from, history.to, u64::MAX];
    for version in around.chain(ends).take(VERSIONS as usize) {
        let told = history.from <= version && version <= history.to;
        match history.text_at(version) {
            Ok(text) => assert_eq!(text.is_some(), told, "what is told and what is not"),
            Err(error) => assert!(told && !error.to_string().is_empty()),
        }
    }
    let Ok(blame) = history.blame() else { return };
    assert!(blame.iter().all(|(chars, _)| *chars > 0), "no run is empty");
    assert!(blame.windows(2).all(|pair| pair[0].1 != pair[1].1), "neighbours differ");
    let rises = history.edits.windows(2).all(|pair| pair[0].version <= pair[1].version);
    let within = history.edits.iter().all(|edit| edit.version <= history.to);
    if let Ok(Some(text)) = history.text_at(history.to)
        && rises
        && within
    {
        let chars: usize = blame.iter().map(|(chars, _)| chars).sum();
        assert_eq!(text.chars().count(), chars, "every character has its author");
    }
}
