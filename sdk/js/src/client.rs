//! The connection, as JavaScript gets it.

use std::fmt::Display;

use futures_util::StreamExt;
use interline::{Client, Coded, ConnectionState, Problem, Storage};
use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::json;
use crate::kept::{JsUnreadable, JsUnsynced};
use crate::review::RawReview;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    fn error(message: &str);
}

/// A panic ends the module; the console at least says where it was.
#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| error(&format!("interline: {panic}"))));
}

/// What is thrown: the JSON of an `InterlineErrorData`, which the TypeScript layer makes an error of.
pub(crate) fn thrown(error: &(impl Coded + Display)) -> JsValue {
    let (code, retryable) = (error.code(), error.is_retryable());
    JsValue::from_str(&json::text(&Problem { code, message: error.to_string(), retryable }))
}

/// What is thrown for an argument that cannot be.
pub(crate) fn bad(code: &'static str, message: &str) -> JsValue {
    JsValue::from_str(&json::text(&Problem { code: code.into(), message: message.into(), retryable: false }))
}

/// A `Client` of `api.ts`, with JSON in the place of objects.
#[wasm_bindgen]
pub struct RawClient {
    client: Client,
}

#[wasm_bindgen]
impl RawClient {
    /// Builds a client, which connects in the background and calls `told` with each state of the connection.
    pub async fn connect(
        url: String,
        user: String,
        display_name: String,
        debounce_ms: Option<u32>,
        told: Function,
    ) -> Result<RawClient, JsValue> {
        let mut builder = Client::builder(url).user(user, display_name);
        if let Some(ms) = debounce_ms {
            builder = builder.debounce_ms(ms.into());
        }
        let client = builder.build().await.map_err(|error| thrown(&error))?;
        let states = client.connections();
        wasm_bindgen_futures::spawn_local(async move {
            let mut states = Box::pin(states);
            while let Some(state) = states.next().await {
                let last = matches!(&state, ConnectionState::Disconnected { reason, .. } if reason.code() == "closed");
                call(&told, &json::text(&json::JsConnection::from(state)));
                if last {
                    break;
                }
            }
        });
        Ok(RawClient { client })
    }

    /// The connection's state.
    pub fn connection(&self) -> String {
        json::text(&json::JsConnection::from(self.client.connection()))
    }

    /// Opens a review.
    pub async fn open(&self, key: String) -> Result<RawReview, JsValue> {
        let client = self.client.clone();
        let review = client.open(&key).await.map_err(|error| thrown(&error))?;
        Ok(RawReview::new(review, self.client.storage() != Storage::Memory))
    }

    /// What is not durable on the server, over all reviews.
    pub async fn unsynced(&self) -> Result<String, JsValue> {
        let client = self.client.clone();
        let all = client.unsynced().await.map_err(|error| thrown(&error))?;
        Ok(json::text(&JsUnsynced::from(all)))
    }

    /// What was set aside because it could not be read.
    pub async fn unreadable(&self) -> Result<String, JsValue> {
        let client = self.client.clone();
        let found = client.unreadable().await.map_err(|error| thrown(&error))?;
        Ok(json::text(&found.into_iter().map(JsUnreadable::from).collect::<Vec<_>>()))
    }

    /// Connects now.
    pub fn reconnect(&self) {
        self.client.reconnect();
    }

    /// What was counted.
    pub fn analytics(&self) -> String {
        json::text(&json::analytics(&self.client.analytics()))
    }

    /// Where replicas are kept.
    pub fn storage(&self) -> String {
        json::text(&json::JsStorage::from(&self.client))
    }

    /// Ends everything.
    pub fn close(&self) {
        self.client.close();
    }
}

/// Tells a listener. What it throws is its own affair: the TypeScript layer reports it.
pub(crate) fn call(listener: &Function, value: &str) {
    let _ = listener.call1(&JsValue::NULL, &JsValue::from_str(value));
}
