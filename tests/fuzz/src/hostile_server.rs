//! What a hostile server may send to a replica that has edits of its own on the way. It gets errors for an
//! answer, never a panic; the replica always comes to rest, what was typed is somewhere, and an honest server finds
//! a replica that goes on.

use interline_core::entry::{Answer, AnswerResult, Hash, Step};
use interline_core::wire::{self, ErrorCode, Opened, ServerFrame};

use super::device::Device;
use super::made;
use super::raw::Raw;

/// The most lines that are looked at: more say nothing new.
const STEPS: usize = 60;

/// A line each: a frame as it is (`{`), or a letter and what it takes. See [`step`].
pub(crate) fn target(data: &[u8]) {
    let mut raw = Raw::new(data);
    let mut device = Device::online();
    for _ in 0..STEPS {
        step(&mut device, raw.line());
    }
    device.look();
    device.open_honestly();
    device.look();
}

fn step(device: &mut Device, line: &[u8]) {
    let Some((letter, rest)) = line.split_first() else { return };
    let raw = &mut Raw::new(rest);
    match letter {
        b'{' => device.hear(&String::from_utf8_lossy(line)),
        // Entries, chained as they should be: facts in JSON or made from bytes, by somebody else or by us.
        b'F' => facts_in_json(device, rest, false),
        b'M' => facts_in_json(device, rest, true),
        b'f' => {
            let facts = made::facts(raw, device.replica.confirmed());
            device.follow(raw, facts, false);
        }
        b'm' => {
            let facts = made::facts(raw, device.replica.confirmed());
            device.follow(raw, facts, true);
        }
        b'a' => {
            let answer = answer(device, raw);
            device.hear(&wire::encode(&ServerFrame::Answer { review: made::review_id(), answer }));
        }
        b'r' => refusal(device, raw),
        b'e' => device.act(raw),
        b'd' => device.decide(raw),
        b'w' => device.wait(u64::from(raw.byte()) * 500),
        b'h' => device.open_honestly(),
        b'o' => opening(device, raw),
        b'x' => device.offline(),
        b'k' => device.restart(),
        b'l' => device.look(),
        _ => {}
    }
}

fn facts_in_json(device: &mut Device, json: &[u8], ours: bool) {
    if let Ok(facts) = serde_json::from_slice(json) {
        device.follow(&mut Raw::new(&[]), facts, ours);
    }
}

fn answer(device: &mut Device, raw: &mut Raw<'_>) -> Answer {
    let flight = device.flight.as_ref();
    let seq = raw.near(flight.map_or(1, |flight| flight.seq));
    let payload = flight.map_or(Hash::default(), |flight| Hash::of(flight.payload.as_bytes()));
    let result = match raw.below(5) {
        0 => AnswerResult::Void,
        1 | 2 => AnswerResult::Rejected(made::verdicts(raw)),
        _ => {
            let version = raw.near(device.replica.confirmed().version);
            let hash = (raw.below(2) == 0).then_some(payload);
            AnswerResult::Committed { version, hash, verdicts: made::verdicts(raw) }
        }
    };
    Answer { seq, payload, result }
}

/// The review is opened in any of the four ways: with steps, with all of it, with both, with neither.
fn opening(device: &mut Device, raw: &mut Raw<'_>) {
    device.offline();
    device.replica.opening();
    let confirmed = device.replica.confirmed().clone();
    let mut review = confirmed.clone();
    let (_, first, created) = made::created();
    if review.version == 0 {
        review = first;
    }
    let behind = raw.below(4) as u64;
    review.version = raw.near(review.version.saturating_add(behind));
    let mut opened = made::opened(device.replica.head().unwrap_or(created));
    opened.head.version = raw.near(review.version);
    let how = raw.below(4);
    if how & 1 == 1 {
        let mut at = confirmed.clone();
        let steps = (0..raw.below(5)).map(|_| made_step(device, raw, &mut at, opened.head.version));
        opened.steps = Some(steps.collect());
        if raw.below(2) == 0 {
            // As it is once the steps have been taken.
            review.comments = at.comments;
        }
    }
    if how & 2 == 2 {
        if raw.below(3) == 0 {
            review.comments.retain(|_, _| raw.below(2) == 0);
        }
        for comment in review.comments.values_mut() {
            if raw.below(3) == 0 {
                let op = made::op(raw, comment.text.len());
                let _ = comment.text.apply(&op);
            }
        }
        opened.snapshot = Some(review.clone());
    }
    opened.digest = (raw.below(4) == 0).then(|| raw.near(review.digest().into()) as u32);
    opened.last = (raw.below(3) > 0).then(|| answer(device, raw));
    opened.held = (raw.below(2) == 0).then(|| raw.near(confirmed.version));
    let frame = ServerFrame::Opened(Box::new(Opened { ..opened }));
    device.hear(&wire::encode(&frame));
}

fn made_step(device: &Device, raw: &mut Raw<'_>, at: &mut interline_core::review::Review, to: u64) -> Step {
    let ours = raw.below(3) == 0;
    let who = usize::from(!ours);
    let fact = made::fact(raw, at);
    made::follow(at, &fact);
    let client = if ours { device.replica.client() } else { made::client(who) };
    let seq = raw.near(device.flight.as_ref().filter(|_| ours).map_or(7, |flight| flight.seq));
    Step { version: raw.near(to), author: made::user(who), client, seq, at: made::NOW, fact }
}

fn refusal(device: &mut Device, raw: &mut Raw<'_>) {
    const CODES: [ErrorCode; 6] = [
        ErrorCode::Overloaded,
        ErrorCode::StoreFailed,
        ErrorCode::SeqReused,
        ErrorCode::SeqGap,
        ErrorCode::BadBase,
        ErrorCode::BadBatch,
    ];
    let code = CODES[raw.below(CODES.len())];
    device.hear(&wire::encode(&ServerFrame::Refused(wire::Refused {
        review: made::review_id(),
        seq: raw.near(device.flight.as_ref().map_or(1, |flight| flight.seq)),
        code,
        message: "no".into(),
        retryable: raw.below(4) == 0,
        retry_after_ms: (raw.below(2) == 1).then(|| raw.near(1_000)),
    })));
}
