//! Small changes to an input: what a fuzzer does, without one.

use fastrand::Rng;

/// Numbers and tokens that code trips over.
const WORDS: &[&str] = &[
    "0",
    "-1",
    "1",
    "18446744073709551615",
    "-9223372036854775808",
    "4294967296",
    "1048577",
    "1e9",
    "null",
    "true",
    "\"\"",
    "[]",
    "{}",
    "[",
    "}",
    ",",
    "\n",
    "\r\n",
    "\u{1F600}",
    "\\ud800",
    "@@ -1,4294967295 +1 @@",
];
/// No mutation makes an input longer than this.
const LONGEST: usize = 64 * 1024;

/// An input a little different from `data`; `other` is another one to borrow from.
pub(crate) fn mutated(rng: &mut Rng, data: &[u8], other: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    for _ in 0..=rng.usize(..4) {
        once(rng, &mut data, other);
    }
    data.truncate(LONGEST);
    data
}

fn once(rng: &mut Rng, data: &mut Vec<u8>, other: &[u8]) {
    let at = rng.usize(..=data.len());
    let end = (at + rng.usize(..16)).min(data.len());
    match rng.u8(..8) {
        0 if at < data.len() => data[at] = rng.u8(..),
        1 if at < data.len() => data[at] ^= 1 << rng.u8(..8),
        2 => drop(data.drain(at..end)),
        3 => data.insert(at, rng.u8(..)),
        4 => {
            let word = WORDS[rng.usize(..WORDS.len())];
            data.splice(at..end.min(at + rng.usize(..3)), word.bytes());
        }
        5 => {
            let piece = data[at..end].to_vec();
            data.splice(at..at, piece);
        }
        6 => lines(rng, data),
        _ => {
            let from = rng.usize(..=other.len());
            let to = (from + rng.usize(..64)).min(other.len());
            data.splice(at..end, other[from..to].iter().copied());
        }
    }
}

/// Swaps, repeats or drops whole lines.
fn lines(rng: &mut Rng, data: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = data.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (one, two) = (rng.usize(..lines.len()), rng.usize(..lines.len()));
    match rng.u8(..3) {
        0 => lines.swap(one, two),
        1 => lines.insert(two, lines[one].clone()),
        _ => drop(lines.remove(one)),
    }
    *data = lines.join(&b'\n');
}
