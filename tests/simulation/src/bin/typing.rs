//! Replays a recording of two people typing into one text, and says which conflicts it raises and why.
//!
//! ```sh
//! gunzip -c recording.json.gz | cargo xtask typing [ms per edit] [typed|whole] [how many edits]
//! ```
//!
//! The recording says of every edit which edits of the other person its author had seen. Each person here is a replica
//! that sends as they type, one batch at a time; what the other one wrote reaches them no later than in the recording,
//! and no earlier than it has to. Time is a constant for each edit. With `whole` every batch is taken for a whole text
//! that somebody saved: then every overlap is a conflict, whatever its age.
//!
//! A recording is `{"endContent": text, "txns": [{"parents": [index], "agent": 0 or 1, "patches": [[position, deleted,
//! inserted]]}]}`: positions count in scalars, in the text as its author saw it, which is the merge of the parents.

use std::collections::{BTreeMap, VecDeque};
use std::io::Read;

use anyhow::{Context, Result, bail, ensure};
use interline_core::change::{Batch, Change};
use interline_core::diff::PatchSet;
use interline_core::entry::{EncodedEntry, Entry, Fact, Hash, Head};
use interline_core::id::{ClientId, CommentId, ReviewId, UserId};
use interline_core::limits::Limits;
use interline_core::review::{Anchor, Conflict, ConflictSide, FieldValue, PatchSets, Place, Review};
use interline_core::sync::{Frozen, Past, Replica, ReplicaEffect, Sequencer, SequencerEffect, Submission};
use interline_core::text::{Text, TextOp, transform};
use interline_core::wire::Opened;
use serde::Deserialize;
use similar::{Algorithm, DiffOp, capture_diff_slices};
use uuid::Uuid;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recording {
    end_content: String,
    txns: Vec<Txn>,
}

#[derive(Clone, Deserialize)]
struct Txn {
    parents: Vec<usize>,
    agent: usize,
    patches: Vec<(usize, usize, String)>,
}

fn client(who: usize) -> ClientId {
    ClientId(Uuid::from_u128(who as u128 + 1))
}

fn user(who: usize) -> Result<UserId> {
    Ok(UserId::new(["ann", "bo"][who])?)
}

const COMMENT: CommentId = CommentId(Uuid::from_u128(7));

struct Person {
    replica: Replica,
    /// What is on its way to them.
    coming: VecDeque<(EncodedEntry, usize, usize)>,
    /// How many of the other's edits they have.
    has: usize,
    /// How many of their own edits were made, and are in what was sent.
    made: usize,
    sent: usize,
}

struct Replay {
    sequencer: Sequencer,
    people: Vec<Person>,
    now: u64,
    whole: bool,
    /// Edits that were made without having seen all of the other's: in the recording, and as replayed.
    apart: usize,
    unseen: usize,
    /// Who wrote the entry, and how many edits of theirs it ends.
    under_way: (usize, usize),
    raised: Vec<(u64, ConflictSide, Conflict)>,
    batches: usize,
    at: BTreeMap<u64, u64>,
}

