//! What every store has to do, on each of them: natively in `store_suite.rs`, in a browser in `tests/browser`.

mod parts;
mod slots;

use std::sync::Arc;

use futures_util::future::{LocalBoxFuture, join_all};
use interline::store::{Confirmed, Owner, Record, Scope, Stored};
use interline::{ClientId, ReviewId, Store, UserId};
use interline_core::entry::{EncodedEntry, Hash};
use uuid::Uuid;

/// Opens a store on the same records, again and again.
pub type Open<'a> = &'a dyn Fn() -> LocalBoxFuture<'a, Arc<dyn Store>>;

/// A test of the suite.
pub type Test = for<'a> fn(Open<'a>) -> LocalBoxFuture<'a, ()>;

/// The tests by name.
macro_rules! suite {
    ($($module:ident :: $test:ident),* $(,)?) => {
        pub const SUITE: &[(&str, Test)] = &[$((stringify!($test), |open| Box::pin($module::$test(open)))),*];
    };
}

suite! {
    parts::records_come_back_as_they_were_saved,
    parts::entries_come_behind_what_was_saved,
    parts::a_save_that_fails_changes_nothing,
    parts::large_texts_come_back,
    parts::what_is_set_aside_is_kept,
    parts::nothing_is_written_over_what_was_set_aside,
    parts::a_look_changes_nothing,
    parts::saves_at_the_same_time_all_arrive,
    slots::keys_lead_to_reviews,
    slots::owners_do_not_see_one_another,
    slots::a_client_goes_on_where_the_one_before_it_stopped,
    slots::a_client_that_names_itself_keeps_to_itself,
    slots::each_living_client_has_a_slot_to_itself,
    slots::an_empty_slot_is_not_taken_under_its_id,
    slots::orphans_are_run_to_the_end_under_their_own_id,
    slots::whoever_holds_nothing_gets_nothing,
}

pub fn owner(user: &str) -> Owner {
    Owner { server: "http://127.0.0.1:8080".into(), user: UserId::new(user).unwrap() }
}

pub fn client(n: u128) -> ClientId {
    ClientId(Uuid::from_u128(n))
}

pub fn review(n: u128) -> ReviewId {
    ReviewId(Uuid::from_u128(n))
}

/// Begins a client with a fresh id.
pub async fn begin(store: &Arc<dyn Store>, owner: &Owner) -> Scope {
    let fresh = ClientId(Uuid::now_v7());
    Scope { owner: owner.clone(), client: store.client_id(owner, fresh).await.unwrap() }
}

/// What a store must not trip over.
const ODD: &str = "typed since \u{2028} \\ \" – ünïcode 🙂 \u{0} ";

/// A record that is precious; `n` tells one from another.
pub fn record(n: u64) -> Record {
    Record {
        pending: format!("{ODD}{n}"),
        ledger: Some(format!("ledger {n}")),
        confirmed: Confirmed::Whole(format!("confirmed {n}")),
        precious: true,
    }
}

/// What comes back of it.
pub fn stored(n: u64) -> Stored {
    Stored {
        pending: format!("{ODD}{n}"),
        ledger: Some(format!("ledger {n}")),
        confirmed: Some(format!("confirmed {n}")),
        entries: Vec::new(),
        damaged: None,
    }
}

pub fn entries(versions: std::ops::RangeInclusive<u64>) -> Vec<EncodedEntry> {
    let entry = |version: u64| EncodedEntry {
        version,
        hash: Hash::of(&version.to_le_bytes()),
        payload: format!("{{\"version\":{version}}}").into(),
    };
    versions.map(entry).collect()
}

/// Only what is pending, and what of the confirmed review changed.
pub fn keystroke(pending: &str, confirmed: Confirmed) -> Record {
    Record { pending: pending.into(), ledger: None, confirmed, precious: true }
}

async fn all(futures: impl IntoIterator<Item = impl Future<Output = ()>>) {
    join_all(futures).await;
}
