//! What is told to somebody who was away: steps from any version on lead to the review that all entries lead to.

use std::collections::BTreeSet;

use interline_core::entry::{EncodedEntry, Entry, Fact, Head, Step};
use interline_core::id::CommentId;
use interline_core::review::{CommentHistory, Dot, Review};
use interline_core::sync::{CatchUp, Replica};
use interline_core::wire::Opened;

use super::made;
use super::raw::Raw;

/// The most entries: more say nothing new.
const ENTRIES: usize = 40;

/// Which version is there already, in a byte; which comments are touched, as bits of another; then entries, a line
/// each: facts in JSON (`[`), or made from bytes.
pub(crate) fn target(data: &[u8]) {
    let mut raw = Raw::new(data);
    let (have, bits) = (usize::from(raw.byte()), raw.byte());
    let touched: BTreeSet<_> =
        (0..made::COMMENTS).filter(|n| bits >> n & 1 == 1).map(made::comment).collect();
    let (first, mut review, mut head) = made::created();
    let mut log = vec![first.decode().unwrap()];
    let mut folds = vec![review.clone()];
    let mut heads = vec![head];
    while !raw.is_empty() && log.len() < ENTRIES {
        let line = raw.line();
        let facts = match line.first() {
            Some(b'[') => serde_json::from_slice(line).unwrap_or_default(),
            _ => made::facts(&mut Raw::new(line), &review),
        };
        let Some((entry, after)) = fitting(&review, facts) else { continue };
        let encoded = EncodedEntry::new(&entry, head.hash);
        head = Head { version: entry.version, hash: encoded.hash };
        review = after;
        log.push(entry);
        folds.push(review.clone());
        heads.push(head);
    }
    let have = have % log.len();
    caught_up(&folds[have], heads[have], &log[have + 1..], &review, head, &touched);
    for id in (0..made::COMMENTS).map(made::comment) {
        told(id, &log, &folds);
    }
}

/// An entry of what of the facts is possible, and the review after it: what a sequencer would have let through.
fn fitting(review: &Review, facts: Vec<Fact>) -> Option<(Entry, Review)> {
    let version = review.version + 1;
    let mut taken = made::entry(version, Vec::new());
    for fact in facts {
        if matches!(fact, Fact::ReviewCreated { .. }) {
            continue;
        }
        let mut longer = taken.clone();
        longer.facts.push(named(fact, &taken));
        if review.clone().apply(&longer).is_ok() {
            taken = longer;
        }
    }
    let mut after = review.clone();
    after.apply(&taken).ok().filter(|()| !taken.facts.is_empty())?;
    Some((taken, after))
}

/// A fact as the entry that holds it would name it: what comes to a set is the entry's own, and what goes is older.
fn named(mut fact: Fact, entry: &Entry) -> Fact {
    if let Fact::SetChanged { delta, .. } = &mut fact {
        let own = Dot { version: entry.version, client: entry.client };
        delta.added.values_mut().for_each(|dots| *dots = [own].into());
        delta.removed.values_mut().for_each(|dots| dots.retain(|dot| dot.version < own.version));
    }
    fact
}

/// A replica that has some of the log gets to the end of it in each of the ways there are.
fn caught_up(
    from: &Review,
    at: Head,
    missed: &[Entry],
    review: &Review,
    head: Head,
    touched: &BTreeSet<CommentId>,
) {
    let mut all = CatchUp::new(touched.iter().copied());
    let mut beside = CatchUp::beside_snapshot(touched.iter().copied());
    for entry in missed {
        all.push(entry);
        beside.push(entry);
    }
    let steps = all.finish().expect("so little can be squashed");
    let edits = |of: &BTreeSet<CommentId>| {
        let facts = missed.iter().flat_map(|entry| &entry.facts);
        facts.filter(|fact| edit_of(fact).is_some_and(|id| of.contains(&id))).count()
    };
    let told = steps.iter().filter(|step| edit_of(&step.fact).is_some_and(|id| touched.contains(&id)));
    assert_eq!(told.count(), edits(touched), "every edit of a touched comment by itself");
    let written = serde_json::to_string(&steps).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Step>>(&written).unwrap(), steps);

    let mut replica = Replica::new(made::client(0), made::user(0), made::review_id(), 50);
    replica.opening();
    replica.opened(0, Opened { snapshot: Some(from.clone()), ..made::opened(at) }).unwrap();
    replica.opening();
    let opened = Opened { steps: Some(steps), digest: Some(review.digest()), ..made::opened(head) };
    replica.opened(0, opened).expect("steps lead there");
    assert_eq!(replica.confirmed(), review);
    assert!(replica.is_online() && replica.head() == Some(head));

    let steps = beside.finish().expect("so little can be squashed");
    let of_touched = |step: &Step| step.fact.comment().is_some_and(|id| touched.contains(&id));
    let news = |step: &Step| match &step.fact {
        Fact::FieldSet { unseen, .. } => unseen.is_some(),
        Fact::CommentAdded { beside, .. } => !beside.is_empty(),
        _ => false,
    };
    assert!(steps.iter().all(|step| of_touched(step) || news(step)));
    let mut replica = Replica::new(made::client(0), made::user(0), made::review_id(), 50);
    replica.opening();
    replica.opened(0, Opened { snapshot: Some(from.clone()), ..made::opened(at) }).unwrap();
    replica.opening();
    let whole = Opened { snapshot: Some(review.clone()), held: Some(at.version), ..made::opened(head) };
    replica.opened(0, Opened { steps: Some(steps.clone()), ..whole }).expect("they fit what it has");
    assert_eq!(replica.confirmed(), review);
    assert_eq!(steps.iter().filter(|step| edit_of(&step.fact).is_some()).count(), edits(touched));
}

fn edit_of(fact: &Fact) -> Option<CommentId> {
    if let Fact::TextEdited { comment, .. } = fact { Some(*comment) } else { None }
}

/// A comment's history by itself says what the folds say.
fn told(id: CommentId, log: &[Entry], folds: &[Review]) {
    let Some(begun) = log.iter().position(|entry| CommentHistory::begun_by(entry, id).is_some()) else {
        return;
    };
    let mut history = CommentHistory::begun_by(&log[begun], id).expect("it begins there");
    // What else that entry did to it comes with the entry.
    history.to = log[begun].version.saturating_sub(1);
    history.push(&log[begun]);
    log[begun + 1..].iter().for_each(|entry| history.push(entry));
    for fold in &folds[begun..] {
        let text = history.text_at(fold.version).expect("it fits").expect("it is told");
        assert_eq!(text, fold.comments[&id].text.as_str());
    }
    let chars: usize = history.blame().expect("it fits").iter().map(|(chars, _)| chars).sum();
    let now = folds.last().map_or(0, |fold| fold.comments[&id].text.len());
    assert_eq!(chars, now, "every character has its author");
}
