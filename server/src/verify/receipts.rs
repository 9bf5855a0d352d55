//! Receipts: what clients were told is durable, as they export it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use interline_core::entry::Hash;
use interline_core::id::{ClientId, ReviewId, Seq, Version};
use serde::Deserialize;

/// The format of exports that this software reads.
const FORMAT: u32 = 1;

/// The receipts of one client in one review.
#[derive(Deserialize)]
struct Export {
    format: u32,
    review: ReviewId,
    client: ClientId,
    receipts: Vec<Told>,
}

/// A client's batch is this entry.
#[derive(Deserialize)]
struct Told {
    /// The export's, unless the replica went by another id then.
    client: Option<ClientId>,
    seq: Seq,
    version: Version,
    hash: Hash,
}

/// A file holds one export, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Several(Vec<Export>),
    One(Export),
}

/// A batch that was acknowledged.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Receipt {
    pub(super) client: ClientId,
    pub(super) seq: Seq,
    pub(super) hash: Hash,
}

/// The receipts for one review, by the versions that they name.
pub(super) type Due = BTreeMap<Version, Vec<Receipt>>;

/// All receipts, by their reviews.
#[derive(Default)]
pub(super) struct Receipts {
    reviews: BTreeMap<ReviewId, Due>,
}

impl Receipts {
    /// Reads files; or says which cannot be read.
    pub(super) fn read(files: &[PathBuf]) -> Result<Receipts, String> {
        let mut receipts = Receipts::default();
        for file in files {
            let unreadable = |why: String| format!("cannot read the receipts in {}: {why}", file.display());
            let text = fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
            let content = parse(&text).map_err(unreadable)?;
            for export in content {
                if export.format != FORMAT {
                    return Err(unreadable(format!("format {} is not known", export.format)));
                }
                let due = receipts.reviews.entry(export.review).or_default();
                for Told { client, seq, version, hash } in export.receipts {
                    let client = client.unwrap_or(export.client);
                    due.entry(version).or_default().push(Receipt { client, seq, hash });
                }
            }
        }
        Ok(receipts)
    }

    pub(super) fn count(&self) -> u64 {
        self.reviews.values().map(count).sum()
    }

    /// Those for a review.
    pub(super) fn take(&mut self, review: ReviewId) -> Due {
        self.reviews.remove(&review).unwrap_or_default()
    }

    /// The reviews that were not taken, and how many receipts there are for each.
    pub(super) fn left(&self) -> impl Iterator<Item = (ReviewId, u64)> {
        self.reviews.iter().map(|(id, due)| (*id, count(due))).filter(|(_, count)| *count > 0)
    }
}

fn count(due: &Due) -> u64 {
    due.values().map(|receipts| receipts.len() as u64).sum()
}

fn parse(text: &str) -> Result<Vec<Export>, String> {
    match serde_json::from_str(text) {
        Ok(Content::Several(exports)) => Ok(exports),
        Ok(Content::One(export)) => Ok(vec![export]),
        // Parsed as what it most likely is, for an error that says where.
        Err(_) if text.trim_start().starts_with('[') => serde_json::from_str(text).map_err(|e| e.to_string()),
        Err(_) => serde_json::from_str(text).map(|export| vec![export]).map_err(|error| error.to_string()),
    }
}
