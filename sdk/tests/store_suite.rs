//! The suite of stores on those that are native.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code, reason = "each of the tests that share it uses another part")]
#[path = "store/mod.rs"]
mod common;

use std::sync::Arc;

use common::{SUITE, Test};
use futures_util::FutureExt;
use interline::{FileStore, MemoryStore, Store};

fn named(name: &str) -> Test {
    SUITE.iter().find(|(known, _)| *known == name).unwrap().1
}

macro_rules! on_each {
    ($($test:ident)*) => {
        mod memory {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let store = MemoryStore::new();
                let open = || async { Arc::new(store.clone()) as Arc<dyn Store> }.boxed_local();
                named(stringify!($test))(&open).await;
            })*
        }
        mod file {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let dir = tempfile::tempdir().unwrap();
                let open = || async { Arc::new(FileStore::open(dir.path()).unwrap()) as Arc<dyn Store> }.boxed_local();
                named(stringify!($test))(&open).await;
            })*
        }
        #[test]
        fn every_test_of_the_suite_is_run() {
            let here = [$(stringify!($test)),*];
            assert_eq!(here.to_vec(), SUITE.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        }
    };
}

on_each! {
    records_come_back_as_they_were_saved
    entries_come_behind_what_was_saved
    a_save_that_fails_changes_nothing
    large_texts_come_back
    what_is_set_aside_is_kept
    nothing_is_written_over_what_was_set_aside
    a_look_changes_nothing
    saves_at_the_same_time_all_arrive
    keys_lead_to_reviews
    owners_do_not_see_one_another
    a_client_goes_on_where_the_one_before_it_stopped
    a_client_that_names_itself_keeps_to_itself
    each_living_client_has_a_slot_to_itself
    an_empty_slot_is_not_taken_under_its_id
    orphans_are_run_to_the_end_under_their_own_id
    whoever_holds_nothing_gets_nothing
}
