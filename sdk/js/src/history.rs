//! A comment's history, as JavaScript gets it: edits in UTF-16, each counted in the text before it.

use interline::{CommentHistory, Millis, UserId};
use interline_core::text::units::{Utf16Change, changes_from_op};
use interline_core::text::{OpError, Text};
use serde::Serialize;

use crate::json::JsUser;

/// What `npm/src/history.ts` makes versions of.
#[derive(Serialize)]
pub(crate) struct JsHistory {
    first: JsFirst,
    edits: Vec<JsEdited>,
}

#[derive(Serialize)]
struct JsFirst {
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Millis>,
    author: JsUser,
    text: String,
}

#[derive(Serialize)]
struct JsEdited {
    version: u64,
    at: Millis,
    author: JsUser,
    changes: Vec<Utf16Change>,
}

impl JsHistory {
    /// `created` is when the comment was begun: the time of the first text, unless that is a later one.
    pub(crate) fn new(
        history: CommentHistory,
        created: Option<Millis>,
        person: impl Fn(&UserId) -> JsUser,
    ) -> Result<JsHistory, OpError> {
        let mut text = Text::new(history.text.as_str());
        let mut edits = Vec::with_capacity(history.edits.len());
        for edit in &history.edits {
            let changes = changes_from_op(text.as_str(), &edit.op);
            text.apply(&edit.op)?;
            edits.push(JsEdited { version: edit.version, at: edit.at, author: person(&edit.by), changes });
        }
        let first = JsFirst {
            version: history.from,
            at: created.filter(|_| history.from == history.added),
            author: person(&history.author),
            text: history.text,
        };
        Ok(JsHistory { first, edits })
    }
}

#[cfg(test)]
mod tests {
    use interline_core::review::Edited;
    use interline_core::text::units::op_from_changes;

    use super::*;
    use crate::json;

    fn change(from: usize, to: usize, insert: &str) -> Utf16Change {
        Utf16Change { from, to, insert: insert.into() }
    }

    fn history(from: u64) -> CommentHistory {
        let user = |id: &str| UserId::new(id).unwrap();
        let edit = |version, before: &str, change| Edited {
            version,
            at: version * 10,
            by: user("bo"),
            op: op_from_changes(before, &[change]).unwrap(),
        };
        CommentHistory {
            comment: "00000000-0000-0000-0000-000000000001".parse().unwrap(),
            added: 3,
            author: user("ann"),
            from,
            text: "a\u{1F600}b".into(),
            edits: vec![
                edit(5, "a\u{1F600}b", change(1, 3, "\u{1F600}\u{1F600}")),
                edit(7, "a\u{1F600}\u{1F600}b", change(5, 6, "c")),
            ],
            to: 9,
            complete: true,
        }
    }

    fn told(history: CommentHistory) -> serde_json::Value {
        let person = |id: &UserId| JsUser::new(id.to_string(), id.to_string());
        serde_json::from_str(&json::text(&JsHistory::new(history, Some(1), person).unwrap())).unwrap()
    }

    #[test]
    fn each_edit_is_counted_in_the_text_before_it() {
        let told = told(history(3));
        assert_eq!(told["first"]["at"], 1);
        assert_eq!(told["first"]["author"]["id"], "ann");
        assert_eq!(told["edits"][0]["changes"][0]["from"], 1);
        assert_eq!(told["edits"][1]["changes"][0]["from"], 5, "behind two pairs of surrogates");
        assert_eq!(told["edits"][1]["version"], 7);
        assert_eq!(told["edits"][1]["author"]["displayName"], "bo");
    }

    #[test]
    fn a_later_beginning_has_no_time() {
        assert!(told(history(4))["first"].get("at").is_none());
    }

    #[test]
    fn edits_that_do_not_fit_are_an_error() {
        let broken = CommentHistory { text: "another".into(), ..history(3) };
        let person = |id: &UserId| JsUser::new(id.to_string(), id.to_string());
        assert!(JsHistory::new(broken, None, person).is_err());
    }
}
