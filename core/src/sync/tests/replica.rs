//! The replica's rules.

use super::*;

/// A replica of `user`'s that is online at the created review.
pub(super) fn replica(n: u128) -> Replica {
    let mut replica = unsaved(n);
    drain(&mut replica, 0);
    replica
}

pub(super) fn unsaved(n: u128) -> Replica {
    let (_, review, head) = created();
    let mut replica = Replica::new(client(n), user(n), review.id, 50);
    replica.opening();
    replica.opened(0, opened_whole(review, head)).unwrap();
    replica
}

/// Runs every effect; what was saved.
pub(super) fn saves(replica: &mut Replica, now: u64) -> Vec<Save> {
    let mut saves = vec![];
    while let Some(effect) = replica.poll() {
        if let ReplicaEffect::Save { generation, state } = effect {
            saves.push(*state);
            replica.saved(now, generation);
        }
    }
    saves
}

/// Runs every effect; what was sent and what was told.
pub(super) fn drain(replica: &mut Replica, now: u64) -> (Vec<Frozen>, Vec<Event>) {
    let (mut sent, mut told) = (vec![], vec![]);
    while let Some(effect) = replica.poll() {
        match effect {
            ReplicaEffect::Save { generation, .. } => replica.saved(now, generation),
            ReplicaEffect::Send(frozen) => sent.push(frozen),
            ReplicaEffect::Event(event) => told.push(event),
        }
    }
    (sent, told)
}

#[test]
fn a_batch_is_saved_before_it_is_sent_and_resent_as_it_was() {
    let mut replica = unsaved(1);
    let mut all = saves(&mut replica, 0);
    replica.add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "a").unwrap();
    let Some(ReplicaEffect::Save { generation, .. }) = replica.poll() else { panic!("a save") };
    replica.saved(0, generation);
    assert_eq!(replica.wake_at(), Some(50));
    replica.tick(50);
    let mut effects = std::iter::from_fn(|| replica.poll()).collect::<Vec<_>>();
    let save = effects.iter().position(|e| matches!(e, ReplicaEffect::Save { .. })).unwrap();
    let ReplicaEffect::Save { generation, state } = effects.remove(save) else { unreachable!() };
    assert!(!effects.iter().any(|e| matches!(e, ReplicaEffect::Send(_))), "not sent before it is saved");
    assert!(state.pending.in_flight.is_some());
    replica.saved(50, generation);
    let first = drain(&mut replica, 50).0;
    replica.insert_more();
    replica.tick(20_000);
    let again = drain(&mut replica, 20_000).0;
    assert_eq!(first, again, "byte for byte");
    let (_, _, head) = created();
    all.push(*state);
    let mut restored = Replica::restore(0, saved_parts(&all), 50);
    restored.opening();
    restored.opened(1, opened(head)).unwrap();
    assert_eq!(drain(&mut restored, 1).0, first, "after a restart as well");
}

impl Replica {
    fn insert_more(&mut self) {
        self.replace_text(60, comment(1), 1, 0, "b").unwrap();
    }
}

#[test]
fn offline_edits_compose_into_one_batch() {
    let mut replica = replica(1);
    replica.offline();
    replica.add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "a").unwrap();
    for n in 0..100 {
        replica.replace_text(n, comment(1), 1, 0, "\u{1F600}").unwrap();
    }
    assert_eq!(replica.unsynced(), Unsynced { count: 1, of: 1, since: Some(0) });
    replica.opening();
    let (_, _, head) = created();
    replica.opened(5_000, opened(head)).unwrap();
    let sent = drain(&mut replica, 5_000).0;
    let batch: Batch = serde_json::from_str(&sent[0].payload).unwrap();
    assert_eq!(batch.changes.len(), 1);
}

#[test]
fn carets_are_carried_between_what_each_side_shows() {
    let mut server = Server::new();
    server.take(2, 1, 1, vec![add(1, "abc")]);
    let mut replica = replica(1);
    let mut head = replica.head().unwrap();
    let mut receive = |replica: &mut Replica, entry: &Entry| {
        let encoded = EncodedEntry::new(entry, head.hash);
        head = Head { version: encoded.version, hash: encoded.hash };
        replica.receive(0, &encoded).unwrap();
    };
    receive(&mut replica, &server.delivered[0]);
    replica.replace_text(0, comment(1), 0, 0, "mine ").unwrap();
    let outgoing = replica.selection_confirmed(comment(1), Range { anchor: 6, head: 7 }).unwrap();
    assert_eq!((outgoing.anchor, outgoing.head, outgoing.version), (1, 2, 2));
    let presence = Presence {
        session: SessionId(Uuid::from_u128(5)),
        user: User { id: user(2), display_name: DisplayName::new("Bo").unwrap() },
        place: PresencePlace::default(),
        selection: Some(Selection { comment: comment(1), version: 2, anchor: 1, head: 3 }),
        writing: false,
        active: true,
        last_seen: 0,
    };
    replica.presence_changed(PresenceChange::Here(presence));
    server.take(2, 2, 2, vec![edit(1, "[1,\"__\",2]")]);
    receive(&mut replica, &server.delivered[1]);
    let shown = replica.presence()[0].selection.unwrap();
    assert_eq!(replica.comment(comment(1)).unwrap().text.as_str(), "mine a__bc");
    assert_eq!((shown.anchor, shown.head), (8, 10));
}

