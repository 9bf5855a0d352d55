//! Small changes to what an honest server says, on its way to one client.

use std::collections::VecDeque;

use super::raw::Raw;

/// A frame on its way.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) text: String,
    /// Its hash shall fit, whatever it says by then.
    pub(crate) chained: bool,
}

/// Changes what is on its way in one place.
pub(crate) fn meddle(raw: &mut Raw<'_>, queue: &mut VecDeque<Message>, past: &[String]) {
    let at = raw.below(queue.len());
    match raw.below(9) {
        0 => drop(queue.remove(at)),
        1 => {
            if let Some(twice) = queue.get(at).cloned() {
                queue.insert(at, twice);
            }
        }
        2 if at + 1 < queue.len() => queue.swap(at, at + 1),
        3 => {
            if let Some(text) = past.get(raw.below(past.len())) {
                queue.insert(at, Message { text: text.clone(), chained: raw.below(2) == 0 });
            }
        }
        how => {
            let Some(message) = queue.get_mut(at) else { return };
            message.text = match how {
                4 => other_number(raw, &message.text),
                5 => emptied(raw, &message.text),
                6 => message.text.replacen("committed", "rejected", 1),
                _ => other_byte(raw, &message.text),
            };
            message.chained |= raw.below(2) == 0;
        }
    }
}

/// The places of some characters.
fn places(text: &str, is: impl Fn(char) -> bool) -> Vec<usize> {
    text.char_indices().filter(|(_, c)| is(*c)).map(|(at, _)| at).collect()
}

fn pick(raw: &mut Raw<'_>, places: &[usize]) -> Option<usize> {
    let n = usize::from(raw.byte()) << 8 | usize::from(raw.byte());
    places.get(n % places.len().max(1)).copied()
}

fn other_number(raw: &mut Raw<'_>, text: &str) -> String {
    let Some(at) = pick(raw, &places(text, |c| c.is_ascii_digit())) else { return text.to_owned() };
    let start = text[..at].trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let rest = text[at..].trim_start_matches(|c: char| c.is_ascii_digit());
    let number = text[start..text.len() - rest.len()].parse().unwrap_or(u64::MAX);
    let other = match raw.below(4) {
        0 => number.wrapping_add(1),
        1 => number.wrapping_sub(1),
        _ => raw.near(u64::from(raw.clone().byte())),
    };
    format!("{}{other}{rest}", &text[..start])
}

/// A list has nothing in it any more.
fn emptied(raw: &mut Raw<'_>, text: &str) -> String {
    let Some(start) = pick(raw, &places(text, |c| c == '[')) else { return text.to_owned() };
    let mut depth = 0;
    for (at, c) in text[start..].char_indices() {
        depth += i32::from(c == '[') - i32::from(c == ']');
        if depth == 0 {
            return format!("{}[]{}", &text[..start], &text[start + at + 1..]);
        }
    }
    text.to_owned()
}

fn other_byte(raw: &mut Raw<'_>, text: &str) -> String {
    let Some(at) = pick(raw, &places(text, |_| true)) else { return text.to_owned() };
    let rest: String = text[at..].chars().skip(1).collect();
    format!("{}{}{rest}", &text[..at], char::from(raw.byte() & 0x7f))
}
