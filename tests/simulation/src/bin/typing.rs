//! Replays a recording of two people typing into one text, and says which conflicts it raises and why.
//!
//! ```sh
//! gunzip -c friendsforever.json.gz | cargo run --release -p interline-simulation --bin typing -- [ms per edit] [typed|whole] [how many edits]
//! ```
//!
//! The recording says of every edit which edits of the other person its author had seen. Each person here is a replica
//! that sends as they type, one batch at a time; what the other one wrote reaches them no later than in the recording,
//! and no earlier than it has to. Time is a constant for each edit. With `whole` every batch is taken for a whole text
//! that somebody saved: then every overlap is a conflict, whatever its age.

use std::collections::{BTreeMap, VecDeque};
use std::io::Read;

use anyhow::{Context, Result, bail, ensure};
use interline_core::change::{Batch, Change};
use interline_core::diff::PatchSet;
use interline_core::entry::{EncodedEntry, Entry, Fact, Hash, Head};
use interline_core::id::{ClientId, CommentId, ReviewId, UserId};
use interline_core::limits::Limits;
use interline_core::review::{Anchor, Conflict, ConflictSide, FieldValue, PatchSets, Place, Review};
use interline_core::sync::{Frozen, Replica, ReplicaEffect, Sequencer, SequencerEffect, Submission};
use interline_core::text::{Text, TextOp, diff, transform};
use interline_core::wire::Opened;
use serde::Deserialize;
use uuid::Uuid;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recording {
    end_content: String,
    txns: Vec<Txn>,
}

#[derive(Deserialize)]
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
        Ok(Replay { sequencer, people, now: 1, whole, under_way: (0, 0), raised, batches: 0, at })
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
        self.sequencer.submit(self.now, submission, &[]);
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
    let (seen, edits) = (seen(&txns), txns.len());

    let mut replay = Replay::new(whole)?;
    replay.people[0].replica.add_comment(1, COMMENT, Place::Line(Anchor::head("x", 1)), "")?;
    replay.send(0)?;
    (0..2).try_for_each(|who| replay.arrive(who).map(drop))?;
    let (mut views, mut apart, mut unseen) = (Views::default(), 0, 0);
    for (at, Txn { agent: who, patches, .. }) in txns.into_iter().enumerate() {
        let (other, known) = (1 - who, seen[at][1 - who]);
        replay.now = 10_000 + at as u64 * ms;
        replay.know(who, known)?;
        apart += usize::from(replay.people[other].made > known);
        unseen += usize::from(replay.people[other].made > replay.people[who].has);
        views.show(who, known)?;
        for (from, deleted, inserted) in patches {
            let before = views.texts[who].clone();
            let op = TextOp::replace(before.len(), from, deleted, &inserted)?;
            views.edit(who, &op)?;
            // What this person has on the screen may hold a little more of the other's than in the recording.
            let shown = replay.text(who)?;
            let more = (shown != before.as_str()).then(|| diff(before.as_str(), &shown));
            let op = more.map_or(Ok(op.clone()), |more| transform(&more, &op).map(|both| both.1))?;
            replay.people[who].replica.edit_text(replay.now, COMMENT, op)?;
        }
        replay.people[who].made += 1;
        replay.send(who)?;
    }
    for who in [0, 1, 0, 1] {
        while replay.arrive(who)? {}
        replay.send(who)?;
    }
    (0..2).try_for_each(|who| while_arriving(&mut replay, who))?;
    ensure!(replay.text(0)? == replay.text(1)?, "the two differ");

    println!(
        "{edits} edits, {apart} of them made without having seen all of the other's; {unseen} as replayed"
    );
    println!("{} batches, {ms} ms for each edit, whole: {whole}", replay.batches);
    if all {
        let differs = diff(&end_content, &replay.text(0)?);
        let off = differs.deletes() + (differs.target_len() + differs.deletes() - differs.base_len());
        println!("{off} of {} characters are other than in the recording", end_content.chars().count());
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

fn while_arriving(replay: &mut Replay, who: usize) -> Result<()> {
    while replay.arrive(who)? {}
    Ok(())
}
