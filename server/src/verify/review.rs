//! One review: its log, its head row, its snapshots, its patch sets, its answers.

use interline_core::id::{ReviewId, Version};

use super::problems::Problems;
use super::receipts::Due;
use super::walk::Walk;
use super::{answers, patch_sets};
use crate::store::{Audit, ReviewSummary, StoreError};

/// Entries read at once.
const PAGE: u32 = 500;

/// How a review is.
#[derive(Default)]
pub(super) struct Checked {
    pub(super) entries: u64,
    pub(super) snapshots: u64,
    /// The snapshot that what is kept begins with, of a log that was trimmed.
    pub(super) begins_at: Option<Version>,
    pub(super) problems: Problems,
}

pub(super) async fn check(audit: &mut dyn Audit, id: ReviewId, due: Due) -> Checked {
    let mut checked = Checked::default();
    if let Err(error) = as_of_one_moment(audit, id, due, &mut checked).await {
        checked.problems.add(format!("it cannot be read: {error}"));
    }
    checked
}

async fn as_of_one_moment(
    audit: &mut dyn Audit,
    id: ReviewId,
    due: Due,
    checked: &mut Checked,
) -> Result<(), StoreError> {
    audit.begin().await?;
    let read = read(audit, id, due, checked).await;
    let ended = audit.end().await;
    read.and(ended)
}

async fn read(
    audit: &mut dyn Audit,
    id: ReviewId,
    due: Due,
    checked: &mut Checked,
) -> Result<(), StoreError> {
    let Some(row) = audit.head(id).await? else { return Ok(()) };
    let mut walk = Walk::new(id, row.trimmed_to, due);
    let read = async {
        let snapshots = audit.snapshots(id).await?;
        checked.snapshots = snapshots.len() as u64;
        let last = row.head.version;
        if let Some(outside) = audit.outside(id, last).await? {
            walk.problems.add(format!(
                "entries outside of 1 to {last}: {}, at versions {} to {}",
                outside.rows, outside.lowest, outside.highest
            ));
        }
        along(audit, id, snapshots, &mut walk).await?;
        walk.end();
        if walk.at != row.head {
            walk.problems.add(format!(
                "the head row says version {} ({}), the log ends at {} ({})",
                row.head.version, row.head.hash, walk.at.version, walk.at.hash
            ));
        }
        listed(row.created_at, &row.summary, &mut walk);
        private(id, row.drafts_of, row.owner, &mut walk);
        let newest = walk.review().map(|review| review.patch_set);
        patch_sets::check(audit, id, newest, &mut walk.problems).await?;
        answers::check(audit, id, row.trimmed_to, &mut walk).await
    }
    .await;
    checked.entries = walk.entries;
    checked.begins_at = walk.begins_at;
    checked.problems = walk.problems;
    read
}

/// What lists show is what the log is folded to.
fn listed(created_at: u64, summary: &ReviewSummary, walk: &mut Walk) {
    let Some(review) = walk.review() else { return };
    let comments = review.comments.values().filter(|comment| comment.removed.is_none()).count();
    let pairs = [
        ("title", format!("{:?}", summary.title), format!("{:?}", review.title())),
        ("status", format!("{:?}", summary.status), format!("{:?}", review.status().name())),
        ("number of comments", summary.comments.to_string(), comments.to_string()),
        ("time of creation", created_at.to_string(), review.created_at.to_string()),
    ];
    for (what, listed, folded) in pairs.into_iter().filter(|(_, listed, folded)| listed != folded) {
        walk.problems.add(format!("the head row's {what} is {listed}, by the log it is {folded}"));
    }
}

/// Whose drafts it is, is what the log was opened as: the head row keeps everybody else out.
fn private(id: ReviewId, of: Option<ReviewId>, owner: Option<String>, walk: &mut Walk) {
    let Some(review) = walk.review() else { return };
    let drafts = review.drafts.as_ref();
    let opened = drafts.map(|drafts| (drafts.review, drafts.owner.as_str().to_owned()));
    let derived = drafts.is_none_or(|drafts| drafts.review.drafts_of(&drafts.owner) == id);
    if of.zip(owner.clone()) != opened || of.is_some() != owner.is_some() {
        walk.problems
            .add("by the head row it is not the log of drafts, or the review, that it was opened as");
    }
    if !derived {
        walk.problems.add("its id is not that of the drafts that it was opened as");
    }
}

async fn along(
    audit: &mut dyn Audit,
    id: ReviewId,
    snapshots: Vec<u64>,
    walk: &mut Walk,
) -> Result<(), StoreError> {
    let mut snapshots = snapshots.into_iter().peekable();
    loop {
        let page = audit.entries(id, walk.at.version, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for entry in page {
            let version = entry.version;
            walk.take(entry);
            while let Some(at) = snapshots.next_if(|at| *at <= version) {
                if at == version {
                    walk.compare(id, &audit.snapshot(id, at).await?);
                } else {
                    walk.problems.add(format!("snapshot {at}: the log does not go through it"));
                }
            }
        }
    }
    for at in snapshots {
        walk.problems.add(format!("snapshot {at}: the log ends before it, at {}", walk.at.version));
    }
    Ok(())
}
