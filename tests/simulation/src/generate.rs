//! Plans from seeds. Each seed draws not only the steps but how often each kind comes, so that some histories
//! are mostly crashes, some mostly typing apart, and some all at once (swarm testing, Groce et al., 2012).

use fastrand::Rng;

use super::plan::{ClientSetup, Damage, Fate, Form, Landing, Piece, Plan, Setup, Step};
use super::world::SKEW_MS;

/// The fewest clients that a history has.
pub const MIN_CLIENTS: usize = 3;
/// The fewest changes that it has.
pub const MIN_CHANGES: usize = 30;
/// The fewest faults that it has.
pub const MIN_FAULTS: usize = 2;

/// The kinds of steps that are drawn, by weight.
const KINDS: usize = 31;

/// The history of a seed.
pub fn plan(seed: u64) -> Plan {
    let mut rng = Rng::with_seed(seed);
    let clients = rng.u8(3..=5);
    let setup = Setup {
        nodes: rng.u8(1..=3),
        clients: (0..clients).map(|number| client(&mut rng, number)).collect(),
        comment_chars: *rng.choice(&[24, 64, 10_000]).unwrap_or(&64),
        batch_changes: *rng.choice(&[2, 5, 200, 200]).unwrap_or(&200),
    };
    let weights = weights(&mut rng);
    let mut steps = Vec::new();
    for node in (0..setup.nodes).filter(|_| rng.bool()).collect::<Vec<_>>() {
        steps.push(Step::NodeClock { node, ahead_ms: skew(&mut rng) });
    }
    steps.extend([Step::Comment { client: rng.u8(..), line: 0, ink: 1 }, Step::Calm { rounds: 4 }]);
    let length = rng.usize(80..260);
    let (mut changes, mut faults) = (0, 0);
    while steps.len() < length || changes < MIN_CHANGES + 50 {
        let next = match rng.u8(..60) {
            0 => episode(&mut rng, &setup),
            _ => vec![step(&mut rng, &weights)],
        };
        changes +=
            next.iter().filter(|step| matches!(step, Step::Edit { .. } | Step::Comment { .. })).count();
        steps.extend(next);
    }
    // Whatever was drawn, these strike.
    while faults < MIN_FAULTS {
        faults += 1;
        let at = rng.usize(2..steps.len());
        steps.insert(at, Step::Restart { client: rng.u8(..), written: rng.bool(), damage: None });
    }
    // So does enough of what people do, whoever could do nothing until now.
    steps.extend((0..setup.nodes).flat_map(|node| [Step::Join { node }, Step::Start { node }]));
    for client in 0..clients {
        steps.extend([
            Step::Back { client },
            Step::Connect { client, node: 0, form: Form::Fitting, waits: 0 },
        ]);
    }
    steps.push(Step::Calm { rounds: 4 });
    // Enough for a history in which nobody could do anything before, or in which every text is full.
    let last = (0..MIN_CHANGES).map(|number| match number % 3 {
        0 => Step::Comment { client: rng.u8(..), line: 0, ink: 1 },
        _ => Step::Edit { client: rng.u8(..), comment: comment(&mut rng), pieces: pieces(&mut rng) },
    });
    steps.extend(last.collect::<Vec<_>>());
    new_code(&mut rng, &mut steps);
    // Whose store is gone for good, or who waits for ever, does nothing of that: the others make up for it.
    steps.extend((0..MIN_CHANGES / 3).map(|_| Step::Comment { client: rng.u8(..), line: 0, ink: 1 }));
    Plan { about: String::new(), setup, steps }
}

/// In half of all histories the code changes, at any of the servers, sometimes at two of them at once.
fn new_code(rng: &mut Rng, steps: &mut Vec<Step>) {
    if rng.bool() {
        return;
    }
    for _ in 0..rng.usize(1..=5) {
        let at = rng.usize(2..steps.len());
        let upload = |rng: &mut Rng| Step::PatchSet { node: rng.u8(..), code: rng.u8(..3) };
        let uploads = if rng.u8(..4) == 0 { vec![upload(rng), upload(rng)] } else { vec![upload(rng)] };
        steps.splice(at..at, uploads);
    }
}

fn client(rng: &mut Rng, number: u8) -> ClientSetup {
    // Now and then a person has two windows.
    let user = if number > 0 && rng.u8(..6) == 0 { rng.u8(..number) } else { number };
    let skew_ms = if rng.bool() { 0 } else { skew(rng) };
    ClientSetup { user, skew_ms, slow_disk: rng.u8(..3) == 0 }
}

