//! Records and their parts.

use interline::store::{Confirmed, Part, Record, Stored};
use interline::{Store, StoreErrorKind};

use super::{Open, all, begin, entries, keystroke, owner, record, review, stored};

pub async fn records_come_back_as_they_were_saved(open: Open<'_>) {
    let store = open().await;
    let ann = begin(&store, &owner("ann")).await;
    assert_eq!(store.load(&ann, review(1)).await.unwrap(), None);
    assert!(store.list(&ann).await.unwrap().is_empty());
    for (id, n) in [(review(9), 1), (review(1), 1), (review(1), 2), (review(u128::MAX), 1)] {
        store.save(&ann, id, &record(n)).await.unwrap();
    }
    assert_eq!(store.load(&ann, review(1)).await.unwrap(), Some(stored(2)));
    assert_eq!(store.load(&ann, review(9)).await.unwrap(), Some(stored(1)));
    assert_eq!(store.list(&ann).await.unwrap(), [review(1), review(9), review(u128::MAX)]);
    store.remove(&ann, review(9)).await.unwrap();
    store.remove(&ann, review(9)).await.unwrap();
    assert_eq!(store.load(&ann, review(9)).await.unwrap(), None);
    assert_eq!(store.list(&ann).await.unwrap(), [review(1), review(u128::MAX)]);
    // The least that a record can be.
    let least = Record { pending: String::new(), ledger: None, confirmed: Confirmed::Same, precious: false };
    store.save(&ann, review(2), &least).await.unwrap();
    let nothing = || Stored { pending: String::new(), ledger: None, confirmed: None, ..stored(0) };
    assert_eq!(store.load(&ann, review(2)).await.unwrap(), Some(nothing()));
    let empty = Record { ledger: Some(String::new()), confirmed: Confirmed::Whole(String::new()), ..least };
    store.save(&ann, review(2), &empty).await.unwrap();
    let empty = Stored { ledger: Some(String::new()), confirmed: Some(String::new()), ..nothing() };
    assert_eq!(store.load(&ann, review(2)).await.unwrap(), Some(empty), "empty is not the same as none");
}

pub async fn entries_come_behind_what_was_saved(open: Open<'_>) {
    let store = open().await;
    let ann = begin(&store, &owner("ann")).await;
    let (one, other) = (review(1), review(2));
    store.save(&ann, one, &record(1)).await.unwrap();
    store.save(&ann, other, &record(1)).await.unwrap();
    for part in [entries(5..=6), entries(7..=7), Vec::new(), entries(8..=300)] {
        store.save(&ann, one, &keystroke("more", Confirmed::Behind(part))).await.unwrap();
    }
    store.save(&ann, other, &keystroke("b", Confirmed::Behind(entries(6..=6)))).await.unwrap();
    store.save(&ann, one, &keystroke("last", Confirmed::Same)).await.unwrap();
    let found = store.load(&ann, one).await.unwrap().unwrap();
    assert_eq!(found, Stored { pending: "last".into(), entries: entries(5..=300), ..stored(1) });
    // A whole review takes their place, of this review alone.
    let whole = Record { ledger: None, ..record(2) };
    store.save(&ann, one, &whole).await.unwrap();
    let found = store.load(&ann, one).await.unwrap().unwrap();
    assert_eq!(found, Stored { ledger: Some("ledger 1".into()), ..stored(2) });
    store.save(&ann, one, &keystroke("behind", Confirmed::Behind(entries(301..=301)))).await.unwrap();
    assert_eq!(store.load(&ann, one).await.unwrap().unwrap().entries, entries(301..=301));
    store.remove(&ann, one).await.unwrap();
    store.save(&ann, one, &record(3)).await.unwrap();
    assert_eq!(store.load(&ann, one).await.unwrap(), Some(stored(3)), "nothing comes back");
    assert_eq!(store.load(&ann, other).await.unwrap().unwrap().entries, entries(6..=6));
}

