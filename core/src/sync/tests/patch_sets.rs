//! New states of the code under review: what becomes of comments, and of those on their way.

use super::*;
use crate::diff::{LineHash, LineMap};
use crate::review::{Comment, PlaceState, Side};

/// Patch set 1 with lines to comment on, patch set 2 with one more before them and one of them gone.
pub(super) const FIRST: &str = "--- a/x\n+++ b/x\n@@ -1,4 +1,5 @@\n one\n-two\n+zwei\n+drei\n four\n five\n";
pub(super) const SECOND: &str = "--- a/x\n+++ b/x\n@@ -1,4 +1,5 @@\n+zero\n one\n-two\n+zwei\n four\n five\n";

pub(super) fn code(diff: &str) -> Arc<PatchSet> {
    Arc::new(PatchSet::parse(diff.as_bytes()).unwrap())
}

pub(super) fn next(number: u32, from: &str, to: &str) -> NewPatchSet {
    let (old, code) = (code(from), code(to));
    let map = Arc::new(LineMap::between(&old, &code));
    let (code_json, map_json) =
        (serde_json::to_string(&*code).unwrap().into(), serde_json::to_string(&*map).unwrap().into());
    let body_hash = Hash::of(to.as_bytes());
    NewPatchSet { number, author: user(9), code, map, code_json, map_json, body_hash, key: None }
}

fn server() -> Server {
    let mut server = Server::new();
    server.sequencer.patch_sets.insert(1, code(FIRST));
    server
}

fn on(n: u128, anchor: Anchor) -> Change {
    let (place, text) = (Place::Line(anchor), format!("comment {n}"));
    Change::CommentAdded { comment: comment(n), place, text, at: HlcTime { ms: 10, n: 0 }, seen: None }
}

fn where_is(comment: &Comment) -> (u32, u32, PlaceState) {
    let Place::Line(anchor) = &comment.place else { panic!("it starts a thread") };
    (anchor.patch_set, anchor.line, comment.state())
}

#[test]
fn lines_are_taken_together_if_the_diff_has_all_of_them() {
    let mut server = server();
    let head = |line: u32, last: u32| Anchor::head("x", line).to(last);
    let wrong = Anchor { span: Some(LineHash::of("other")), ..head(1, 3) };
    let outcomes = server.take(
        1,
        1,
        1,
        vec![
            on(1, head(2, 3)),
            on(2, head(4, 6)),
            on(3, Anchor { last: Some(1), ..head(2, 2) }),
            on(4, wrong),
        ],
    );
    let refused = [(1, Reason::UnknownLine), (2, Reason::UnknownLine), (3, Reason::LineDiffers)];
    assert_eq!(outcomes, refused.map(|(at, reason)| (at, rejected(reason))));
    let Place::Line(anchor) = &server.sequencer.committed().comments[&comment(1)].place else { panic!() };
    assert_eq!((anchor.line, anchor.last_line()), (2, 3));
    assert_eq!(anchor.hash, Some(LineHash::of("zwei")));
    assert_eq!(anchor.span, Some(LineHash::of("zwei\ndrei")));
    let json = serde_json::to_string(&Anchor::head("x", 1)).unwrap();
    assert!(!json.contains("last") && !json.contains("span"), "one line looks as it always has: {json}");
    assert!(!Anchor::head("x", 1).to(1 + Limits::RANGE_LINES).is_possible());
    assert!(Anchor::head("x", 1).to(Limits::RANGE_LINES).is_possible());
}

