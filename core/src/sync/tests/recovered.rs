//! What lost history took beside words: elements of sets, and what there was in comments that are gone altogether.

use std::collections::BTreeSet;

use super::replica::{drain, replica, saves};
use super::*;

const TAGS: &str = "tags";

fn line() -> Place {
    Place::Line(Anchor::head("x", 1))
}

fn set(tags: &[&str]) -> BTreeSet<String> {
    tags.iter().map(|&tag| tag.to_owned()).collect()
}

fn tagged(entity: Entity, tags: &[&str]) -> Change {
    Change::SetChanged { entity, field: TAGS.into(), add: set(tags), remove: [].into() }
}

/// A server, and a replica of client 1's that has all of it.
struct Scene {
    server: Server,
    replica: Replica,
    heard: usize,
}

impl Scene {
    fn new() -> Scene {
        Scene { server: Server::new(), replica: replica(1), heard: 0 }
    }

    fn hear(&mut self, now: u64) {
        for entry in &self.server.delivered[self.heard..] {
            let hash = self.replica.head().unwrap().hash;
            self.replica.receive(now, &EncodedEntry::new(entry, hash)).unwrap();
        }
        self.heard = self.server.delivered.len();
    }

    fn theirs(&mut self, changes: Vec<Change>) {
        let seq = self.server.delivered.iter().filter(|entry| entry.client == client(2)).count() as u64 + 1;
        let rejected = self.server.take(2, seq, self.server.sequencer.head().version, changes);
        assert_eq!(rejected, []);
        self.hear(0);
    }

    /// Hands in what waits and takes in what comes of it.
    fn commit(&mut self, now: u64) {
        self.replica.flush(now);
        for frozen in drain(&mut self.replica, now).0 {
            let batch: Batch = serde_json::from_str(&frozen.payload).unwrap();
            self.server.take(1, batch.seq, batch.base, batch.changes);
            self.hear(now);
        }
    }

    fn backup(&self) -> (Review, Head) {
        (self.server.sequencer.committed().clone(), self.server.sequencer.head())
    }

    /// The server is restored, and the replica comes to it.
    fn lose(&mut self, (review, head): (Review, Head)) {
        let held = Some(head.version);
        self.replica.offline();
        self.replica.renew(1_000, client(3), ResyncReason::HistoryLost);
        self.replica.opening();
        self.replica.opened(1_010, Opened { held, ..opened_whole(review, head) }).unwrap();
        assert!(self.replica.rejected().iter().all(|kept| kept.cause == Cause::HistoryLost));
    }

    fn tags(&self, entity: Entity) -> Vec<String> {
        self.replica.sets(entity).elements(TAGS).map(str::to_owned).collect()
    }

    /// What of sets is offered: whose, what comes and what goes.
    fn offered(&self) -> Vec<(Entity, Vec<&str>, Vec<&str>)> {
        let changes = self.replica.rejected().iter().flat_map(|kept| &kept.changes);
        let sets = changes.filter_map(|change| match change {
            Change::SetChanged { entity, add, remove, .. } => Some((
                *entity,
                add.iter().map(String::as_str).collect(),
                remove.keys().map(String::as_str).collect(),
            )),
            _ => None,
        });
        sets.collect()
    }
}

#[test]
fn what_was_taken_out_of_sets_is_offered_where_it_is_in_again() {
    let (mut scene, on) = (Scene::new(), Entity::Comment(comment(1)));
    scene.theirs(vec![add(1, "one"), tagged(on, &["bug", "kept"])]);
    scene.theirs(vec![tagged(Entity::Review, &["urgent", "wip", "back"])]);
    let backup = scene.backup();
    scene.theirs(vec![tagged(Entity::Review, &["since"])]);
    let out = set(&["urgent", "back", "since"]);
    scene.replica.change_set(10, Entity::Review, TAGS, set(&["new"]), out).unwrap();
    scene.replica.change_set(10, on, TAGS, set(&[]), set(&["bug"])).unwrap();
    scene.commit(20);
    // Somebody had put it in again before all of it was lost.
    scene.theirs(vec![tagged(Entity::Review, &["back"])]);
    assert_eq!(scene.tags(Entity::Review), ["back", "new", "wip"]);

    // A restart forgets nothing of it.
    scene.replica.save_anew();
    let all = saves(&mut scene.replica, 30);
    scene.replica = Replica::restore(40, saved_parts(&all), 50);
    scene.lose(backup);
    assert_eq!(scene.tags(Entity::Review), ["back", "urgent", "wip"]);
    assert_eq!(scene.offered(), [(on, vec![], vec!["bug"]), (Entity::Review, vec!["new"], vec!["urgent"])]);
    assert!(scene.replica.receipts().is_empty(), "it is offered once");

    for kept in scene.replica.rejected().to_vec() {
        scene.replica.retry_rejected(2_000, kept.id, comment(9)).unwrap();
    }
    assert_eq!(scene.tags(Entity::Review), ["back", "new", "wip"]);
    assert_eq!(scene.tags(on), ["kept"]);
    assert!(scene.replica.rejected().is_empty() && scene.replica.unsynced().count > 0);
}

