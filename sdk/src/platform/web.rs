//! The browser: its WebSocket, its timers, its event loop.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use futures_util::Stream;
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CloseEvent, Event, EventTarget, MessageEvent, WebSocket};

use crate::connection::DisconnectReason;

use super::{ConnectError, Incoming, MAX_MESSAGE_BYTES, MAX_QUEUED_BYTES, SendError, Signal};

/// `Send` where there are threads, nothing in a browser.
pub trait MaybeSend {}
impl<T: ?Sized> MaybeSend for T {}

/// `Sync` where there are threads, nothing in a browser.
pub trait MaybeSync {}
impl<T: ?Sized> MaybeSync for T {}

/// A future that a task can own.
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// A stream that a task can own.
pub(crate) type BoxStream<T> = Pin<Box<dyn Stream<Item = T>>>;

/// A function that the page's one thread calls.
pub(crate) type Callback<T> = dyn Fn(&T);

/// Runs a task on the page's event loop.
pub(crate) fn spawn(task: impl Future<Output = ()> + 'static) {
    wasm_bindgen_futures::spawn_local(task);
}

/// Waits.
pub(crate) async fn sleep(ms: u64) {
    // setTimeout takes 31 bits and fires at once for more.
    gloo_timers::future::TimeoutFuture::new(u32::try_from(ms).unwrap_or(u32::MAX).min(i32::MAX as u32)).await;
}

/// Whether the browser says that it has no network.
pub(crate) fn offline() -> bool {
    get(&js_sys::global(), "navigator").and_then(|navigator| get(&navigator, "onLine"))
        == Some(JsValue::FALSE)
}

/// What an address has: a status and a body. Why nothing answers is for people.
pub(crate) async fn fetch(url: String) -> Result<(u16, String), String> {
    let told = |error: JsValue| format!("{error:?}");
    let call = |object: &JsValue, name: &str, argument: &JsValue| -> Result<JsFuture, String> {
        let function = get(object, name).and_then(|function| function.dyn_into::<Function>().ok());
        let function = function.ok_or_else(|| format!("there is no {name} here"))?;
        let promise = function.call1(object, argument).map_err(told)?;
        Ok(JsFuture::from(promise.unchecked_into::<Promise>()))
    };
    let response = call(&js_sys::global(), "fetch", &url.into())?.await.map_err(told)?;
    let status = get(&response, "status").and_then(|status| status.as_f64()).unwrap_or_default();
    let body = call(&response, "text", &JsValue::UNDEFINED)?.await.map_err(told)?;
    Ok((status as u16, body.as_string().unwrap_or_default()))
}

fn get(object: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(object, &name.into()).ok().filter(|value| !value.is_undefined() && !value.is_null())
}

/// Stops telling when dropped.
pub(crate) struct Watch {
    _listeners: Vec<Listener>,
}

struct Listener {
    target: EventTarget,
    name: &'static str,
    closure: Closure<dyn FnMut(Event)>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Fails only for a listener that is not there.
        let _ =
            self.target.remove_event_listener_with_callback(self.name, self.closure.as_ref().unchecked_ref());
    }
}

fn listen(
    target: Option<JsValue>,
    name: &'static str,
    tell: impl FnMut(Event) + 'static,
) -> Option<Listener> {
    let target: EventTarget = target?.dyn_into().ok()?;
    let closure = Closure::<dyn FnMut(Event)>::new(tell);
    target.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref()).ok()?;
    Some(Listener { target, name, closure })
}

/// Tells of the network and of the page coming into view, as far as this kind of page hears of them.
pub(crate) fn watch(tell: impl Fn(Signal) + 'static) -> Watch {
    let global: JsValue = js_sys::global().into();
    let document = get(&global, "document");
    let tell = Rc::new(tell);
    let (online, offline, gone, seen_or_not) = (Rc::clone(&tell), Rc::clone(&tell), Rc::clone(&tell), tell);
    let seen = document.clone();
    let listeners = [
        listen(Some(global.clone()), "online", move |_| online(Signal::Online)),
        listen(Some(global.clone()), "offline", move |_| offline(Signal::Offline)),
        listen(Some(global), "pagehide", move |_| gone(Signal::Hidden)),
        listen(document, "visibilitychange", move |_| {
            let hidden = seen.as_ref().and_then(|document| get(document, "hidden"));
            seen_or_not(if hidden == Some(JsValue::TRUE) { Signal::Hidden } else { Signal::Visible });
        }),
    ];
    Watch { _listeners: listeners.into_iter().flatten().collect() }
}

