//! What is kept here for people, as JSON that outlives this software.

use interline_core::clock::Millis;
use interline_core::entry::Hash;
use interline_core::id::{ClientId, ReviewId, Seq, Version};
use interline_core::sync::{Receipt, Rejected, Replica};
use serde::Serialize;

/// The format of both exports.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct RejectedExport<'a> {
    format: u32,
    review: ReviewId,
    client: ClientId,
    rejected: &'a [Rejected],
}

#[derive(Serialize)]
struct ReceiptsExport {
    format: u32,
    review: ReviewId,
    client: ClientId,
    receipts: Vec<Proof>,
}

#[derive(Serialize)]
struct Proof {
    /// Where it is not the export's.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<ClientId>,
    seq: Seq,
    version: Version,
    hash: Hash,
    at: Millis,
}

pub(crate) fn rejected(replica: &Replica) -> String {
    let (review, client) = (replica.review(), replica.client());
    write(&RejectedExport { format: FORMAT, review, client, rejected: replica.rejected() })
}

pub(crate) fn receipts(replica: &Replica) -> String {
    let (review, client) = (replica.review(), replica.client());
    let proof = |receipt: &Receipt| {
        let Receipt { client, seq, version, hash, at, .. } = *receipt;
        Proof { client, seq, version, hash, at }
    };
    let receipts = replica.receipts().iter().map(proof).collect();
    write(&ReceiptsExport { format: FORMAT, review, client, receipts })
}

fn write(export: &impl Serialize) -> String {
    let text = serde_json::to_string(export).unwrap_or_default();
    debug_assert!(!text.is_empty(), "an export is plain data and always encodes");
    text
}
