//! Every replica shows threads in the one order that the protocol describes.

use serde_json::Value;

use super::{Folded, text};
use crate::evidence::Evidence;

type Created<'a> = (u64, u64, &'a str, &'a str);

pub(super) fn check(evidence: &Evidence, folded: &Folded) -> Result<(), String> {
    let removed = |comment: &Value| comment.get("removed").is_some();
    let mut threads = Vec::new();
    for (id, root) in folded.comments() {
        let Some(line) = root["place"].get("line") else { continue };
        let mut replies: Vec<(Created<'_>, &String)> = folded
            .comments()
            .filter(|(_, reply)| text(&reply["place"], "reply") == id && !removed(reply))
            .map(|(id, reply)| (created(reply), id))
            .collect();
        replies.sort();
        if removed(root) && replies.is_empty() {
            continue;
        }
        let ids: Vec<String> =
            std::iter::once(id).chain(replies.iter().map(|(_, id)| *id)).cloned().collect();
        threads.push((text(line, "file"), line["line"].as_u64(), text(line, "side"), created(root), ids));
    }
    threads.sort();
    let threads: Vec<&Vec<String>> = threads.iter().map(|(.., ids)| ids).collect();
    for seen in &evidence.clients {
        if seen.threads.iter().collect::<Vec<_>>() != threads {
            return Err(format!(
                "client {} shows threads as {:?} instead of {threads:?}",
                seen.name(),
                seen.threads
            ));
        }
    }
    Ok(())
}

/// What orders comments: the stamp, then the id. Ids are lowercase, so their texts compare as they do.
fn created(comment: &Value) -> Created<'_> {
    let at = &comment["created"]["at"];
    let count = |key: &str| at[key].as_u64().unwrap_or_default();
    (count("ms"), count("n"), text(&comment["created"], "client"), text(comment, "id"))
}