#[test]
fn what_the_server_still_knows_is_out_of_a_set_is_not_offered() {
    let mut scene = Scene::new();
    scene.theirs(vec![tagged(Entity::Review, &["urgent", "wip"])]);
    scene.replica.change_set(10, Entity::Review, TAGS, set(&[]), set(&["urgent"])).unwrap();
    scene.commit(20);
    let backup = scene.backup();
    scene.theirs(vec![tagged(Entity::Review, &["lost"])]);
    scene.lose(backup);
    assert_eq!((scene.offered(), scene.replica.rejected().len()), (vec![], 0));
    assert_eq!(scene.replica.receipts().len(), 1, "it is there");
}

#[test]
fn a_comment_that_is_gone_comes_back_with_what_was_set_in_it() {
    let (mut scene, mine) = (Scene::new(), Entity::Comment(comment(1)));
    let backup = scene.backup();
    scene.replica.add_comment(10, comment(1), line(), "mine").unwrap();
    scene.replica.set_field(10, mine, "resolved", FieldValue::Flag(true)).unwrap();
    scene.replica.change_set(10, mine, TAGS, set(&["bug"]), set(&[])).unwrap();
    scene.commit(20);
    scene.lose(backup);
    let [kept] = scene.replica.rejected() else { panic!("one: {:?}", scene.replica.rejected()) };
    assert_eq!((kept.comment, kept.mine.as_deref(), kept.changes.len()), (Some(comment(1)), Some("mine"), 2));
    let id = kept.id;
    scene.replica.retry_rejected(2_000, id, comment(9)).unwrap();
    let again = scene.replica.comment(comment(1)).unwrap();
    assert_eq!((again.text.as_str(), again.resolved()), ("mine", true));
    assert_eq!(scene.tags(mine), ["bug"]);
    assert!(scene.replica.rejected().is_empty());
}

#[test]
fn what_was_set_in_anothers_comment_waits_until_that_is_back() {
    let (mut scene, theirs) = (Scene::new(), Entity::Comment(comment(1)));
    let before = scene.backup();
    scene.theirs(vec![add(1, "theirs"), add(2, "removed")]);
    let between = scene.backup();
    for n in [1, 2] {
        scene.replica.set_field(10, Entity::Comment(comment(n)), "resolved", FieldValue::Flag(true)).unwrap();
    }
    scene.replica.change_set(10, theirs, TAGS, set(&["bug"]), set(&[])).unwrap();
    scene.commit(20);
    scene.theirs(vec![Change::CommentRemoved { comment: comment(2), seen: None }]);
    scene.lose(before);
    let [kept] = scene.replica.rejected() else { panic!("one: {:?}", scene.replica.rejected()) };
    assert_eq!(
        (kept.comment, kept.base.as_deref(), kept.mine.as_deref()),
        (Some(comment(1)), Some("theirs"), None)
    );
    assert!(kept.place.is_some() && kept.changes.len() == 2);
    let id = kept.id;
    // Nobody's words are said again by somebody else.
    assert_eq!(scene.replica.retry_rejected(2_000, id, comment(9)), Err(EditError::UnknownComment));
    assert_eq!((scene.replica.rejected().len(), scene.replica.unsynced().count), (1, 0));

    scene.replica.start_over();
    scene.replica.opening();
    scene.replica.opened(2_010, opened_whole(between.0, between.1)).unwrap();
    scene.replica.retry_rejected(2_020, id, comment(9)).unwrap();
    assert!(scene.replica.comment(comment(1)).unwrap().resolved());
    assert_eq!(scene.tags(theirs), ["bug"]);
}

