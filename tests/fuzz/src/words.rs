//! Words that a person typed: each must be somewhere until that person takes it away, or the server has it.

use std::collections::BTreeSet;
use std::ops::Range;

use interline_core::change::Change;
use interline_core::entry::Fact;
use interline_core::sync::Replica;

/// Characters for private use: the ones that are typed here, and the ones that an input may hold.
const TYPED: Range<u32> = 0xE000..0xF000;
const FOUND: Range<u32> = 0xF000..0xF8FF;

/// The words that nobody but this replica answers for.
#[derive(Default)]
pub(crate) struct Words {
    typed: u32,
    live: BTreeSet<String>,
}

impl Words {
    /// A word that was never typed before. It is of one character, for what two texts have in common at their ends
    /// stays when one becomes the other: a longer word might be of two people.
    pub(crate) fn next(&mut self) -> String {
        self.typed += 1;
        char::from_u32(TYPED.start + self.typed % (TYPED.end - TYPED.start)).expect("for private use").into()
    }

    /// What was refused before this process began is a person's as well.
    pub(crate) fn found(&mut self, replica: &Replica) {
        for record in replica.rejected() {
            let texts = record.changes.iter().filter_map(|change| match change {
                Change::CommentAdded { text, .. } => Some(text),
                _ => None,
            });
            let words = texts.chain(&record.mine).flat_map(|text| text.chars());
            self.live.extend(words.filter(|c| FOUND.contains(&u32::from(*c))).map(String::from));
        }
    }

    /// The ones that are shown in some comment's text.
    pub(crate) fn shown(&self, replica: &Replica) -> BTreeSet<String> {
        let texts = texts(replica);
        self.live.iter().filter(|word| texts.iter().any(|text| text.contains(*word))).cloned().collect()
    }

    /// A person did something: what they see now is theirs, what they do not see any more they took away.
    pub(crate) fn acted(&mut self, before: &BTreeSet<String>, typed: Option<String>, replica: &Replica) {
        self.live.extend(typed);
        let after = self.shown(replica);
        self.live.retain(|word| !before.contains(word) || after.contains(word));
    }

    /// Somebody gave up what was refused.
    pub(crate) fn discarded(&mut self, record: &impl serde::Serialize) {
        self.forget_in(&serde_json::to_string(record).unwrap());
    }

    /// A fact of this replica's own is in the log.
    pub(crate) fn confirmed_by(&mut self, fact: &Fact) {
        self.forget_in(&serde_json::to_string(fact).unwrap());
    }

    /// The server says that it has this.
    pub(crate) fn acknowledged_in(&mut self, change: &Change) {
        self.forget_in(&serde_json::to_string(change).unwrap());
    }

    fn forget_in(&mut self, text: &str) {
        self.live.retain(|word| !text.contains(word));
    }

    /// Every word is shown, `sent` or kept as refused. What is confirmed is the server's from here on.
    pub(crate) fn check(&mut self, replica: &Replica, sent: &str) {
        if self.live.is_empty() {
            return;
        }
        for comment in replica.confirmed().comments.values() {
            self.forget_in(comment.text.as_str());
        }
        let texts = texts(replica);
        let refused = serde_json::to_string(replica.rejected()).unwrap();
        let here: Vec<_> = texts.iter().map(String::as_str).chain([refused.as_str(), sent]).collect();
        for word in &self.live {
            assert!(here.iter().any(|text| text.contains(word.as_str())), "{word} is gone without a word");
        }
    }
}

/// Every text that is shown, removed comments included.
pub(crate) fn texts(replica: &Replica) -> Vec<String> {
    let ids: BTreeSet<_> =
        super::made::comments().chain(replica.confirmed().comments.keys().copied()).collect();
    ids.into_iter().filter_map(|id| replica.comment(id)).map(|shown| shown.text.as_str().to_owned()).collect()
}
