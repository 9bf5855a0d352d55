//! How a comment's text came to be: its first text and every edit since, each with its author and time.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::entry::{Entry, Fact};
use crate::id::{CommentId, UserId, Version};
use crate::review::Comment;
use crate::text::{Blame, OpError, Text, TextOp};

/// A part of a comment's history, from one version on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CommentHistory {
    /// Which comment.
    pub comment: CommentId,
    /// The entry that added it.
    pub added: Version,
    /// Who wrote it first.
    pub author: UserId,
    /// The version that `text` is the text of. Later than asked for where older entries are not kept any more.
    pub from: Version,
    /// The text at that version.
    pub text: String,
    /// What happened to it since, in order.
    pub edits: Vec<Edited>,
    /// The version up to which this tells everything.
    pub to: Version,
    /// Whether there is nothing behind that.
    pub complete: bool,
}

/// One edit of a comment's text.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Edited {
    /// The entry that made it.
    pub version: Version,
    /// When, on the server's clock.
    pub at: Millis,
    /// Who.
    pub by: UserId,
    /// Applies to the text right before it.
    pub op: TextOp,
}

impl CommentHistory {
    /// The history of a comment behind a version at which it was like this.
    pub fn new(comment: &Comment, from: Version) -> CommentHistory {
        CommentHistory {
            comment: comment.id,
            added: comment.added,
            author: comment.author.clone(),
            from,
            text: comment.text.as_str().to_owned(),
            edits: Vec::new(),
            to: from,
            complete: true,
        }
    }

    /// Begins with the entry that added the comment, if it is this one.
    pub fn begun_by(entry: &Entry, id: CommentId) -> Option<CommentHistory> {
        entry.facts.iter().find_map(|fact| match fact {
            Fact::CommentAdded { comment, text, .. } if *comment == id => Some(CommentHistory {
                comment: id,
                added: entry.version,
                author: entry.author.clone(),
                from: entry.version,
                text: text.clone(),
                edits: Vec::new(),
                to: entry.version,
                complete: true,
            }),
            _ => None,
        })
    }

    /// Takes in the next entry of the log.
    pub fn push(&mut self, entry: &Entry) {
        for fact in &entry.facts {
            if let Fact::TextEdited { comment, op, .. } = fact
                && *comment == self.comment
            {
                let (version, at, by) = (entry.version, entry.at, entry.author.clone());
                self.edits.push(Edited { version, at, by, op: op.clone() });
            }
        }
        self.to = entry.version;
    }

    /// Continues with the next part, which was asked for behind [`to`](CommentHistory::to).
    pub fn extend(&mut self, next: CommentHistory) {
        self.edits.extend(next.edits.into_iter().filter(|edit| edit.version > self.to));
        (self.to, self.complete) = (next.to.max(self.to), next.complete);
    }

    /// Who wrote which part of the newest text here: runs of so many scalars, in order. What was there at
    /// [`from`](CommentHistory::from) counts as the author's.
    pub fn blame(&self) -> Result<Vec<(usize, UserId)>, OpError> {
        let mut blame = Blame::new(self.text.chars().count(), self.author.clone());
        for edit in &self.edits {
            blame.apply(&edit.op, edit.by.clone())?;
        }
        Ok(blame.spans().to_vec())
    }

    /// The text as it was at a version; `None` where this part does not tell.
    pub fn text_at(&self, version: Version) -> Result<Option<String>, OpError> {
        if version < self.from || version > self.to {
            return Ok(None);
        }
        let mut text = Text::new(self.text.as_str());
        for edit in self.edits.iter().take_while(|edit| edit.version <= version) {
            text.apply(&edit.op)?;
        }
        Ok(Some(text.as_str().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn edited(version: Version, by: &str, op: &str) -> Edited {
        let (by, op) = (UserId::new(by).unwrap(), serde_json::from_str(op).unwrap());
        Edited { version, at: version, by, op }
    }

    #[test]
    fn every_version_and_every_word_has_its_author() {
        let author = UserId::new("ann").unwrap();
        let mut history = CommentHistory {
            comment: CommentId(Uuid::nil()),
            added: 2,
            author: author.clone(),
            from: 2,
            text: "one".into(),
            edits: vec![edited(4, "bo", "[3,\" two\"]")],
            to: 5,
            complete: false,
        };
        let next = vec![edited(4, "bo", "[3,\" two\"]"), edited(7, "ann", "[-1,6]")];
        history.extend(CommentHistory { edits: next, to: 8, complete: true, ..history.clone() });
        let at = |version| history.text_at(version).unwrap();
        assert_eq!((at(1), at(2), at(3)), (None, Some("one".into()), Some("one".into())));
        assert_eq!((at(4), at(8), at(9)), (Some("one two".into()), Some("ne two".into()), None));
        assert_eq!(history.blame().unwrap(), [(2, author), (4, UserId::new("bo").unwrap())]);
        assert!(history.complete && history.edits.len() == 2);
    }
}