impl Replay {
    fn new(whole: bool) -> Result<Replay> {
        let facts = vec![
            Fact::ReviewCreated { title: "t".into(), status_policy: Default::default() },
            Fact::PatchSetAdded { number: 1, moves: vec![] },
        ];
        let (format, author) = (interline_core::entry::ENTRY_FORMAT, UserId::new("system")?);
        let entry =
            Entry { format, version: 1, author, client: client(8), seq: 0, at: 1, facts, verdicts: vec![] };
        let encoded = EncodedEntry::new(&entry, Hash::default());
        let mut review = Review::new(ReviewId(Uuid::from_u128(9)));
        review.apply(&entry)?;
        let head = Head { version: 1, hash: encoded.hash };
        let mut code = PatchSets::default();
        code.insert(1, PatchSet::parse(b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n")?.into());
        let limits = Limits { review_chars: usize::MAX / 2, ..Limits::default() };
        let mut sequencer = Sequencer::new(review.clone(), head, code, limits);
        let mut people = Vec::new();
        for who in 0..2 {
            sequencer.client_opened(client(who), None);
            let mut replica = Replica::new(client(who), user(who)?, review.id, 0);
            replica.opening();
            let snapshot = Opened { snapshot: Some(review.clone()), ..Opened::new(review.id, head) };
            replica.opened(1, snapshot).map_err(|why| anyhow::anyhow!("{why:?}"))?;
            people.push(Person { replica, coming: VecDeque::new(), has: 0, made: 0, sent: 0 });
        }
        let (raised, at) = (Vec::new(), BTreeMap::new());
        let (apart, unseen, under_way) = (0, 0, (0, 0));
        Ok(Replay { sequencer, people, now: 1, whole, apart, unseen, under_way, raised, batches: 0, at })
    }

    /// Sends what a person has typed, if nothing of theirs is on its way.
    fn send(&mut self, who: usize) -> Result<()> {
        let person = &mut self.people[who];
        person.replica.flush(self.now);
        let mut sent = Vec::new();
        while let Some(effect) = person.replica.poll() {
            match effect {
                ReplicaEffect::Save { generation, .. } => person.replica.saved(self.now, generation),
                ReplicaEffect::Send(frozen) => sent.push(frozen),
                ReplicaEffect::Event(_) => {}
            }
        }
        for frozen in sent {
            self.people[who].sent = self.people[who].made;
            self.under_way = (who, self.people[who].made);
            self.submit(who, &frozen)?;
        }
        Ok(())
    }

    fn submit(&mut self, who: usize, frozen: &Frozen) -> Result<()> {
        let mut batch: Batch = serde_json::from_str(&frozen.payload)?;
        for change in &mut batch.changes {
            if let Change::TextEdited { whole, .. } = change {
                *whole = self.whole;
            }
        }
        let payload = Hash::of(frozen.payload.as_bytes());
        let submission = Submission { client: client(who), user: user(who)?, batch, payload, skew: 0 };
        self.sequencer.submit(self.now, submission, Past::default());
        while let Some(effect) = self.sequencer.poll() {
            match effect {
                SequencerEffect::Append(_) => self.sequencer.appended()?,
                SequencerEffect::Deliver(entry) => self.deliver(entry)?,
                // What is on its way for long is sent once more.
                SequencerEffect::Answer(..) => {}
                other => bail!("{other:?}"),
            }
        }
        Ok(())
    }

    fn deliver(&mut self, encoded: EncodedEntry) -> Result<()> {
        self.batches += 1;
        let entry = encoded.decode()?;
        self.at.insert(entry.version, entry.at);
        ensure!(
            entry
                .verdicts
                .iter()
                .all(|one| !matches!(one.outcome, interline_core::entry::Outcome::Rejected(_))),
            "{entry:?}"
        );
        for fact in entry.facts {
            match fact {
                Fact::ConflictRaised(conflict) => {
                    self.raised.push((entry.version, conflict.sides[1].clone(), *conflict));
                }
                Fact::ConflictJoined { conflict, side, merged } => {
                    let open = self.sequencer.committed().conflicts.get(conflict).cloned().context("open")?;
                    self.raised.push((entry.version, *side, Conflict { merged, ..open }));
                }
                _ => {}
            }
        }
        let (who, made) = self.under_way;
        self.people.iter_mut().for_each(|person| person.coming.push_back((encoded.clone(), who, made)));
        Ok(())
    }

    /// The next entry on its way to a person arrives.
    fn arrive(&mut self, who: usize) -> Result<bool> {
        let person = &mut self.people[who];
        let Some((entry, author, made)) = person.coming.pop_front() else { return Ok(false) };
        person.replica.receive(self.now, &entry).map_err(|why| anyhow::anyhow!("{why:?}"))?;
        if author != who {
            person.has = made;
        }
        Ok(true)
    }

    /// Until a person has so many of the other's edits.
    fn know(&mut self, who: usize, count: usize) -> Result<()> {
        let other = 1 - who;
        while self.people[who].has < count {
            if !self.arrive(who)? {
                // It is in the other's buffer, which waits for what is on its way to them.
                while self.arrive(other)? {}
                self.send(other)?;
                let from = &self.people[other];
                if self.people[who].coming.is_empty() && from.replica.unsynced().count == 0 {
                    // What they typed they have taken back before any of it was sent: there is nothing to come.
                    self.people[who].has = from.made;
                }
            }
        }
        Ok(())
    }

    fn text(&self, who: usize) -> Result<String> {
        Ok(self.people[who].replica.comment(COMMENT).context("the comment")?.text.as_str().to_owned())
    }
}

/// How many of each one's edits the author of every edit had seen, themselves among them.
fn seen(txns: &[Txn]) -> Vec<[usize; 2]> {
    let (mut seen, mut made): (Vec<[usize; 2]>, _) = (Vec::new(), [0, 0]);
    for txn in txns {
        let mut known = [0, 0];
        for parent in &txn.parents {
            known = [known[0].max(seen[*parent][0]), known[1].max(seen[*parent][1])];
        }
        made[txn.agent] += 1;
        known[txn.agent] = made[txn.agent];
        seen.push(known);
    }
    seen
}

/// The texts that people had before them, by the recording alone: its positions speak of them.
#[derive(Default)]
struct Views {
    texts: [Text; 2],
    /// Edits of the other's that a person has not seen, as that person's text takes them.
    unseen: [VecDeque<TextOp>; 2],
    /// How many they have seen.
    seen: [usize; 2],
}

impl Views {
    /// Shows a person the other's edits up to a number.
    fn show(&mut self, who: usize, count: usize) -> Result<()> {
        while self.seen[who] < count {
            let op = self.unseen[who].pop_front().context("an edit")?;
            self.texts[who].apply(&op)?;
            self.seen[who] += 1;
        }
        Ok(())
    }

    /// A person edits: the other sees that later, carried over what both have done meanwhile.
    fn edit(&mut self, who: usize, op: &TextOp) -> Result<()> {
        self.texts[who].apply(op)?;
        let mut mine = op.clone();
        for theirs in &mut self.unseen[who] {
            // Where both insert at one place, the first person's stands left for both.
            (mine, *theirs) = if who == 0 {
                let (theirs, mine) = swap(transform(&mine, theirs)?);
                (mine, theirs)
            } else {
                swap(transform(theirs, &mine)?)
            };
        }
        self.unseen[1 - who].push_back(mine);
        Ok(())
    }
}

fn swap<T>((a, b): (T, T)) -> (T, T) {
    (b, a)
}

/// What leads from one text to another, scalar by scalar: the product's own looks for words, and gives up sooner.
fn exactly(from: &str, to: &str) -> Result<TextOp> {
    let (old, new): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let (mut op, mut len) = (TextOp::identity(old.len()), old.len());
    for piece in capture_diff_slices(Algorithm::Myers, &old, &new) {
        if matches!(piece, DiffOp::Equal { .. }) {
            continue;
        }
        let (gone, come) = (piece.old_range().len(), &new[piece.new_range()]);
        let step = TextOp::replace(len, piece.new_range().start, gone, &come.iter().collect::<String>())?;
        (op, len) = (op.compose(&step)?, len + come.len() - gone);
    }
    Ok(op)
}

/// What became of a text, as the one stretch that differs, with a little of what stands around it.
fn stretch(base: &str, other: &str) -> String {
    let (base, other): (Vec<char>, Vec<char>) = (base.chars().collect(), other.chars().collect());
    let start = base.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let end = base[start..].iter().rev().zip(other[start..].iter().rev()).take_while(|(a, b)| a == b).count();
    let text = |of: &[char]| of.iter().collect::<String>();
    let around =
        (text(&base[start.saturating_sub(12)..start]), text(&base[base.len() - end..][..end.min(12)]));
    let (gone, come) = (text(&base[start..base.len() - end]), text(&other[start..other.len() - end]));
    format!("{:?}[-{gone:?} +{come:?}]{:?}", around.0, around.1)
}

fn whole_text(value: &FieldValue) -> &str {
    match value {
        FieldValue::Text(text) => text,
        FieldValue::Flag(_) => "",
    }
}

/// Has two people type what was recorded, and each get the other's edits no later than then.
fn replay(txns: Vec<Txn>, ms: u64, whole: bool) -> Result<Replay> {
    let seen = seen(&txns);
    let mut replay = Replay::new(whole)?;
    replay.people[0].replica.add_comment(1, COMMENT, Place::Line(Anchor::head("x", 1)), "")?;
    replay.send(0)?;
    (0..2).try_for_each(|who| replay.arrive(who).map(drop))?;
    let mut views = Views::default();
    for (at, Txn { agent: who, patches, .. }) in txns.into_iter().enumerate() {
        let (other, known) = (1 - who, seen[at][1 - who]);
        replay.now = 10_000 + at as u64 * ms;
        replay.know(who, known)?;
        replay.apart += usize::from(replay.people[other].made > known);
        replay.unseen += usize::from(replay.people[other].made > replay.people[who].has);
        views.show(who, known)?;
        for (from, deleted, inserted) in patches {
            let before = views.texts[who].clone();
            let op = TextOp::replace(before.len(), from, deleted, &inserted)?;
            views.edit(who, &op)?;
            // What this person has on the screen may hold a little more of the other's than in the recording, and
            // words that both put in one place in another order.
            let shown = replay.text(who)?;
            let op = if shown == before.as_str() {
                op
            } else {
                transform(&exactly(before.as_str(), &shown)?, &op)?.1
            };
            replay.people[who].replica.edit_text(replay.now, COMMENT, op)?;
        }
        replay.people[who].made += 1;
        replay.send(who)?;
    }
    for who in [0, 1, 0, 1] {
        while replay.arrive(who)? {}
        replay.send(who)?;
    }
    for who in 0..2 {
        while replay.arrive(who)? {}
    }
    ensure!(replay.text(0)? == replay.text(1)?, "the two differ");
    Ok(replay)
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let ms: u64 = arguments.next().map_or(Ok(100), |ms| ms.parse())?;
    let whole = arguments.next().as_deref() == Some("whole");
    let most: usize = arguments.next().map_or(Ok(usize::MAX), |most| most.parse())?;
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let Recording { end_content, mut txns } = serde_json::from_str(&text)?;
    let all = txns.len() <= most;
    txns.truncate(most);
    let edits = txns.len();

    let replay = replay(txns, ms, whole)?;
    let (apart, unseen) = (replay.apart, replay.unseen);
    println!(
        "{edits} edits, {apart} of them made without having seen all of the other's; {unseen} as replayed"
    );
    println!("{} batches, {ms} ms for each edit, whole: {whole}", replay.batches);
    if all {
        let differs = exactly(&end_content, &replay.text(0)?)?;
        let off = differs.deletes() + (differs.target_len() + differs.deletes() - differs.base_len());
        println!(
            "{off} characters put in or taken out lead from the {} of the recording to what is here",
            end_content.chars().count()
        );
    }
    println!("{} conflicts", replay.raised.len());
    for (version, side, conflict) in &replay.raised {
        let base = conflict.base.as_ref().map_or("", whole_text);
        let theirs = &conflict.sides[0];
        let (made, met) = (replay.at.get(&theirs.version), replay.at.get(version));
        let age = met.zip(made).map_or(0, |(met, made)| met - made);
        println!("at {version}, {age} ms after {} by {}:", theirs.version, theirs.user.as_str());
        println!("  theirs {}", stretch(base, whole_text(&theirs.value)));
        println!("  mine   {}", stretch(base, whole_text(&side.value)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn txn(agent: usize, parents: &[usize], at: usize, deleted: usize, inserted: &str) -> Txn {
        Txn { parents: parents.to_vec(), agent, patches: vec![(at, deleted, inserted.to_owned())] }
    }

    #[test]
    fn what_was_taken_back_before_it_was_sent_is_not_waited_for() {
        // While "x" is on its way, "y" comes and goes.
        let txns = vec![
            txn(0, &[], 0, 0, "x"),
            txn(0, &[0], 1, 0, "y"),
            txn(0, &[1], 1, 1, ""),
            txn(1, &[2], 1, 0, "z"),
        ];
        let replay = replay(txns, 100, false).unwrap();
        assert_eq!((replay.text(1).unwrap().as_str(), replay.raised.len()), ("xz", 0));
    }

    #[test]
    fn words_saved_over_words_that_their_author_had_not_seen_are_in_conflict() {
        let base = txn(0, &[], 0, 0, "this needs refactoring");
        let txns = || vec![base.clone(), txn(1, &[0], 5, 5, "wants"), txn(0, &[0], 5, 5, "begs for")];
        assert_eq!(replay(txns(), 100, true).unwrap().raised.len(), 1, "saved whole");
        assert_eq!(replay(txns(), 100, false).unwrap().raised.len(), 0, "typed within two seconds");
        assert_eq!(replay(txns(), 2_000, false).unwrap().raised.len(), 1, "typed long after");
    }

    #[test]
    fn what_leads_from_one_text_to_another_is_exact_however_long_they_are() {
        let words = "a word of many ".repeat(2_000);
        let from = format!("one {words}end");
        let to = format!("two {words}, and the end");
        let op = exactly(&from, &to).unwrap();
        let mut text = Text::new(&from);
        text.apply(&op).unwrap();
        assert_eq!(text.as_str(), to);
        assert!(op.deletes() <= 3, "{} go", op.deletes());
    }
}