/// What the socket's callbacks leave for the receiver.
#[derive(Default)]
struct Inbox {
    open: Cell<bool>,
    frames: RefCell<VecDeque<Incoming>>,
    bytes: Cell<usize>,
    waker: RefCell<Option<Waker>>,
}

impl Inbox {
    fn put(&self, incoming: Incoming) {
        self.frames.borrow_mut().push_back(incoming);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// A socket and its callbacks; closed when dropped.
struct Socket {
    socket: WebSocket,
    inbox: Rc<Inbox>,
    _listeners: Vec<Listener>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Closing twice is allowed, and 1000 is a code that a page may give.
        let _ = self.socket.close_with_code(1000);
    }
}

/// Connects to `ws://…` or `wss://…`.
pub(crate) async fn connect(url: &str) -> Result<(Sender, Receiver), ConnectError> {
    let failed = |reason, message: &str| ConnectError { reason, message: message.into() };
    let socket = WebSocket::new(url)
        .map_err(|_| failed(DisconnectReason::Refused, "the browser refuses to connect to this address"))?;
    let inbox = Rc::new(Inbox::default());
    let target: JsValue = socket.clone().into();
    let (opened, received, closed) = (Rc::clone(&inbox), Rc::clone(&inbox), Rc::clone(&inbox));
    let listeners = [
        listen(Some(target.clone()), "open", move |_| {
            opened.open.set(true);
            opened.wake();
        }),
        listen(Some(target.clone()), "message", move |event| receive(&received, &event)),
        listen(Some(target), "close", move |event| {
            let (code, reason) =
                event.dyn_ref::<CloseEvent>().map(|close| (close.code(), close.reason())).unwrap_or_default();
            let reason = if reason.is_empty() { "the connection was lost".into() } else { reason };
            closed.put(Incoming::Closed { code: Some(code), reason });
        }),
    ];
    let listeners: Vec<_> = listeners.into_iter().flatten().collect();
    let socket = Rc::new(Socket { socket, inbox, _listeners: listeners });

    let inbox = &socket.inbox;
    let open = poll_fn(|context| {
        if inbox.open.get() {
            return Poll::Ready(true);
        }
        if !inbox.frames.borrow().is_empty() {
            return Poll::Ready(false);
        }
        *inbox.waker.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    });
    if open.await {
        Ok((Sender { socket: Rc::clone(&socket) }, Receiver { socket }))
    } else {
        let reason = if offline() { DisconnectReason::Offline } else { DisconnectReason::ServerUnavailable };
        Err(failed(reason, "the server cannot be reached"))
    }
}

fn receive(inbox: &Inbox, event: &Event) {
    let data = event.dyn_ref::<MessageEvent>().and_then(|message| message.data().as_string());
    let Some(text) = data else {
        return inbox.put(Incoming::lost("the server sent a binary frame"));
    };
    let bytes = inbox.bytes.get() + text.len();
    if bytes > MAX_MESSAGE_BYTES {
        return inbox.put(Incoming::lost("the server sends more than can be taken in"));
    }
    inbox.bytes.set(bytes);
    inbox.put(Incoming::Text(text));
}

/// The way to the server. Closes the connection once it and the [`Receiver`] are dropped.
pub(crate) struct Sender {
    socket: Rc<Socket>,
}

impl Sender {
    /// Hands a frame to the browser.
    pub(crate) fn send(&self, text: String) -> Result<(), SendError> {
        if self.queued() + text.len() > MAX_QUEUED_BYTES {
            return Err(SendError);
        }
        self.socket.socket.send_with_str(&text).map_err(|_| SendError)
    }

    /// How much the browser has not written yet, in bytes.
    pub(crate) fn queued(&self) -> usize {
        self.socket.socket.buffered_amount() as usize
    }
}

/// The way from the server.
pub(crate) struct Receiver {
    socket: Rc<Socket>,
}

impl Receiver {
    /// The next frame. May be dropped half way without losing one.
    pub(crate) async fn next(&mut self) -> Incoming {
        let inbox = &self.socket.inbox;
        poll_fn(|context| {
            let Some(incoming) = inbox.frames.borrow_mut().pop_front() else {
                *inbox.waker.borrow_mut() = Some(context.waker().clone());
                return Poll::Pending;
            };
            if let Incoming::Text(text) = &incoming {
                inbox.bytes.set(inbox.bytes.get().saturating_sub(text.len()));
            }
            Poll::Ready(incoming)
        })
        .await
    }
}