#[test]
fn what_cannot_be_done_changes_nothing() {
    let mut replica = replica(1);
    let line = || Place::Line(Anchor::head("x", 1));
    replica.add_comment(0, comment(1), line(), "ab").unwrap();
    assert_eq!(replica.add_comment(0, comment(1), line(), "ab"), Err(EditError::DuplicateComment));
    assert!(matches!(replica.replace_text(0, comment(1), 1, 2, ""), Err(EditError::Op(_))));
    assert!(matches!(replica.replace_text(0, comment(1), usize::MAX, 2, ""), Err(EditError::Op(_))));
    assert_eq!(replica.replace_text(0, comment(9), 0, 0, "x"), Err(EditError::UnknownComment));
    let nowhere = Place::Line(Anchor::head("x".repeat(Limits::PATH_BYTES + 1), 1));
    assert_eq!(replica.add_comment(0, comment(2), nowhere, ""), Err(EditError::BadPlace));
    let max = Limits::default().comment_chars;
    let long = "x".repeat(max);
    assert_eq!(replica.replace_text(0, comment(1), 0, 0, &long), Err(EditError::TextTooLong { max }));
    let no = replica.set_field(0, Entity::Review, "status", FieldValue::Flag(true));
    assert_eq!(no, Err(EditError::BadValue));
    assert_eq!(replica.comment(comment(1)).unwrap().text.as_str(), "ab");
    assert_eq!(replica.unsynced().count, 1);
}

#[test]
fn a_value_that_was_hidden_was_not_seen() {
    let mut server = Server::new();
    let mut replica = replica(1);
    replica.set_field(0, Entity::Review, "status", Status::Approved.into()).unwrap();
    let head = replica.head().unwrap();
    server.take(2, 1, 1, vec![status(Status::ChangesRequested, 1, 900)]);
    replica.receive(0, &EncodedEntry::new(&server.delivered[0], head.hash)).unwrap();
    assert_eq!(replica.status(), Status::Approved, "one's own stays on top");
    replica.set_field(0, Entity::Review, "status", Status::Pending.into()).unwrap();
    replica.tick(1_000);
    let sent = drain(&mut replica, 1_000).0.remove(0);
    let batch: Batch = serde_json::from_str(&sent.payload).unwrap();
    let Change::FieldsChanged { fields, .. } = &batch.changes[0] else { panic!("a field") };
    assert_eq!(
        (batch.base, fields["status"].seen),
        (2, 1),
        "so the server can tell that they are concurrent"
    );
}

#[test]
fn a_clock_that_is_set_back_delays_nothing() {
    let mut replica = replica(1);
    replica.tick(3_600_000);
    replica.add_comment(3_600_000, comment(1), Place::Line(Anchor::head("x", 1)), "a").unwrap();
    replica.tick(1_000);
    drain(&mut replica, 1_000);
    replica.tick(1_050);
    assert_eq!(drain(&mut replica, 1_050).0.len(), 1);
    replica.tick(100);
    assert!(replica.wake_at().unwrap() <= 5_100);
}

#[test]
fn what_does_not_fit_is_not_built_upon() {
    let mut replica = replica(1);
    let head = replica.head().unwrap();
    let op: TextOp = serde_json::from_str("[7]").unwrap();
    let facts = vec![Fact::TextEdited { comment: comment(1), op, checksum: 0 }];
    let (format, author) = (ENTRY_FORMAT, user(2));
    let broken =
        Entry { format, version: 2, author, client: client(2), seq: 1, at: 5, facts, verdicts: vec![] };
    let received = replica.receive(0, &EncodedEntry::new(&broken, head.hash));
    assert_eq!(received, Err(ResyncReason::Diverged));
    assert_eq!(replica.head(), None, "the next opening starts over");
    replica.flush(0);
    replica.add_comment(0, comment(2), Place::Line(Anchor::head("x", 1)), "still").unwrap();
    let saved = saves(&mut replica, 0).pop().unwrap();
    assert_eq!(
        (saved.pending.head, &saved.confirmed),
        (head, &SavedConfirmed::Same),
        "nothing of it is saved"
    );
    assert!(saved.precious, "but what is typed meanwhile is");
    let (_, review, head) = created();
    replica.opening();
    replica.opened(0, opened_whole(review, head)).unwrap();
    assert_eq!(replica.head(), Some(head));
}

#[test]
fn what_waits_is_tried_later_or_at_once() {
    let mut replica = replica(1);
    replica.add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "a").unwrap();
    replica.tick(50);
    let first = drain(&mut replica, 50).0;
    replica.spread_resend(|wait| wait / 5);
    let sent = |replica: &mut Replica, now| {
        replica.tick(now);
        drain(replica, now).0.len()
    };
    assert_eq!((sent(&mut replica, 1_849), sent(&mut replica, 1_850)), (0, 1));
    replica.try_again(1_900);
    assert!(drain(&mut replica, 1_900).0.is_empty(), "it has just gone out");
    replica.try_again(2_000);
    assert_eq!(drain(&mut replica, 2_000).0, first);
    let Some(wake_at) = replica.wake_at() else { panic!("it is sent again") };
    assert!(wake_at > 2_000 + 5_000, "waits grow all the same");
}

#[test]
fn starting_over_keeps_saving() {
    let mut replica = replica(1);
    replica.start_over();
    assert_eq!(replica.opening().have, None);
    replica.add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "a").unwrap();
    assert!(!replica.is_saved());
    assert_eq!(saves(&mut replica, 0).len(), 1);
    let (_, review, head) = created();
    replica.opened(0, opened_whole(review, head)).unwrap();
    assert_eq!((replica.head(), replica.unsynced().count), (Some(head), 1));
}
