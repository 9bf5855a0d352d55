//! Plans from seeds. Each seed draws not only the steps but how often each kind comes, so that some histories
//! are mostly crashes, some mostly typing apart, and some all at once (swarm testing, Groce et al., 2012).

use fastrand::Rng;

use super::plan::{ClientSetup, Fate, Landing, Piece, Plan, Setup, Step};

/// The fewest changes that a history has.
pub const MIN_CHANGES: usize = 30;
/// The fewest faults that it has.
pub const MIN_FAULTS: usize = 2;

const HOUR_MS: i64 = 3_600_000;

/// The kinds of steps that are drawn, by weight.
const KINDS: usize = 24;

/// The history of a seed.
pub fn plan(seed: u64) -> Plan {
    let mut rng = Rng::with_seed(seed);
    let clients = rng.u8(3..=5);
    let setup = Setup {
        nodes: rng.u8(1..=3),
        clients: (0..clients).map(|number| client(&mut rng, number)).collect(),
        comment_chars: *rng.choice(&[24, 64, 10_000]).unwrap_or(&64),
        batch_changes: *rng.choice(&[2, 5, 200, 200]).unwrap_or(&200),
        fenced: true,
    };
    let weights = weights(&mut rng);
    let mut steps = vec![Step::Comment { client: rng.u8(..), line: 0, ink: 1 }, Step::Calm { rounds: 4 }];
    let length = rng.usize(80..260);
    let (mut changes, mut faults) = (0, 0);
    while steps.len() < length || changes < MIN_CHANGES + 10 {
        let step = step(&mut rng, &weights);
        changes += usize::from(matches!(step, Step::Edit { .. } | Step::Comment { .. }));
        steps.push(step);
    }
    // Whatever was drawn, these strike.
    while faults < MIN_FAULTS {
        faults += 1;
        let at = rng.usize(2..steps.len());
        steps.insert(at, Step::Restart { client: rng.u8(..), written: rng.bool() });
    }
    Plan { about: String::new(), setup, steps }
}

fn client(rng: &mut Rng, number: u8) -> ClientSetup {
    // Now and then a person has two windows.
    let user = if number > 0 && rng.u8(..6) == 0 { rng.u8(..number) } else { number };
    let skew_ms = if rng.bool() { 0 } else { rng.i64(-HOUR_MS..=HOUR_MS) };
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
        9 => Step::Status { client, value: rng.u8(..3) },
        10 => Step::Title { client },
        11 => Step::Remove { client, comment: rng.u8(..) },
        12 => Step::Flush { client },
        13 => match rng.u8(..5) {
            0 => Step::SaveFails { client },
            _ => Step::Saved { client },
        },
        14 => Step::Restart { client, written: rng.bool() },
        15 => Step::Connect { client, node },
        16 => match rng.u8(..6) {
            0 => Step::Resync { client, node },
            _ => Step::Connect { client, node },
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
        22 => match rng.u8(..4) {
            0 => Step::Split { node },
            1 => Step::Land,
            _ => Step::Join { node },
        },
        _ => match rng.u8(..3) {
            0 => Step::TailCheck { node },
            _ => Step::Hear { node, lost: rng.u8(..4) == 0 },
        },
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