#[test]
fn comments_move_with_their_lines() {
    let mut server = server();
    let base = Anchor::base("x", 2);
    let changes = vec![
        on(1, Anchor::head("x", 1)),
        on(2, Anchor::head("x", 3)),
        on(3, Anchor::head("x", 4).to(5)),
        on(4, base),
        on(5, Anchor::head("x", 2).to(3)),
        Change::CommentAdded {
            comment: comment(6),
            place: Place::Reply(comment(1)),
            text: "reply".into(),
            at: HlcTime { ms: 11, n: 0 },
            seen: None,
        },
    ];
    server.take(1, 1, 1, changes);
    let mut replica = Replica::new(client(1), user(1), ReviewId(Uuid::from_u128(7)), 0);
    let (before, head) = (server.sequencer.committed().clone(), server.sequencer.head());
    replica.opening();
    let last = server.sequencer.last_answer(client(1)).cloned();
    replica.opened(1, Opened { last, ..opened_whole(before, head) }).unwrap();

    server.sequencer.add_patch_set(2_000, next(2, FIRST, SECOND));
    server.poll();
    assert!(server.patch_sets.is_empty(), "it is not durable yet");
    let append = server.appends[0].clone();
    assert!(append.records[0].patch_set.is_some() && append.records[0].answer.seq == 1);
    server.commit();
    assert_eq!(server.patch_sets, [(2, PatchSetOutcome::Added(3))]);
    let review = server.sequencer.committed().clone();
    let state = |n| where_is(&review.comments[&comment(n)]);
    assert_eq!(state(1), (2, 2, PlaceState::Moved));
    assert_eq!(state(2), (1, 3, PlaceState::Outdated));
    assert_eq!(state(3), (2, 4, PlaceState::Current));
    assert_eq!(state(4), (2, 2, PlaceState::Current));
    assert_eq!(state(5), (1, 2, PlaceState::Outdated), "a part of it is gone");
    assert_eq!(review.comments[&comment(6)].standing, None);
    let gone = review.comments[&comment(2)].standing.clone().unwrap();
    assert_eq!((gone.written.line, gone.file.as_deref()), (3, Some("x")));
    let context: Vec<_> = gone.context.iter().map(|line| (line.line, line.text.as_str())).collect();
    assert_eq!(context, [(1, "one"), (2, "zwei"), (3, "drei"), (4, "four"), (5, "five")]);

    // A replica that gets the entry, and one that gets steps, have the same; and an old digest is none any more.
    let encoded = append.records[0].entry.clone().unwrap();
    replica.receive(3, &encoded).unwrap();
    assert_eq!(replica.confirmed(), &review);
    let mut events = Vec::new();
    while let Some(effect) = replica.poll() {
        events.push(effect);
    }
    let told = |e: &ReplicaEffect| matches!(e, ReplicaEffect::Event(Event::PatchSetAdded { number: 2 }));
    assert_eq!(events.iter().filter(|effect| told(effect)).count(), 1);
    let mut away = Replica::new(client(2), user(2), ReviewId(Uuid::from_u128(7)), 0);
    let (_, at_first, first) = created();
    away.opening();
    away.opened(1, opened_whole(at_first, first)).unwrap();
    away.offline();
    let mut catch_up = CatchUp::new([]);
    server.delivered.iter().for_each(|entry| catch_up.push(entry));
    away.opening();
    let (steps, digest) = (catch_up.finish(), Some(review.digest()));
    away.opened(3, Opened { steps, digest, ..opened(server.sequencer.head()) }).unwrap();
    assert_eq!(away.confirmed(), &review);
    let mut unmoved = review.clone();
    unmoved.comments.get_mut(&comment(1)).unwrap().standing = None;
    assert_ne!(unmoved.digest(), review.digest());
}

#[test]
fn a_comment_on_its_way_is_moved_on_arrival() {
    let mut server = server();
    server.sequencer.add_patch_set(2_000, next(2, FIRST, SECOND));
    server.poll();
    // Before the patch set is durable, and behind it.
    server.submit(1, 1, 1, vec![on(1, Anchor::head("x", 2)), on(2, Anchor::head("x", 3))]);
    server.commit();
    server.take(2, 1, 1, vec![on(3, Anchor::head("x", 1).to(2)), on(4, Anchor::head("x", 3).on(2))]);
    let review = server.sequencer.committed();
    let state = |n| where_is(&review.comments[&comment(n)]);
    assert_eq!(state(1), (2, 3, PlaceState::Moved));
    assert_eq!(state(2), (1, 3, PlaceState::Outdated));
    assert_eq!(state(3), (2, 2, PlaceState::Moved));
    assert_eq!(state(4), (2, 3, PlaceState::Current));
    assert_eq!(review.comments[&comment(1)].written().unwrap().line, 2);
    assert_eq!(review.comments[&comment(4)].standing, None);
    assert_eq!(
        server.take(2, 2, 4, vec![on(5, Anchor::head("x", 1).on(3))]),
        [(0, rejected(Reason::UnknownLine))]
    );
}

#[test]
fn what_is_gone_stays_gone_and_what_came_back_to_its_place_is_current() {
    let mut server = server();
    server.take(1, 1, 1, vec![on(1, Anchor::head("x", 1)), on(2, Anchor::head("x", 3))]);
    server.sequencer.add_patch_set(2_000, next(2, FIRST, SECOND));
    server.poll();
    server.commit();
    server.sequencer.add_patch_set(3_000, next(3, SECOND, FIRST));
    server.poll();
    server.commit();
    let review = server.sequencer.committed();
    assert_eq!(where_is(&review.comments[&comment(1)]), (3, 1, PlaceState::Current));
    assert_eq!(where_is(&review.comments[&comment(2)]), (1, 3, PlaceState::Outdated));
    let Fact::PatchSetAdded { moves, .. } = &server.delivered[2].facts[0] else { panic!() };
    assert_eq!(moves.len(), 1, "an outdated comment stands as before: {moves:?}");
}

