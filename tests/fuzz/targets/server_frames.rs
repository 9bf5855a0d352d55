//! What a hostile server may send to a replica that has edits of its own on the way. It gets errors for an
//! answer, never a panic, and the replica always comes to rest.

use interline_core::entry::{Answer, AnswerResult, Hash};
use interline_core::wire::{self, ErrorCode, ServerFrame};

use super::device::Device;
use super::made;
use super::raw::Raw;

/// The most lines that are looked at: more say nothing new.
const STEPS: usize = 60;

/// A line each: a frame as it is (`{`), or a letter and what it takes. See [`step`].
pub(super) fn target(data: &[u8]) {
    let mut raw = Raw::new(data);
    let mut device = Device::online();
    for _ in 0..STEPS {
        step(&mut device, raw.line());
    }
    device.look();
}

fn step(device: &mut Device, line: &[u8]) {
    let Some((letter, rest)) = line.split_first() else { return };
    let raw = &mut Raw::new(rest);
    match letter {
        b'{' => {
            let text = String::from_utf8_lossy(line);
            comes_back(&text);
            device.hear(&text);
        }
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
        b'a' => answer(device, raw),
        b'r' => refusal(device, raw),
        b'e' => device.act(raw),
        b'w' => device.wait(u64::from(raw.byte()) * 500),
        b's' => device.start_over(),
        b'o' => {
            let version = raw.near(device.replica.confirmed().version);
            device.reopen(version);
        }
        b'x' => device.replica.offline(),
        b'k' => device.restart(),
        b'l' => device.look(),
        _ => {}
    }
}

/// What is a frame is one after it was written again.
fn comes_back(text: &str) {
    let Ok(frame) = wire::decode_server(text) else { return };
    let written = wire::encode(&frame);
    let again = wire::decode_server(&written).expect("what was written is a frame");
    assert_eq!(wire::encode(&again), written);
}

fn facts_in_json(device: &mut Device, json: &[u8], ours: bool) {
    if let Ok(facts) = serde_json::from_slice(json) {
        device.follow(&mut Raw::new(&[]), facts, ours);
    }
}

fn answer(device: &mut Device, raw: &mut Raw<'_>) {
    let flight = device.flight.as_ref();
    let seq = raw.near(flight.map_or(1, |flight| flight.seq));
    let payload = flight.map_or(Hash::default(), |flight| Hash::of(flight.payload.as_bytes()));
    let result = match raw.below(2) {
        0 => AnswerResult::Rejected(made::verdicts(raw)),
        _ => {
            let version = raw.near(device.replica.confirmed().version);
            AnswerResult::Committed { version, verdicts: made::verdicts(raw) }
        }
    };
    let answer = Answer { seq, payload, result };
    device.hear(&wire::encode(&ServerFrame::Answer { review: made::review_id(), answer }));
}

fn refusal(device: &mut Device, raw: &mut Raw<'_>) {
    const CODES: [ErrorCode; 4] =
        [ErrorCode::Overloaded, ErrorCode::StoreFailed, ErrorCode::SeqReused, ErrorCode::BadBatch];
    let code = CODES[raw.below(CODES.len())];
    device.hear(&wire::encode(&ServerFrame::Refused(wire::Refused {
        review: made::review_id(),
        seq: raw.near(device.flight.as_ref().map_or(1, |flight| flight.seq)),
        code,
        message: "no".into(),
        retryable: raw.below(4) < 3,
        retry_after_ms: (raw.below(2) == 1).then(|| raw.near(1_000)),
    })));
}