pub async fn a_save_that_fails_changes_nothing(open: Open<'_>) {
    let store = open().await;
    let ann = begin(&store, &owner("ann")).await;
    let behind =
        || Record { ledger: Some("new".into()), ..keystroke("new", Confirmed::Behind(entries(1..=2))) };
    assert!(store.save(&ann, review(1), &behind()).await.is_err(), "behind nothing");
    assert_eq!(store.load(&ann, review(1)).await.unwrap(), None);
    assert!(store.list(&ann).await.unwrap().is_empty());
    store.save(&ann, review(1), &keystroke("old", Confirmed::Same)).await.unwrap();
    assert!(store.save(&ann, review(1), &behind()).await.is_err());
    let old = Stored { pending: "old".into(), ledger: None, confirmed: None, ..stored(0) };
    assert_eq!(store.load(&ann, review(1)).await.unwrap(), Some(old));
}

pub async fn large_texts_come_back(open: Open<'_>) {
    let store = open().await;
    let ann = begin(&store, &owner("ann")).await;
    let large = |c: &str| c.repeat(1_000_000 / c.len());
    let saved = Record {
        pending: large("pending 🙂"),
        ledger: Some(large("ledger ")),
        confirmed: Confirmed::Whole(large("ü")),
        precious: false,
    };
    store.save(&ann, review(1), &saved).await.unwrap();
    let found = store.load(&ann, review(1)).await.unwrap().unwrap();
    assert!(found.pending == saved.pending && found.ledger == saved.ledger);
    assert!(found.confirmed.is_some_and(|text| text == large("ü")));
}

pub async fn a_look_changes_nothing(open: Open<'_>) {
    let store = open().await;
    let ann = begin(&store, &owner("ann")).await;
    assert_eq!(store.peek(&ann, review(1)).await.unwrap(), None);
    store.save(&ann, review(1), &record(1)).await.unwrap();
    store.save(&ann, review(1), &keystroke("mine", Confirmed::Behind(entries(1..=2)))).await.unwrap();
    assert_eq!(store.peek(&ann, review(1)).await.unwrap().as_deref(), Some("mine"));
    let whole = Stored { pending: "mine".into(), entries: entries(1..=2), ..stored(1) };
    assert_eq!(store.load(&ann, review(1)).await.unwrap(), Some(whole));
    store.set_aside(&ann, review(1), Part::Confirmed).await.unwrap();
    assert_eq!(store.peek(&ann, review(1)).await.unwrap().as_deref(), Some("mine"), "it needs nothing else");
    store.set_aside(&ann, review(1), Part::Record).await.unwrap();
    let error = store.peek(&ann, review(1)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unreadable);
    assert!(open().await.peek(&ann, review(1)).await.is_err(), "not held there");
}

/// What was set aside of a review, by name.
async fn aside(store: &dyn Store, scope: &interline::store::Scope, n: u128) -> Vec<(String, String)> {
    let found = store.unreadable(&scope.owner).await.unwrap();
    assert!(found.is_sorted_by_key(|unreadable| unreadable.at));
    assert!(found.iter().all(|unreadable| unreadable.at > 1_700_000_000_000));
    let texts = found.into_iter().filter(|unreadable| unreadable.review == Some(review(n)));
    let mut texts: Vec<_> =
        texts.map(|found| (found.name, String::from_utf8(found.bytes).unwrap())).collect();
    texts.sort();
    texts
}

fn names(aside: &[(String, String)]) -> Vec<&str> {
    aside.iter().map(|(name, _)| &**name).collect()
}

