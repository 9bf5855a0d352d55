//! Web Locks: who lives on a slot, across all tabs of an origin.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::future::{Either, select};
use js_sys::{Function, Object, Promise, Reflect};
use tokio::sync::oneshot;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// A lock that is held until this is dropped, or the page is gone.
pub(super) struct Lock {
    end: Function,
    /// Resolves once it is gone.
    gone: Option<Promise>,
}

impl Lock {
    /// Gives it back, and waits until the browser has it: whoever asks right after a drop may be told that it is taken.
    pub(super) async fn release(mut self) {
        let gone = self.gone.take();
        drop(self);
        if let Some(gone) = gone {
            // Where it was stolen, it is gone as well.
            let _ = JsFuture::from(gone).await;
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A promise resolves whoever is listening.
        let _ = self.end.call0(&JsValue::UNDEFINED);
    }
}

/// What came of asking for a lock.
pub(super) enum Asked {
    Ours(Lock),
    /// Somebody has it.
    Taken,
    /// This browser does not have locks, or not for this page.
    Unknown,
}

/// Asks for a lock, without waiting for whoever has it.
pub(super) async fn ask(name: &str) -> Asked {
    try_ask(name).await.unwrap_or(Asked::Unknown)
}

/// What an object has by this name, if anything.
pub(super) fn field(object: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(object, &name.into()).ok().filter(|value| !value.is_undefined() && !value.is_null())
}

async fn try_ask(name: &str) -> Option<Asked> {
    let locks = field(&field(&js_sys::global(), "navigator")?, "locks")?;
    let request: Function = field(&locks, "request")?.dyn_into().ok()?;
    let options = Object::new();
    Reflect::set(&options, &"ifAvailable".into(), &JsValue::TRUE).ok()?;
    let (sender, answered) = oneshot::channel();
    let sender = Rc::new(RefCell::new(Some(sender)));
    // The lock is held for as long as the promise is open that this returns.
    let granted = Closure::once_into_js(move |lock: JsValue| -> JsValue {
        let Some(sender) = sender.borrow_mut().take() else { return JsValue::UNDEFINED };
        if lock.is_null() {
            let _ = sender.send(Asked::Taken);
            return JsValue::UNDEFINED;
        }
        let mut end = None;
        let held = Promise::new(&mut |resolve, _| end = Some(resolve));
        if let Some(end) = end {
            // Nobody waits for it any more: the lock goes at once.
            drop(sender.send(Asked::Ours(Lock { end, gone: None })));
        }
        held.into()
    });
    let promise: Promise = request.call3(&locks, &name.into(), &options, &granted).ok()?.dyn_into().ok()?;
    let (failed, refused) = oneshot::channel();
    let gone = promise.clone();
    wasm_bindgen_futures::spawn_local(async move {
        // Where the request is refused, before anybody has a lock. Later: it was stolen, and the generation tells.
        if JsFuture::from(promise).await.is_err() {
            let _ = failed.send(());
        } else {
            drop(failed);
        }
    });
    let answer = match select(answered, refused).await {
        Either::Left((answer, _)) => answer.ok()?,
        Either::Right((Ok(()), _)) => return None,
        // Answered with no lock to give.
        Either::Right((Err(_), answered)) => answered.await.ok()?,
    };
    Some(match answer {
        Asked::Ours(mut lock) => {
            lock.gone = Some(gone);
            Asked::Ours(lock)
        }
        other => other,
    })
}