/// How often each kind of step comes in this history. Typing and the network always go on; of the rest each
/// kind is missing from some histories, so that others have room.
fn weights(rng: &mut Rng) -> [u32; KINDS] {
    let mut weights = [0; KINDS];
    for (kind, weight) in weights.iter_mut().enumerate() {
        *weight = match kind {
            0 => 30,
            1..=4 => 12,
            _ if rng.u8(..3) == 0 => 0,
            _ => rng.u32(1..=6),
        };
    }
    weights
}

fn step(rng: &mut Rng, weights: &[u32; KINDS]) -> Step {
    let mut left = rng.u32(..weights.iter().sum::<u32>());
    let kind = weights.iter().position(|weight| {
        let here = left < *weight;
        left = left.saturating_sub(*weight);
        here
    });
    let (client, node) = (rng.u8(..), rng.u8(..));
    match kind.unwrap_or_default() {
        0 => Step::Edit { client, comment: comment(rng), pieces: pieces(rng) },
        1 => Step::Up { client, frames: rng.u8(1..=4) },
        2 => Step::Down { client, frames: rng.u8(1..=6) },
        3 => Step::Commit { node, fate: fate(rng) },
        4 => match rng.u8(..3) {
            0 => Step::Calm { rounds: rng.u8(1..=3) },
            _ => Step::Wait { ms: *rng.choice(&[20, 60, 200, 1_100, 6_000]).unwrap_or(&60) },
        },
        // A third of them on a line that does not exist: batches of which nothing is accepted have to come often.
        5 => Step::Comment { client, line: if rng.u8(..3) == 0 { 7 } else { rng.u8(..7) }, ink: rng.u8(..) },
        6 => Step::Reply { client, comment: comment(rng), ink: rng.u8(..) },
        7 => Step::SetText { client, comment: comment(rng), pieces: pieces(rng) },
        8 => Step::Resolve { client, comment: comment(rng), value: rng.bool() },
        9 => Step::Status { client, value: rng.u8(..12) },
        10 => Step::Title { client },
        11 => Step::Remove { client, comment: rng.u8(..) },
        12 => Step::Flush { client },
        13 => match rng.u8(..5) {
            0 => Step::SaveFails { client },
            _ => Step::Saved { client },
        },
        14 => Step::Restart { client, written: rng.bool(), damage: damage(rng) },
        15 => connect(rng, client, node),
        16 => match rng.u8(..6) {
            0 => Step::Resync { client, node },
            _ => connect(rng, client, node),
        },
        17 => match rng.u8(..3) {
            0 => Step::Kick { client },
            _ => Step::Cut { client },
        },
        18 => Step::Stale { pick: rng.u8(..) },
        19 => Step::Again { client },
        20 => match rng.u8(..3) {
            0 => Step::Away { client },
            _ => Step::Back { client },
        },
        21 => match rng.u8(..3) {
            0 => Step::Crash { node, landing: landing(rng) },
            _ => Step::Start { node },
        },
        22 => match rng.u8(..5) {
            0 => Step::Split { node },
            1 => Step::Land,
            2 => Step::LandOne { pick: rng.u8(..) },
            _ => Step::Join { node },
        },
        23 => match rng.u8(..3) {
            0 => Step::TailCheck { node },
            _ => hear(rng, node),
        },
        24 => Step::Break { client, up: rng.u8(..3), down: rng.u8(..4) },
        25 => Step::Echo { client, batch: rng.u8(..), pick: rng.u8(..) },
        26 => Step::Undo { client, comment: comment(rng), redo: rng.u8(..3) == 0 },
        27 => match rng.u8(..3) {
            0 => Step::Discard { client, pick: rng.u8(..) },
            _ => Step::Retry { client, pick: rng.u8(..) },
        },
        28 => match rng.bool() {
            true => Step::Snapshot { node },
            false => Step::Trim { keep: *rng.choice(&[0, 0, 1, 3, 8]).unwrap_or(&0) },
        },
        // Which of the two a history has, the first that comes decides.
        29 => match rng.u8(..8) {
            0 => Step::SetBack { pick: rng.u8(..) },
            1 => Step::Copy { client },
            2 => Step::BackUp,
            _ => Step::Undo { client, comment: comment(rng), redo: false },
        },
        _ => match rng.u8(..3) {
            0 => Step::NodeClock { node, ahead_ms: skew(rng) },
            _ => Step::Clock { client, ahead_ms: skew(rng) },
        },
    }
}

