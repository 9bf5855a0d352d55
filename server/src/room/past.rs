//! A review as it was.

use std::sync::Arc;

use interline_core::id::{ReviewId, UserId, Version};
use interline_core::wire::ErrorCode;
use tokio::sync::Semaphore;

use super::load::{PAGE, start};
use super::{Failure, View};
use crate::store::{Store, StoreError};

/// How many look back at once, each with a page of entries or a snapshot in memory; the others wait.
pub(super) static LOOKING_BACK: Semaphore = Semaphore::const_new(4);

impl Failure {
    /// What happened up to a version cannot be told any more.
    pub(crate) fn not_kept(version: Version, oldest: Version) -> Failure {
        let message = format!("version {version} is not kept any more; the oldest that is is {oldest}");
        Failure::new(ErrorCode::VersionNotKept, message)
    }

    /// There is no such version.
    pub(crate) fn unknown_version(version: Version, head: Version) -> Failure {
        let message = format!("there is no version {version}; the newest is {head}");
        Failure::new(ErrorCode::UnknownVersion, message)
    }
}

/// A review as of a version, from the nearest snapshot before it.
pub(crate) async fn review_at(
    store: &dyn Store,
    id: ReviewId,
    version: Version,
    newest: Version,
) -> Result<View, Failure> {
    if version == 0 || version > newest {
        return Err(Failure::unknown_version(version, newest));
    }
    let _one_of_a_few = LOOKING_BACK.acquire().await;
    let mut fold = start(store, id, Some(version)).await?;
    while fold.head.version < version {
        let count = u64::from(PAGE).min(version - fold.head.version);
        let page = match store.entries(id, fold.head.version, count as u32).await {
            Err(StoreError::Trimmed { oldest, .. }) => return Err(Failure::not_kept(version, oldest)),
            page => page?,
        };
        if page.is_empty() {
            return Err(
                StoreError::corrupt(id, format!("its log ends early, at {}", fold.head.version)).into()
            );
        }
        let folded = tokio::task::spawn_blocking(move || {
            page.iter().try_for_each(|encoded| fold.take(encoded))?;
            Ok::<_, String>(fold)
        });
        let folded = folded.await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        fold = folded.map_err(|what| StoreError::corrupt(id, what))?;
    }
    let authors: Vec<UserId> = fold.authors.into_iter().collect();
    let users = store.users(&authors).await?;
    Ok(View { review: Arc::new(fold.review), head: fold.head, users })
}
