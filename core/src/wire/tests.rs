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
fn what_a_newer_server_adds_is_passed_over() {
    let error = r#"{"error":{"code":"not_invented_yet","message":"m","retryable":true,"new":1}}"#;
    let ServerFrame::Error(error) = decode_server(error).unwrap() else { panic!("an error") };
    assert_eq!((error.code, error.retryable), (ErrorCode::Unknown, true));
    let id = uuid::Uuid::nil();
    let presence = format!(
        r#"{{"presence":{{"review":"{id}","new":1,"presence":{{"session":"{id}","new":1,"active":true,"last_seen":1,
        "user":{{"id":"a","display_name":"A","new":1}},"place":{{"file":"x","new":1}},
        "selection":{{"comment":"{id}","version":1,"anchor":0,"head":0,"new":1}}}}}}}}"#
    );
    assert!(matches!(decode_server(&presence), Ok(ServerFrame::Presence { .. })));
    let answer = format!(
        r#"{{"answer":{{"review":"{id}","answer":{{"seq":1,"payload":"{}","new":1,
        "result":{{"committed":{{"version":1,"new":1}}}}}}}}}}"#,
        Hash::default()
    );
    assert!(matches!(decode_server(&answer), Ok(ServerFrame::Answer { .. })));
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
