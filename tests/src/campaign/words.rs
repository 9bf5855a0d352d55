//! Words that tell who typed them and as which: `kim17 `. None is typed twice, so that one that is lost, doubled,
//! torn or out of order shows.
//!
//! Now and then a writer slips, `kim17~ `, and takes the `~` out in its next edit. A deletion that is applied twice
//! takes the space with it, and two words become one that nobody typed.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};

/// What marks a slip.
pub const SLIP: &str = "~";

/// A word as it is typed.
pub fn word(name: &str, number: u32, slip: bool) -> String {
    format!("{name}{number}{} ", if slip { SLIP } else { "" })
}

/// The number in a word, if it is one of this writer.
pub fn number(word: &str, name: &str) -> Option<u32> {
    let digits = word.strip_prefix(name)?.trim_end_matches(SLIP);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// The numbers of a writer's words in anything that holds them, such as a saved replica in JSON.
pub fn scan<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = u32> + 'a {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(move |word| number(word, name))
}

/// What is in the comments of a review.
#[derive(Default, Debug)]
pub struct Tally {
    /// How often each word is there, by writer and number.
    pub found: BTreeMap<(String, u32), usize>,
    /// Slips that were not taken back.
    pub slips: usize,
}

impl Tally {
    /// Counts the words of texts; fails on what nobody typed, and on words of one writer that are out of order.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>, names: &[String]) -> Result<Tally> {
        let mut tally = Tally::default();
        for text in texts {
            ensure!(text.is_empty() || text.ends_with(' '), "a text ends in the midst of a word: {text:?}");
            let mut last: BTreeMap<&str, u32> = BTreeMap::new();
            for word in text.split_terminator(' ') {
                let known = names.iter().find_map(|name| Some((name, number(word, name)?)));
                let Some((name, number)) = known else { bail!("nobody typed {word:?}, in {text:?}") };
                let before = last.insert(name, number).unwrap_or(0);
                ensure!(before < number, "{name}{number} comes behind {name}{before}, in {text:?}");
                *tally.found.entry((name.clone(), number)).or_default() += 1;
                tally.slips += usize::from(word.ends_with(SLIP));
            }
        }
        Ok(tally)
    }

    /// Words that are there more than once.
    pub fn doubled(&self) -> Vec<String> {
        let twice = self.found.iter().filter(|(_, times)| **times > 1);
        twice.map(|((name, number), times)| format!("{name}{number} is there {times} times")).collect()
    }

    /// Whether a word is there.
    pub fn has(&self, name: &str, number: u32) -> bool {
        self.found.contains_key(&(name.to_owned(), number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(text: &str) -> Result<Tally> {
        Tally::of([text], &["kim".to_owned(), "lou".to_owned()])
    }

    #[test]
    fn whole_words_in_order_are_counted() -> Result<()> {
        let good = tally("kim1 lou4 kim3~ lou5 ")?;
        assert_eq!((good.found.len(), good.slips, good.doubled().len()), (4, 1, 0));
        assert!(good.has("kim", 3) && !good.has("kim", 2));
        Ok(())
    }

    #[test]
    fn what_went_wrong_is_found() {
        for bad in ["kim1", "kim1lou2 ", "kim2 kim1 ", "kim1 kim1 ", "max1 ", "kim1  kim2 ", "kim1x "] {
            assert!(tally(bad).is_err(), "{bad:?}");
        }
        let names = ["kim".to_owned()];
        let twice = Tally::of(["kim1 ", "kim1 "], &names).map(|tally| tally.doubled());
        assert_eq!(twice.ok(), Some(vec!["kim1 is there 2 times".to_owned()]));
    }

    #[test]
    fn words_are_found_in_json() {
        let json = r#"{"text":"kim1 lou2 kim10~ ","id":"a1-kimx","kim":7}"#;
        assert_eq!(scan(json, "kim").collect::<Vec<_>>(), [1, 10]);
    }
}
