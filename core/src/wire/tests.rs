//! Frames keep their shape, and nothing else is one.

use super::*;
use crate::entry::{EncodedEntry, Hash};
use crate::id::ReviewId;

fn code(text: &str) -> ErrorCode {
    decode_client(text).unwrap_err().code
}

#[test]
fn strangers_are_told_apart() {
    assert_eq!(code("nonsense"), ErrorCode::BadFrame);
    assert_eq!(code(""), ErrorCode::BadFrame);
    assert_eq!(code("[]"), ErrorCode::BadFrame);
    assert_eq!(code("{}"), ErrorCode::BadFrame);
    assert_eq!(code(r#"{"destroy":{}}"#), ErrorCode::UnknownFrame);
    assert_eq!(code(r#"{"ping":{"nonce":-1}}"#), ErrorCode::BadFrame);
    assert_eq!(code(r#"{"ping":{"nonce":1},"ping":{"nonce":2}}"#), ErrorCode::BadFrame);
    assert_eq!(code(r#"{"ping":{"nonce":1}} trailing"#), ErrorCode::BadFrame);
    assert_eq!(code(r#"{"open":{"review":"x","__proto__":{}}}"#), ErrorCode::BadFrame);
    assert_eq!(code(r#"{"ping":{"nonce":1,"extra":2}}"#), ErrorCode::BadFrame);
    assert_eq!(code(&"[".repeat(100_000)), ErrorCode::BadFrame);
    assert_eq!(code(&r#"{"submit":"#.repeat(10_000)), ErrorCode::BadFrame);
}

#[test]
fn a_batch_keeps_its_bytes() {
    let text = r#"{"submit":{"review":"00000000-0000-0000-0000-000000000001","batch":{ "seq" : 1 }}}"#;
    let ClientFrame::Submit(submit) = decode_client(text).unwrap() else { panic!("a submit") };
    assert_eq!(submit.batch.get(), r#"{ "seq" : 1 }"#);
    assert_eq!(encode(&ClientFrame::Submit(submit)), text);
}

#[test]
fn an_entry_frame_is_put_together_right() {
    let payload = r#"{"format":1}"#;
    let entry =
        EncodedEntry { version: 1, hash: Hash::default().chain(payload.as_bytes()), payload: payload.into() };
    let text = entry_frame(ReviewId(uuid::Uuid::from_u128(1)), &entry);
    let ServerFrame::Entry(frame) = decode_server(&text).unwrap() else { panic!("an entry") };
    assert_eq!(frame.entry.get(), payload);
    assert_eq!(frame.hash, entry.hash);
    assert_eq!(encode(&ServerFrame::Entry(frame)), text);
}