#[test]
fn the_same_decision_on_other_code_or_with_other_words_is_another_one() {
    let told = |kept: &[Rejected]| -> Vec<(FieldValue, Option<u32>, Option<String>)> {
        let changes = kept.iter().flat_map(|kept| &kept.changes);
        let decided = changes.map(|change| match change {
            Change::Decided { status, note, .. } => (status.value.clone(), status.patch_set, note.clone()),
            other => panic!("{other:?} is no decision"),
        });
        decided.collect()
    };
    let approved = FieldValue::from(Status::Approved);
    let (one, two) = (Some("one".to_owned()), Some("two".to_owned()));

    let mut scene = Scene::new();
    scene.replica.decide(10, Status::Approved, one.clone()).unwrap();
    scene.commit(20);
    let backup = scene.backup();
    scene.server.sequencer.patch_sets.insert(1, patch_sets::code(patch_sets::FIRST));
    scene.server.sequencer.add_patch_set(30, patch_sets::next(2, patch_sets::FIRST, patch_sets::SECOND));
    scene.server.poll();
    scene.server.commit();
    scene.hear(30);
    scene.replica.decide(40, Status::Approved, one.clone()).unwrap();
    scene.commit(50);
    scene.lose(backup);
    assert_eq!(told(scene.replica.rejected()), [(approved.clone(), Some(2), one.clone())]);

    let mut scene = Scene::new();
    scene.replica.decide(10, Status::Approved, one.clone()).unwrap();
    scene.commit(20);
    let backup = scene.backup();
    scene.replica.decide(40, Status::Approved, two.clone()).unwrap();
    scene.commit(50);
    scene.replica.decide(60, Status::Approved, one).unwrap();
    scene.commit(70);
    scene.lose(backup);
    assert_eq!(told(scene.replica.rejected()), [], "the server has it");

    let mut scene = Scene::new();
    let backup = scene.backup();
    scene.replica.decide(10, Status::Approved, two.clone()).unwrap();
    scene.commit(20);
    scene.lose(backup);
    assert_eq!(told(scene.replica.rejected()), [(approved, Some(1), two)], "once, with its status");
}

#[test]
fn words_that_somebody_else_wrote_behind_come_back_however_long_ago_they_were_acknowledged() {
    let mut scene = Scene::new();
    scene.theirs(vec![add(1, "base"), add(2, "beside")]);
    let backup = scene.backup();
    scene.replica.replace_text(10, comment(1), 0, 0, "mine ").unwrap();
    scene.commit(20);
    // On another device of this user's.
    let theirs = scene.server.sequencer.head().version;
    let desk = Batch { seq: 1, base: theirs, changes: vec![edit(2, r#"["from the desk, ", 6]"#)] };
    let payload = Hash::of(serde_json::to_string(&desk).unwrap().as_bytes());
    scene.server.sequencer.client_opened(client(4), None);
    let submission = Submission { client: client(4), user: user(1), batch: desk, payload, skew: 0 };
    scene.server.sequencer.submit(30, submission, Past::default());
    scene.server.poll();
    scene.server.commit();
    scene.hear(30);
    for n in [1, 2] {
        let len = scene.replica.comment(comment(n)).unwrap().text.len();
        scene.theirs(vec![edit(n, &format!(r#"[{len}, ", theirs"]"#))]);
    }
    // More than there are receipts.
    for n in 0..300 {
        scene.replica.set_field(40 + n, Entity::Review, "title", FieldValue::Text(format!("t{n}"))).unwrap();
        scene.commit(40 + n);
    }
    scene.replica.save_anew();
    let all = saves(&mut scene.replica, 500);
    scene.replica = Replica::restore(500, saved_parts(&all), 50);
    scene.lose(backup);
    let offered =
        scene.replica.rejected().iter().filter_map(|kept| Some((kept.comment?, kept.mine.as_deref()?)));
    let words = [(comment(1), "mine base, theirs"), (comment(2), "from the desk, beside, theirs")];
    assert_eq!(offered.collect::<Vec<_>>(), words);
}

#[test]
fn what_waits_to_be_taken_out_of_a_set_goes_out_of_what_the_log_still_has() {
    let mut scene = Scene::new();
    scene.theirs(vec![tagged(Entity::Review, &["urgent", "wip"])]);
    let backup = scene.backup();
    scene.theirs(vec![tagged(Entity::Review, &["since"])]);
    scene.replica.change_set(10, Entity::Review, TAGS, set(&[]), set(&["urgent"])).unwrap();
    scene.lose(backup);
    scene.replica.flush(2_000);
    let frozen = drain(&mut scene.replica, 2_000).0.remove(0);
    let batch: Batch = serde_json::from_str(&frozen.payload).unwrap();
    let Change::SetChanged { remove, .. } = &batch.changes[0] else { panic!("{:?}", batch.changes) };
    assert_eq!(remove.iter().collect::<Vec<_>>(), [(&"urgent".to_owned(), &2)]);
}
