//! The laws that texts and ops must keep, on random cases; and the hostile table that must be refused.

use fastrand::Rng;
use proptest::prelude::*;

use super::cursor::{Bias, Range, backward, forward};
use super::units::{Utf16, changes_from_op, op_from_changes, to_scalar, to_utf16};
use super::{Text, TextOp, diff, generate, squash, transform};
use crate::limits::Limits;

/// One random text with two ops for it, from a seed that proptest prints and shrinks.
fn case() -> impl Strategy<Value = (String, TextOp, TextOp)> {
    any::<u64>().prop_map(|seed| {
        let mut rng = Rng::with_seed(seed);
        let text = generate::text(&mut rng, 8);
        let len = text.chars().count();
        let (a, b) = (generate::op(&mut rng, len), generate::op(&mut rng, len));
        (text, a, b)
    })
}

fn applied(text: &str, op: &TextOp) -> Text {
    let mut text = Text::new(text);
    text.apply(op).unwrap();
    text
}

/// What an op does, said as plainly as possible.
fn applied_slowly(text: &str, op: &TextOp) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (mut at, mut result) = (0, String::new());
    for step in op.steps() {
        match step {
            super::Step::Retain(n) => {
                result.extend(&chars[at..at + n]);
                at += n;
            }
            super::Step::Insert(insert, _) => result.push_str(insert),
            super::Step::Delete(n) => at += n,
        }
    }
    result
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn applying_does_what_the_op_says((text, op, _) in case()) {
        let result = applied(&text, &op);
        prop_assert_eq!(result.as_str(), applied_slowly(&text, &op));
        prop_assert_eq!(result.len(), result.as_str().chars().count());
        prop_assert_eq!(result.len(), op.target_len());
    }

    #[test]
    fn concurrent_ops_meet((text, a, b) in case()) {
        let (a_over, b_over) = transform(&a, &b).unwrap();
        let one = applied(applied(&text, &a).as_str(), &b_over);
        let other = applied(applied(&text, &b).as_str(), &a_over);
        prop_assert_eq!(one, other);
    }

    #[test]
    fn history_goes_first_on_ties(seed in any::<u64>()) {
        let mut rng = Rng::with_seed(seed);
        let len = rng.usize(..6);
        let at = rng.usize(..=len);
        let history = TextOp::replace(len, at, 0, "H").unwrap();
        let op = TextOp::replace(len, at, 0, "o").unwrap();
        let (_, op) = transform(&history, &op).unwrap();
        let text = applied(applied(&"x".repeat(len), &history).as_str(), &op);
        prop_assert!(text.as_str().contains("Ho"));
    }

    #[test]
    fn composing_is_doing_both(seed in any::<u64>()) {
        let mut rng = Rng::with_seed(seed);
        let text = generate::text(&mut rng, 8);
        let a = generate::op(&mut rng, text.chars().count());
        let middle = applied(&text, &a);
        let b = generate::op(&mut rng, middle.len());
        prop_assert_eq!(applied(&text, &a.compose(&b).unwrap()), applied(middle.as_str(), &b));
    }

    #[test]
    fn an_inverse_takes_an_op_back((text, op, _) in case()) {
        let before = Text::new(text.clone());
        let after = applied(&text, &op);
        let inverse = op.invert(&before).unwrap();
        let back = applied(after.as_str(), &inverse);
        prop_assert_eq!(&back, &before);
        let again = applied(back.as_str(), &inverse.invert(&after).unwrap());
        prop_assert_eq!(again, after);
        let longer = Text::new(format!("{text}!"));
        prop_assert!(op.invert(&longer).is_err());
    }

    #[test]
    fn ops_survive_json((_, op, _) in case()) {
        let json = serde_json::to_string(&op).unwrap();
        prop_assert_eq!(serde_json::from_str::<TextOp>(&json).unwrap(), op);
    }

    #[test]
    fn a_diff_leads_from_one_text_to_the_other(seed in any::<u64>()) {
        let mut rng = Rng::with_seed(seed);
        let (old, new) = (generate::text(&mut rng, 12), generate::text(&mut rng, 12));
        let result = applied(&old, &diff(&old, &new));
        prop_assert_eq!(result.as_str(), new.as_str());
    }

    #[test]
    fn utf16_comes_back((text, op, _) in case()) {
        let changes = changes_from_op(&text, &op);
        let again = op_from_changes(&text, &changes).unwrap();
        prop_assert_eq!(applied(&text, &again), applied(&text, &op));
        let units: Vec<u16> = text.encode_utf16().collect();
        let mut expected = units.clone();
        for change in changes.iter().rev() {
            expected.splice(change.from..change.to, change.insert.encode_utf16());
        }
        let after = applied(&text, &op);
        prop_assert_eq!(String::from_utf16(&expected).unwrap(), after.as_str());
        for at in 0..=text.chars().count() {
            prop_assert_eq!(to_scalar(&text, to_utf16(&text, at)), Ok(at));
        }
        prop_assert!(to_scalar(&text, Utf16(units.len() + 1)).is_err());
    }

    #[test]
    fn positions_stay_within_the_text((_, op, _) in case()) {
        for at in 0..=op.base_len() {
            let (before, after) = (forward(&op, at, Bias::Before), forward(&op, at, Bias::After));
            prop_assert!(before <= after && after <= op.target_len());
        }
        for at in 0..=op.target_len() {
            prop_assert!(backward(&op, at) <= op.base_len());
        }
        for (anchor, head) in [(0, op.base_len()), (op.base_len(), 0)] {
            let range = Range { anchor, head }.forward(&op);
            prop_assert!(range.anchor.max(range.head) <= op.target_len());
        }
    }

    #[test]
    fn an_op_for_another_text_changes_nothing((text, op, _) in case()) {
        let longer = format!("{text}!");
        let mut untouched = Text::new(longer.clone());
        prop_assert!(untouched.apply(&op).is_err());
        prop_assert_eq!(untouched.as_str(), longer);
    }

    #[test]
    fn no_text_at_all_panics_the_parser(text in "\\[[-0-9,\"a\\[\\]{}.eE ]{0,40}\\]") {
        let _ = serde_json::from_str::<TextOp>(&text);
    }
}

