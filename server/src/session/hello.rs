//! The first frame: who is there, and do both sides speak the same protocol.

use interline_core::id::SessionId;
use interline_core::wire::{
    BadFrame, ClientFrame, ErrorCode, ErrorFrame, Hello, PROTOCOL, ServerFrame, Welcome, decode_client,
    encode,
};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::incoming::{Heard, Incoming};
use super::outbox::End;
use super::{Outbox, Principal, RECONNECT_MS, refuse};
use crate::app::AppState;
use crate::store::{SYSTEM, StoreError};
use crate::time::now_ms;

/// Waits for `hello` and answers it.
pub(super) async fn expect(
    state: &AppState,
    incoming: &mut Incoming,
    outbox: &Outbox,
) -> Result<Principal, End> {
    let deadline = Instant::now() + state.timing.hello;
    let mut draining = state.draining.clone();
    let text = loop {
        let heard = tokio::select! {
            heard = incoming.next() => heard,
            () = sleep_until(deadline) => {
                return Err(say(state, outbox, ErrorCode::HelloExpected, "no hello came in time"));
            }
            _ = draining.wait_for(|draining| *draining) => {
                outbox.push(encode(&ServerFrame::Draining { reconnect_after_ms: RECONNECT_MS }).into());
                return Err(End::GOING_AWAY);
            }
        };
        match heard {
            Heard::Text(text) => break text,
            Heard::Ping(payload) => outbox.pong(payload),
            Heard::Pong => {}
            other => return Err(refuse(&state.metrics, outbox, &other)),
        }
    };
    let hello = match decode_client(&text) {
        Ok(ClientFrame::Hello(hello)) => hello,
        Ok(_) => return Err(say(state, outbox, ErrorCode::HelloExpected, "the first frame must be hello")),
        Err(BadFrame { code, message }) => {
            return Err(say(state, outbox, newer(&text).unwrap_or(code), &message));
        }
    };
    if hello.protocol != PROTOCOL {
        let message = format!("this server speaks protocol {PROTOCOL}, the client speaks {}", hello.protocol);
        return Err(say(state, outbox, ErrorCode::UpgradeRequired, &message));
    }
    if hello.user.id.as_str() == SYSTEM {
        let message = format!("the user id {SYSTEM} is the server's own");
        return Err(say(state, outbox, ErrorCode::BadFrame, &message));
    }
    welcome(state, outbox, hello).await
}

/// A hello of another protocol may well have another shape.
fn newer(text: &str) -> Option<ErrorCode> {
    #[derive(serde::Deserialize)]
    struct Any {
        hello: Protocol,
    }
    #[derive(serde::Deserialize)]
    struct Protocol {
        protocol: u32,
    }
    let any: Any = serde_json::from_str(text).ok()?;
    (any.hello.protocol != PROTOCOL).then_some(ErrorCode::UpgradeRequired)
}

async fn welcome(state: &AppState, outbox: &Outbox, hello: Hello) -> Result<Principal, End> {
    let now = now_ms();
    let Hello { client, user, now: theirs, .. } = hello;
    let owned = async {
        // Logs of drafts publish under such ids, which anybody can work out.
        if client.is_reserved() {
            return Ok(false);
        }
        let owned = state.store.claim_client(client, &user.id).await?;
        if owned {
            state.store.put_user(&user).await?;
        }
        Ok::<bool, StoreError>(owned)
    };
    match owned.await {
        Ok(true) => {}
        Ok(false) => {
            return Err(say(state, outbox, ErrorCode::ClientTaken, "the client id belongs to another user"));
        }
        Err(error) => {
            say(state, outbox, error.code(), &error.to_string());
            return Err(End::FAILED);
        }
    }
    let session = SessionId(Uuid::now_v7());
    let skew = i64::try_from(i128::from(now) - i128::from(theirs));
    let skew = skew.unwrap_or(if now > theirs { i64::MAX } else { i64::MIN });
    let frame =
        Welcome { protocol: PROTOCOL, session, user: user.clone(), now: now_ms(), limits: state.limits };
    outbox.push(encode(&ServerFrame::Welcome(frame)).into());
    Ok(Principal { session, client, user, skew, since: now })
}

fn say(state: &AppState, outbox: &Outbox, code: ErrorCode, message: &str) -> End {
    state.metrics.error(code);
    outbox.push(encode(&ServerFrame::Error(ErrorFrame::new(code, message))).into());
    End::POLICY
}