pub async fn what_is_set_aside_is_kept(open: Open<'_>) {
    let store = open().await;
    let ann = begin(&store, &owner("ann")).await;
    for n in [1, 2] {
        store.save(&ann, review(n), &record(n as u64)).await.unwrap();
        store.save(&ann, review(n), &keystroke("mine", Confirmed::Behind(entries(1..=2)))).await.unwrap();
    }
    assert!(aside(&*store, &ann, 1).await.is_empty());
    store.set_aside(&ann, review(1), Part::Confirmed).await.unwrap();
    store.set_aside(&ann, review(3), Part::Record).await.unwrap();
    let rest = Stored { pending: "mine".into(), confirmed: None, ..stored(1) };
    assert_eq!(store.load(&ann, review(1)).await.unwrap(), Some(rest), "what was pending is not touched");
    let kept = aside(&*store, &ann, 1).await;
    assert_eq!(names(&kept), ["confirmed", "entry 1", "entry 2"]);
    assert_eq!((&*kept[0].1, &*kept[1].1), ("confirmed 1", "{\"version\":1}"));
    // Nothing comes behind what is not there any more, until the server's comes.
    let behind = keystroke("more", Confirmed::Behind(entries(3..=3)));
    assert!(store.save(&ann, review(1), &behind).await.is_err());
    store.save(&ann, review(1), &keystroke("more", Confirmed::Same)).await.unwrap();
    store.save(&ann, review(1), &record(5)).await.unwrap();
    store.save(&ann, review(1), &behind).await.unwrap();
    store.set_aside(&ann, review(1), Part::Ledger).await.unwrap();
    let found = store.load(&ann, review(1)).await.unwrap().unwrap();
    assert_eq!((found.ledger, found.entries.len()), (None, 1));
    store.set_aside(&ann, review(1), Part::Confirmed).await.unwrap();
    let kept = aside(&*store, &ann, 1).await;
    assert_eq!(
        names(&kept),
        ["confirmed", "confirmed", "entry 1", "entry 2", "entry 3", "ledger"],
        "nothing takes the place of what was kept before"
    );
    assert!(aside(&*store, &ann, 2).await.is_empty());
    let other = Stored { pending: "mine".into(), entries: entries(1..=2), ..stored(2) };
    assert_eq!(store.load(&ann, review(2)).await.unwrap(), Some(other), "the other review");
}

pub async fn nothing_is_written_over_what_was_set_aside(open: Open<'_>) {
    let store = open().await;
    let ann = begin(&store, &owner("ann")).await;
    for n in [1, 2] {
        store.save(&ann, review(n), &record(n as u64)).await.unwrap();
    }
    store.set_aside(&ann, review(1), Part::Record).await.unwrap();
    for _ in 0..2 {
        let error = store.load(&ann, review(1)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unreadable, "{error}");
        let error = store.save(&ann, review(1), &keystroke("new", Confirmed::Same)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unreadable, "{error}");
    }
    assert_eq!(store.list(&ann).await.unwrap(), [review(1), review(2)], "it is still there");
    assert_eq!(store.load(&ann, review(2)).await.unwrap(), Some(stored(2)));
    let kept = aside(&*store, &ann, 1).await;
    assert_eq!(names(&kept), ["confirmed", "ledger", "pending"]);
    assert!(kept[2].1.ends_with('1'));
    // Whoever saves the whole review knows what they do.
    store.save(&ann, review(1), &record(3)).await.unwrap();
    assert_eq!(store.load(&ann, review(1)).await.unwrap(), Some(stored(3)));
    store.remove(&ann, review(1)).await.unwrap();
    assert_eq!(aside(&*store, &ann, 1).await, kept);
    store.release(&ann).await;
    let store = open().await;
    assert_eq!(begin(&store, &owner("ann")).await, ann);
    assert_eq!(aside(&*store, &ann, 1).await, kept);
}

pub async fn saves_at_the_same_time_all_arrive(open: Open<'_>) {
    let store = open().await;
    let ann = begin(&store, &owner("ann")).await;
    let saves = (1..=20).map(|n| {
        let (store, ann) = (&store, &ann);
        async move {
            for seq in 1..=3 {
                store.save(ann, review(n), &record(seq)).await.unwrap();
            }
        }
    });
    all(saves).await;
    assert_eq!(store.list(&ann).await.unwrap(), (1..=20).map(review).collect::<Vec<_>>());
    for n in 1..=20 {
        assert_eq!(store.load(&ann, review(n)).await.unwrap(), Some(stored(3)));
    }
}
