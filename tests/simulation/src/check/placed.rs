//! Comments stand on the lines that they were written on: by the texts of lines in the stored code, and SHA-256 alone.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Folded, text};
use crate::evidence::Evidence;

/// How many bytes of a line's digest an anchor has.
const BYTES: usize = 8;

pub(super) fn check(evidence: &Evidence, folded: &Folded) -> Result<(), String> {
    let code: Vec<Vec<String>> =
        evidence.code.iter().map(|json| digests(json)).collect::<Result<_, String>>()?;
    let mut newest = 0;
    for entry in &folded.entries {
        for fact in entry["facts"].as_array().into_iter().flatten() {
            let mut placed = Vec::new();
            if let Some(added) = fact.get("patch_set_added") {
                newest = added["number"].as_u64().unwrap_or_default();
                for moved in added["moves"].as_array().into_iter().flatten() {
                    placed.push((&moved["anchor"], &moved["standing"]));
                }
            }
            if let Some(added) =
                fact.get("comment_added").filter(|added| added["place"].get("line").is_some())
            {
                placed.push((&added["place"]["line"], &added["standing"]));
            }
            for (anchor, standing) in placed {
                stands(&code, newest, anchor, standing)
                    .map_err(|what| format!("entry {}: {what}: {anchor}, {standing}", entry["version"]))?;
            }
        }
    }
    Ok(())
}

/// Whether an anchor's line reads as it says, in the newest code unless it is gone from there.
fn stands(code: &[Vec<String>], newest: u64, anchor: &Value, standing: &Value) -> Result<(), String> {
    let number = anchor["patch_set"].as_u64().unwrap_or_default();
    if number != newest && text(standing, "state") != "outdated" {
        return Err(format!("patch set {newest} is the newest"));
    }
    let at = |number: u64| usize::try_from(number).ok()?.checked_sub(1);
    let lines = at(number).and_then(|at| code.get(at)).ok_or("there is no such code")?;
    let line = anchor["line"].as_u64().and_then(at).and_then(|at| lines.get(at)).ok_or("no such line")?;
    if line != text(anchor, "hash") {
        return Err(format!("the line's digest is {line}"));
    }
    let written = standing.get("written").map_or(line.as_str(), |written| text(written, "hash"));
    if line != written {
        return Err("it was written on another line".to_owned());
    }
    Ok(())
}

/// The digests of the lines on the head side of a diff of one hunk.
fn digests(json: &str) -> Result<Vec<String>, String> {
    let diff: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let lines = diff["files"][0]["hunks"][0]["lines"].as_array().into_iter().flatten();
    let head = lines.filter_map(Value::as_str).filter_map(|line| line.strip_prefix([' ', '+']));
    let digest = |line: &str| -> String {
        Sha256::digest(line.as_bytes()).iter().take(BYTES).map(|byte| format!("{byte:02x}")).collect()
    };
    Ok(head.map(digest).collect())
}