/// What goes wrong in the crate's own parser, and more like it. Each is refused at once.
#[test]
fn hostile_ops_are_refused() {
    let too_long = Limits::ANY_TEXT_CHARS + 1;
    let many: String = "1,-1,".repeat(Limits::LOG_OP_COMPONENTS);
    let table = [
        "[-9223372036854775808]".to_owned(),
        "[18446744073709551615,6]".to_owned(),
        "[-9223372036854775808,1,-9223372036854775808,4]".to_owned(),
        "[9223372036854775807]".to_owned(),
        "[18446744073709551616]".to_owned(),
        "[4294967296]".to_owned(),
        "[4294967297]".to_owned(),
        "[-4294967296,1]".to_owned(),
        "[1e3]".to_owned(),
        "[1.0]".to_owned(),
        "[0]".to_owned(),
        "[-0]".to_owned(),
        "[\"\"]".to_owned(),
        "[1,2]".to_owned(),
        "[-1,-2]".to_owned(),
        "[\"a\",\"b\"]".to_owned(),
        "[-1,\"a\"]".to_owned(),
        "[null]".to_owned(),
        "[true]".to_owned(),
        "[[1]]".to_owned(),
        "{\"0\":1}".to_owned(),
        "\"abc\"".to_owned(),
        "5".to_owned(),
        "null".to_owned(),
        "[\"\\ud800\"]".to_owned(),
        format!("[{too_long}]"),
        format!("[-{too_long}]"),
        format!("[{},\"ab\",{}]", Limits::ANY_TEXT_CHARS / 2, Limits::ANY_TEXT_CHARS / 2),
        format!("[{many}1]"),
    ];
    for hostile in &table {
        #[expect(
            clippy::disallowed_methods,
            clippy::disallowed_types,
            reason = "a test may look at the clock"
        )]
        let started = std::time::Instant::now();
        let refused = serde_json::from_str::<TextOp>(hostile);
        let start = &hostile[..hostile.len().min(60)];
        assert!(refused.is_err_and(|error| error.is_data() || error.is_syntax()), "{start}");
        // Milliseconds; the rest is what a busy machine may add.
        assert!(started.elapsed().as_millis() < 250, "{start}");
    }
}

#[test]
fn the_limits_themselves_are_fine() {
    let longest = format!("[{}]", Limits::ANY_TEXT_CHARS);
    assert_eq!(serde_json::from_str::<TextOp>(&longest).unwrap().base_len(), Limits::ANY_TEXT_CHARS);
    let most: String = "1,-1,".repeat(Limits::LOG_OP_COMPONENTS / 2 - 1);
    let most = serde_json::from_str::<TextOp>(&format!("[{most}1,-1]")).unwrap();
    assert_eq!(most.components(), Limits::LOG_OP_COMPONENTS);
    assert_eq!(serde_json::from_str::<TextOp>("[]").unwrap(), TextOp::default());
}

/// The vectors that `docs/protocol.md` offers to clients in other languages. They were worked out by a second
/// implementation, from the words of the protocol alone.
#[test]
fn the_published_vectors_hold() {
    #[derive(serde::Deserialize)]
    struct Vector {
        name: String,
        text: String,
        history: TextOp,
        op: TextOp,
        history_after_op: TextOp,
        op_after_history: TextOp,
        result: String,
    }
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../../../docs/vectors/transform.json")).unwrap();
    for vector in vectors {
        let (history, op) = transform(&vector.history, &vector.op).unwrap();
        assert_eq!((&history, &op), (&vector.history_after_op, &vector.op_after_history), "{}", vector.name);
        let result = applied(applied(&vector.text, &vector.history).as_str(), &op);
        assert_eq!(result.as_str(), vector.result, "{}", vector.name);
    }
}

#[test]
fn thousands_of_keystrokes_in_a_long_text_are_quick() {
    let mut rng = Rng::with_seed(7);
    let written = TextOp::replace(0, 0, 0, &"four".repeat(8 * 1024)).unwrap();
    let mut text = Text::default();
    let mut ops = vec![written];
    text.apply(&ops[0]).unwrap();
    for n in 0..4_096 {
        let at = rng.usize(..text.len());
        let op = TextOp::replace(text.len(), at, n % 2, if n % 2 == 0 { "x" } else { "" }).unwrap();
        text.apply(&op).unwrap();
        ops.push(op);
    }
    // With the long insert among them every join walks all of it; without, it is components alone.
    for (from, bound) in [(0, 5_000), (1, 250)] {
        #[expect(
            clippy::disallowed_methods,
            clippy::disallowed_types,
            reason = "a test may look at the clock"
        )]
        let started = std::time::Instant::now();
        let whole = squash(ops[from..].iter()).unwrap().unwrap();
        let took = started.elapsed();
        assert_eq!(whole.target_len(), text.len());
        assert!(took.as_millis() < bound, "{took:?} from {from}");
    }
}