#[test]
fn a_patch_set_that_is_lost_or_fails_leaves_nothing() {
    let mut server = server();
    server.take(1, 1, 1, vec![on(1, Anchor::head("x", 1))]);
    server.sequencer.add_patch_set(2_000, next(2, FIRST, SECOND));
    server.sequencer.add_patch_set(2_001, next(2, FIRST, FIRST));
    server.poll();
    assert_eq!(server.patch_sets, [(2, PatchSetOutcome::Overtaken)]);
    server.sequencer.failed();
    server.poll();
    assert_eq!(server.patch_sets.pop(), Some((2, PatchSetOutcome::StoreFailed)));
    assert!(server.sequencer.patch_sets().get(2).is_none() && server.sequencer.tip.patch_set == 1);
    server.appends.clear();

    // Another server was first with a patch set of its own, and a comment of ours comes behind it.
    let mut other = self::server();
    other.take(1, 1, 1, vec![on(1, Anchor::head("x", 1))]);
    let theirs = next(2, FIRST, SECOND);
    let (their_code, map) = (theirs.code.clone(), theirs.map.clone());
    other.sequencer.add_patch_set(2_000, theirs);
    other.poll();
    let came = other.appends[0].records[0].entry.clone().unwrap();
    server.sequencer.add_patch_set(2_001, next(2, FIRST, FIRST));
    server.submit(2, 1, 2, vec![on(2, Anchor::head("x", 2))]);
    server.appends.clear();
    server.sequencer.learn_patch_set(2, their_code, map);
    server.sequencer.lost(3_000, vec![came], vec![]).unwrap();
    server.poll();
    assert_eq!(server.patch_sets, [(2, PatchSetOutcome::Overtaken), (2, PatchSetOutcome::Overtaken)]);
    server.commit();
    let moved = &server.sequencer.committed().comments[&comment(2)];
    assert_eq!(where_is(moved), (2, 3, PlaceState::Moved));
    assert_eq!(server.sequencer.committed().patch_set, 2);
}

#[test]
fn another_server_s_patch_set_is_overheard_together_with_its_code() {
    let mut other = server();
    let new = next(2, FIRST, SECOND);
    let (their_code, map) = (new.code.clone(), new.map.clone());
    other.sequencer.add_patch_set(2_000, new);
    other.poll();
    let came = other.appends[0].records[0].entry.clone().unwrap();
    let mut server = server();
    assert!(!server.sequencer.overhear(came.clone()).unwrap(), "nothing could be placed by it");
    assert_eq!(server.sequencer.committed().patch_set, 1);
    server.sequencer.learn_patch_set(2, their_code.clone(), map.clone());
    assert!(server.sequencer.overhear(came).unwrap());
    server.poll();
    server.take(1, 1, 1, vec![on(1, Anchor::head("x", 2))]);
    let moved = &server.sequencer.committed().comments[&comment(1)];
    assert_eq!(where_is(moved), (2, 3, PlaceState::Moved));
    // What is in the log already is not kept a second time.
    server.sequencer.learn_patch_set(2, their_code, map);
    assert!(server.sequencer.learned.is_empty());
}

#[test]
fn a_log_that_speaks_of_unknown_code_is_not_continued() {
    let mut other = server();
    other.sequencer.add_patch_set(2_000, next(2, FIRST, SECOND));
    other.poll();
    let came = other.appends[0].records[0].entry.clone().unwrap();
    let mut server = server();
    assert!(matches!(server.sequencer.lost(3_000, vec![came], vec![]), Err(BrokenLog::PatchSet(2))));
}

