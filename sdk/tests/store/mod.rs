//! What the tests of stores share: owners, and replicas with something of everything in them.

use std::sync::Arc;

use interline::store::{Owner, Scope};
use interline::{Anchor, ClientId, CommentId, ReviewId, Saved, Store, UserId};
use interline_core::entry::{Entry, Fact, Hash, Head};
use interline_core::review::{Place, Review};
use interline_core::sync::{Replica, ReplicaEffect};
use uuid::Uuid;

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

/// A replica with a batch in flight, something typed since, and something that was refused. `next_seq` tells one
/// from another.
pub fn saved(scope: &Scope, id: ReviewId, next_seq: u64) -> Saved {
    let (user, client) = (scope.owner.user.clone(), scope.client);
    let mut confirmed = Review::new(id);
    let facts =
        vec![Fact::ReviewCreated { title: "A title – ünïcode 🙂".into() }, Fact::PatchSetAdded { number: 1 }];
    let (author, nobody) = (UserId::new("root").unwrap(), ClientId(Uuid::nil()));
    let entry =
        Entry { format: 1, version: 1, author, client: nobody, seq: 1, at: 1, facts, verdicts: Vec::new() };
    confirmed.apply(&entry).unwrap();
    let head = Head { version: 1, hash: Hash::of(b"head") };
    let mut replica = Replica::new(client, user, id, 10);
    let line = Place::Line(Anchor::head("src/lib.rs", 2));
    let add = |replica: &mut Replica, now, n, text: &str| {
        replica.add_comment(now, CommentId(Uuid::from_u128(n)), line.clone(), text).unwrap();
    };
    replica.snapshot(0, confirmed.clone(), head).unwrap();
    add(&mut replica, 1, 1, "in flight");
    replica.flush(2);
    add(&mut replica, 3, 2, "refused \u{2028} \\ \" ");
    // Starting over takes what was buffered out, and keeps it.
    replica.snapshot(4, confirmed, head).unwrap();
    add(&mut replica, 5, 3, "typed since");
    let state = std::iter::from_fn(|| replica.poll()).find_map(|effect| match effect {
        ReplicaEffect::Save { state, .. } => Some(state),
        _ => None,
    });
    let mut state = *state.unwrap();
    assert!(state.in_flight.is_some() && !state.buffer.is_empty() && state.rejected.len() == 1);
    state.next_seq = next_seq;
    state
}
