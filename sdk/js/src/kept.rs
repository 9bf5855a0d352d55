//! What of a client is kept in the browser over all reviews: what has not reached the server, and what cannot be read.

use std::collections::BTreeMap;

use interline::store::Unreadable;
use interline::{ClientUnsynced, Unsynced};
use serde::Serialize;

/// A `ClientUnsynced` of `types.ts`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JsUnsynced {
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
    reviews: BTreeMap<String, Unsynced>,
    unreadable: Vec<String>,
    ended_clients: usize,
}

impl From<ClientUnsynced> for JsUnsynced {
    fn from(all: ClientUnsynced) -> JsUnsynced {
        let ClientUnsynced { count, since, reviews, unreadable, ended_clients, .. } = all;
        JsUnsynced {
            count,
            since,
            reviews: reviews.into_iter().map(|(id, unsynced)| (id.to_string(), unsynced)).collect(),
            unreadable: unreadable.into_iter().map(|id| id.to_string()).collect(),
            ended_clients,
        }
    }
}

/// An `Unreadable` of `types.ts`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JsUnreadable {
    #[serde(skip_serializing_if = "Option::is_none")]
    review_id: Option<String>,
    at: u64,
    name: String,
    text: String,
}

impl From<Unreadable> for JsUnreadable {
    fn from(found: Unreadable) -> JsUnreadable {
        let Unreadable { review, at, name, bytes, .. } = found;
        // A browser keeps texts; what is none was written as JSON when it was found.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        JsUnreadable { review_id: review.map(|id| id.to_string()), at, name, text }
    }
}

#[cfg(test)]
mod tests {
    use interline::ReviewId;

    use super::*;
    use crate::json;

    #[test]
    fn all_that_waits_is_told_in_the_case_of_javascript() {
        let id: ReviewId = "00000000-0000-0000-0000-000000000007".parse().unwrap();
        let mut all = ClientUnsynced::default();
        (all.count, all.since, all.ended_clients) = (2, Some(5), 1);
        all.reviews.insert(id, Unsynced { count: 2, of: 3, since: Some(5) });
        all.unreadable.push(id);
        let expected = concat!(
            r#"{"count":2,"since":5,"reviews":{"00000000-0000-0000-0000-000000000007":{"count":2,"of":3,"since":5}},"#,
            r#""unreadable":["00000000-0000-0000-0000-000000000007"],"endedClients":1}"#
        );
        assert_eq!(json::text(&JsUnsynced::from(all)), expected);
        let nothing = JsUnsynced::from(ClientUnsynced::default());
        assert_eq!(json::text(&nothing), r#"{"count":0,"reviews":{},"unreadable":[],"endedClients":0}"#);
    }
}