#[test]
fn two_people_on_one_line_at_the_same_time_are_both_told() {
    let mut server = server();
    let line = || Anchor::head("x", 2);
    server.take(1, 1, 1, vec![on(1, line()), on(2, Anchor::head("x", 4))]);
    // Bo had not seen Ann's; the third is Bo's own, the fourth on another side.
    server.take(
        2,
        1,
        1,
        vec![on(3, line().to(3)), on(4, line()), on(5, Anchor { side: Side::Base, ..line() })],
    );
    let beside = |fact: &Fact| match fact {
        Fact::CommentAdded { beside, .. } => beside.clone(),
        _ => panic!("comments alone came"),
    };
    let told: Vec<_> = server.delivered[1].facts.iter().map(beside).collect();
    assert_eq!(told, [vec![comment(1)], vec![comment(1)], vec![]]);
    // Whoever had seen them writes beside them on purpose.
    server.take(1, 2, 3, vec![on(6, line())]);
    assert_eq!(beside(&server.delivered[2].facts[0]), []);

    let events = |mine: u128| -> Vec<(CommentId, CommentId)> {
        let mut replica = Replica::new(client(9), user(mine), ReviewId(Uuid::from_u128(7)), 0);
        let (_, review, head) = created();
        replica.opening();
        replica.opened(1, opened_whole(review, head)).unwrap();
        let mut head = head.hash;
        for entry in &server.delivered {
            let encoded = EncodedEntry::new(entry, head);
            head = encoded.hash;
            replica.receive(2, &encoded).unwrap();
        }
        let event = |effect| match effect {
            ReplicaEffect::Event(Event::SameLine { comment, other }) => Some((comment, other)),
            _ => None,
        };
        std::iter::from_fn(|| replica.poll()).filter_map(event).collect()
    };
    assert_eq!(events(1), [(comment(3), comment(1)), (comment(4), comment(1))]);
    assert_eq!(events(3), [], "it is nobody else's business");
}

#[test]
fn the_author_of_the_later_one_is_told_with_their_own_entry() {
    let mut server = server();
    let mut replica = Replica::new(client(2), user(2), ReviewId(Uuid::from_u128(7)), 0);
    let (review, head) = (server.sequencer.committed().clone(), server.sequencer.head());
    replica.opening();
    replica.opened(1, opened_whole(review, head)).unwrap();
    replica.add_comment(1, comment(2), Place::Line(Anchor::head("x", 2)), "mine").unwrap();
    replica.flush(2);
    let mut sent = None;
    while let Some(effect) = replica.poll() {
        match effect {
            ReplicaEffect::Save { generation, .. } => replica.saved(3, generation),
            ReplicaEffect::Send(frozen) => sent = Some(frozen),
            ReplicaEffect::Event(_) => {}
        }
    }
    server.take(1, 1, 1, vec![on(1, Anchor::head("x", 2))]);
    let batch: Batch = serde_json::from_str(&sent.unwrap().payload).unwrap();
    server.take(2, 1, batch.base, batch.changes);
    let mut head = head.hash;
    for entry in &server.delivered {
        let encoded = EncodedEntry::new(entry, head);
        head = encoded.hash;
        replica.receive(4, &encoded).unwrap();
    }
    let effects: Vec<_> = std::iter::from_fn(|| replica.poll()).collect();
    let about = |effect: &ReplicaEffect| match effect {
        ReplicaEffect::Event(Event::SameLine { comment, other }) => Some((*comment, *other)),
        _ => None,
    };
    assert_eq!(effects.iter().filter_map(about).collect::<Vec<_>>(), [(comment(2), comment(1))]);
}

#[test]
fn what_was_stored_before_there_were_moves_can_be_read() {
    let entry = r#"{"format":1,"version":1,"author":"system","client":"00000000-0000-0000-0000-000000000000","seq":0,"at":5,"facts":[{"review_created":{"title":"Old"}},{"patch_set_added":{"number":1}},{"comment_added":{"comment":"00000000-0000-0000-0000-000000000001","place":{"line":{"patch_set":1,"file":"x","side":"head","line":1,"hash":"7692c3ad3540bb80"}},"text":"old","created":{"at":{"ms":1},"client":"00000000-0000-0000-0000-000000000001"}}}]}"#;
    let read: Entry = serde_json::from_str(entry).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), entry, "and is written as it was");
    let mut review = Review::new(ReviewId(Uuid::from_u128(7)));
    review.apply(&read).unwrap();
    let snapshot = r#"{"id":"00000000-0000-0000-0000-000000000001","author":"system","place":{"line":{"patch_set":1,"file":"x","side":"head","line":1,"hash":"7692c3ad3540bb80"}},"created":{"at":{"ms":1},"client":"00000000-0000-0000-0000-000000000001"},"added":1,"text":"old"}"#;
    let comment: Comment = serde_json::from_str(snapshot).unwrap();
    assert_eq!(review.comments[&comment.id], comment);
    assert_eq!((review.patch_set, comment.state()), (1, PlaceState::Current));
}