/// Things that matter only in a row, which chance alone seldom makes.
fn episode(rng: &mut Rng, setup: &Setup) -> Vec<Step> {
    let others = setup.clients.len() as u8;
    let client = rng.u8(..others);
    let (other, node) = ((client + rng.u8(1..others)) % others, rng.u8(..setup.nodes));
    let next = (node + 1) % setup.nodes;
    let mut edit = |client, comment| Step::Edit { client, comment, pieces: pieces(rng) };
    let calm = Step::Calm { rounds: 4 };
    let sent = Step::Up { client, frames: 2 };
    match (edit(client, 0), edit(other, 0), edit(other, 0), rng.u8(..3)) {
        // A batch was frozen before others wrote, and arrives at a server that has forgotten what they wrote.
        (mine, theirs, more, 0) => vec![
            calm.clone(),
            mine,
            Step::Flush { client },
            Step::Break { client, up: 0, down: 0 },
            theirs,
            calm.clone(),
            more,
            calm.clone(),
            Step::Crash { node, landing: Landing::Never },
            Step::Start { node },
            connect(rng, client, node),
            calm,
        ],
        // A batch is appended at one server while another, where its client was before, still holds a connection;
        // there it comes again.
        (mine, theirs, _, 1) => vec![
            Step::Cut { client },
            connect(rng, client, node),
            Step::Calm { rounds: 2 },
            Step::Cut { client },
            connect(rng, client, next),
            calm,
            if rng.bool() { mine } else { Step::Comment { client, line: 7, ink: 5 } },
            Step::Flush { client },
            sent,
            Step::Commit { node: next, fate: Fate::Done },
            theirs,
            Step::Echo { client, batch: 0, pick: rng.u8(..) },
            Step::Commit { node, fate: fate(rng) },
        ],
        // The answer to a batch is lost with the server, and so is the client before it hears of it.
        (mine, theirs, _, _) => vec![
            calm,
            mine,
            theirs,
            Step::Flush { client },
            sent,
            Step::Commit { node, fate: Fate::Unknown(landing(rng)) },
            Step::Crash { node, landing: landing(rng) },
            Step::Restart { client, written: rng.bool(), damage: None },
            connect(rng, client, next),
        ],
    }
}

/// Mostly as the server chooses.
fn connect(rng: &mut Rng, client: u8, node: u8) -> Step {
    let form = match rng.u8(..8) {
        0 => Form::Entries,
        1 | 2 => Form::Steps,
        3 => Form::Beside,
        4 => Form::Settled,
        _ => Form::Fitting,
    };
    Step::Connect { client, node, form, waits: if rng.bool() { 0 } else { rng.u8(..4) } }
}

fn damage(rng: &mut Rng) -> Option<Damage> {
    match rng.u8(..30) {
        0 => Some(Damage::Whole),
        1 => Some(Damage::Tail),
        2 => Some(Damage::Entries),
        3 => Some(Damage::Payload),
        4 => Some(Damage::Evicted),
        _ => None,
    }
}

fn hear(rng: &mut Rng, node: u8) -> Step {
    let pick = if rng.bool() { 0 } else { rng.u8(..) };
    Step::Hear { node, lost: rng.u8(..4) == 0, pick, again: rng.u8(..4) == 0 }
}

/// By how far a clock is ahead: a lot, a little, or not at all.
fn skew(rng: &mut Rng) -> i64 {
    match rng.u8(..4) {
        0 => 0,
        1 => rng.i64(-2_000..=2_000),
        _ => rng.i64(-SKEW_MS..=SKEW_MS),
    }
}

/// Mostly the same few, so that people meet.
fn comment(rng: &mut Rng) -> u8 {
    if rng.u8(..4) == 0 { rng.u8(..) } else { 0 }
}

/// Small pieces close together: dense in ties.
fn pieces(rng: &mut Rng) -> Vec<Piece> {
    let piece = |rng: &mut Rng| Piece {
        keep: rng.u8(..4),
        delete: if rng.bool() { 0 } else { rng.u8(..3) },
        ink: if rng.u8(..3) == 0 { 0 } else { rng.u8(..) },
    };
    (0..rng.usize(1..=4)).map(|_| piece(rng)).collect()
}

fn fate(rng: &mut Rng) -> Fate {
    match rng.u8(..10) {
        0 => Fate::Failed,
        1 => Fate::Unknown(landing(rng)),
        _ => Fate::Done,
    }
}

fn landing(rng: &mut Rng) -> Landing {
    [Landing::Never, Landing::Now, Landing::Later][rng.usize(..3)]
}
