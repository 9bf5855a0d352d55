//! A store that fails on demand.

#![allow(dead_code, reason = "each of the test programs that share this uses a part of it")]

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use interline_core::entry::{Answer, EncodedEntry, Head};
use interline_core::id::{ClientId, ReviewId, User, UserId, Version};
use interline_core::review::Marks;
use interline_server::store::{
    AppendOutcome, Creation, DraftsOf, NewReview, PatchSetRow, ReviewAppend, ReviewRow, Store, StoreError,
    StoredSnapshot,
};

/// What goes wrong with one append.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// It does not happen, for certain.
    Full,
    /// It does not happen, and nobody is told.
    Silent,
    /// It happens, and nobody is told.
    SilentlyDone,
    /// It never ends.
    Stuck,
}

/// A store that fails on demand.
pub(crate) struct Faulty {
    inner: Arc<dyn Store>,
    /// What goes wrong with the next appends, one each.
    pub(crate) faults: Mutex<VecDeque<Fault>>,
    /// Whether last answers cannot be read.
    pub(crate) no_answers: AtomicBool,
    /// Whether it stays open when a server closes it, for others use it as well.
    pub(crate) kept: AtomicBool,
    /// How many appends there were.
    pub(crate) commits: AtomicU32,
    /// How often it was asked where logs end.
    pub(crate) looks: AtomicU32,
    /// How many entries were read.
    pub(crate) read: AtomicU32,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn Store>, faults: &[Fault]) -> Arc<Faulty> {
        let faults = Mutex::new(faults.iter().copied().collect());
        Arc::new(Faulty {
            inner,
            faults,
            no_answers: AtomicBool::new(false),
            kept: AtomicBool::new(false),
            commits: AtomicU32::new(0),
            looks: AtomicU32::new(0),
            read: AtomicU32::new(0),
        })
    }
}

#[async_trait]
impl Store for Faulty {
    fn describe(&self) -> String {
        self.inner.describe()
    }
    fn identity(&self) -> String {
        self.inner.identity()
    }
    async fn create_review(&self, new: NewReview) -> Result<Creation, StoreError> {
        self.inner.create_review(new).await
    }
    async fn find_review(&self, name: &str) -> Result<Option<ReviewRow>, StoreError> {
        self.inner.find_review(name).await
    }
    async fn find_log(&self, id: ReviewId) -> Result<Option<ReviewRow>, StoreError> {
        self.inner.find_log(id).await
    }
    async fn heads(&self, logs: &[ReviewId]) -> Result<HashMap<ReviewId, Head>, StoreError> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.inner.heads(logs).await
    }
    async fn open_drafts(&self, of: &DraftsOf) -> Result<ReviewRow, StoreError> {
        self.inner.open_drafts(of).await
    }
    async fn list_reviews(&self, after: Option<ReviewId>, limit: u32) -> Result<Vec<ReviewRow>, StoreError> {
        self.inner.list_reviews(after, limit).await
    }
    async fn entries(
        &self,
        review: ReviewId,
        after: Version,
        limit: u32,
    ) -> Result<Vec<EncodedEntry>, StoreError> {
        let entries = self.inner.entries(review, after, limit).await?;
        self.read.fetch_add(entries.len() as u32, Ordering::Relaxed);
        Ok(entries)
    }
    async fn kept_after(&self, review: ReviewId) -> Result<Version, StoreError> {
        self.inner.kept_after(review).await
    }
    async fn holds(&self, review: ReviewId, head: Head) -> Result<bool, StoreError> {
        self.inner.holds(review, head).await
    }
    async fn put_snapshot(&self, review: ReviewId, head: Head, state: &str) -> Result<(), StoreError> {
        self.inner.put_snapshot(review, head, state).await
    }
    async fn newest_snapshot(
        &self,
        review: ReviewId,
        at_most: Option<Version>,
    ) -> Result<Option<StoredSnapshot>, StoreError> {
        self.inner.newest_snapshot(review, at_most).await
    }
    async fn trim(&self, review: ReviewId, up_to: Version) -> Result<Version, StoreError> {
        self.inner.trim(review, up_to).await
    }
    async fn last_answers(
        &self,
        review: ReviewId,
        clients: &[ClientId],
    ) -> Result<HashMap<ClientId, Answer>, StoreError> {
        if self.no_answers.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("cannot be read".to_owned()));
        }
        self.inner.last_answers(review, clients).await
    }
    async fn patch_set(&self, review: ReviewId, number: u32) -> Result<Option<String>, StoreError> {
        self.inner.patch_set(review, number).await
    }
    async fn line_map(&self, review: ReviewId, number: u32) -> Result<Option<String>, StoreError> {
        self.inner.line_map(review, number).await
    }
    async fn patch_sets(&self, review: ReviewId) -> Result<Vec<PatchSetRow>, StoreError> {
        self.inner.patch_sets(review).await
    }
    async fn merge_marks(&self, review: ReviewId, user: &UserId, more: &Marks) -> Result<Marks, StoreError> {
        self.inner.merge_marks(review, user, more).await
    }
    async fn claim_client(&self, client: ClientId, user: &UserId) -> Result<bool, StoreError> {
        self.inner.claim_client(client, user).await
    }
    async fn put_user(&self, user: &User) -> Result<(), StoreError> {
        self.inner.put_user(user).await
    }
    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        self.inner.users(ids).await
    }
    async fn append(&self, appends: &[ReviewAppend]) -> Result<Vec<AppendOutcome>, StoreError> {
        self.commits.fetch_add(1, Ordering::Relaxed);
        let fault = self.faults.lock().unwrap().pop_front();
        match fault {
            None => return self.inner.append(appends).await,
            Some(Fault::Full) => return Err(StoreError::Full("no space left".to_owned())),
            Some(Fault::SilentlyDone) => drop(self.inner.append(appends).await?),
            Some(Fault::Stuck) => std::future::pending().await,
            Some(Fault::Silent) => {}
        }
        Err(StoreError::UnknownOutcome("no answer".to_owned()))
    }
    fn may_lose_its_end(&self) -> bool {
        self.inner.may_lose_its_end()
    }
    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
    async fn close(&self) {
        if !self.kept.load(Ordering::Relaxed) {
            self.inner.close().await;
        }
    }
}
