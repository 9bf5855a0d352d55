//! Opening the database: which object stores are in it, how an older schema becomes the present one, and what happens
//! where two releases meet.
//!
//! The browser's version of a database is the number of the schema. All steps from an older one run in the one
//! transaction of the upgrade: where one fails, the database stays as it was.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;

use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use idb::event::VersionChangeEvent;
use idb::{Database, Event, Factory, ObjectStoreParams, Request, Transaction};
use js_sys::Reflect;
use tokio::sync::{Notify, oneshot};
use wasm_bindgen::JsCast;
use web_sys::{DomException, IdbDatabase};

use crate::store::{StoreError, StoreErrorKind};

/// How long another tab may take to let go of an older schema, in milliseconds.
const BLOCKED_MS: u32 = 3_000;

/// A step of an upgrade, which waits for nothing but requests to the database.
type Upgrading<'a> = Pin<Box<dyn Future<Output = Result<(), idb::Error>> + 'a>>;

/// Changes one schema into the next.
pub(crate) type Step = for<'a> fn(&'a Database, &'a Transaction) -> Upgrading<'a>;

/// The first makes schema 1 of an empty database, and so on. What was released does not change any more.
pub(crate) const STEPS: &[Step] = &[first];

/// Slots by owner and client: place, generation, whether it named itself. And the mark of the database.
pub(crate) const SLOTS: &str = "slots";
/// Ids of reviews by owner and key.
pub(crate) const KEYS: &str = "keys";
/// By owner, client and review, as all below: whether a record is precious or was set aside, and its last use.
pub(crate) const RECORDS: &str = "records";
/// What is pending.
pub(crate) const PENDING: &str = "pending";
/// What was refused and the receipts.
pub(crate) const LEDGER: &str = "ledger";
/// Confirmed reviews.
pub(crate) const CONFIRMED: &str = "confirmed";
/// The entries behind them, by version too: hash and payload.
pub(crate) const ENTRIES: &str = "entries";
/// What could not be read, by time and name too.
pub(crate) const UNREADABLE: &str = "unreadable";

fn first<'a>(database: &'a Database, _: &'a Transaction) -> Upgrading<'a> {
    Box::pin(async move {
        for name in [SLOTS, KEYS, RECORDS, PENDING, LEDGER, CONFIRMED, ENTRIES, UNREADABLE] {
            database.create_object_store(name, ObjectStoreParams::new())?;
        }
        Ok(())
    })
}

/// The error that stands for one of the browser's.
pub(crate) fn explain(what: &str, error: &DomException) -> StoreError {
    let kind = match &*error.name() {
        "QuotaExceededError" => StoreErrorKind::Full,
        "VersionError" => StoreErrorKind::Newer,
        _ => StoreErrorKind::Failed,
    };
    let explained = StoreError::new(format!("IndexedDB {what}: {}: {}", error.name(), error.message()));
    // What this page may not touch, it never wrote to.
    let denied = matches!(&*error.name(), "SecurityError" | "NotAllowedError");
    let explained = if denied { explained.absent() } else { explained };
    explained.with_kind(kind)
}

/// The same, of whatever was thrown.
pub(crate) fn explain_idb(what: &str, error: &idb::Error) -> StoreError {
    match error {
        idb::Error::DomException(error) => explain(what, error),
        // A browser that allows no database may throw at once.
        idb::Error::IndexedDbOpenFailed(thrown) if thrown.is_instance_of::<DomException>() => {
            explain(what, thrown.unchecked_ref())
        }
        error => StoreError::new(format!("IndexedDB {what}: {error}")),
    }
}

/// A connection that says when it has ended.
pub(crate) struct Connection {
    raw: IdbDatabase,
    /// The same with its listeners.
    _listening: Database,
    /// Why there is no connection any more.
    ended: Rc<RefCell<Option<StoreError>>>,
}

/// How a connection ended by itself.
pub(crate) enum Ended {
    /// Somebody deletes the database.
    Deleted,
    /// The browser has closed it, as it does when it clears what a site has kept.
    Closed(StoreError),
    /// A newer release has it.
    TakenOver(StoreError),
}

impl Connection {
    /// The database, as long as there is a connection.
    pub(crate) fn database(&self) -> Result<&IdbDatabase, StoreError> {
        match &*self.ended.borrow() {
            None => Ok(&self.raw),
            Some(error) => Err(error.clone()),
        }
    }

    fn new(database: Database, told: impl Fn(Ended) + 'static) -> Connection {
        let ended = Rc::new(RefCell::new(None));
        let raw = IdbDatabase::from(database);
        let mut database = Database::from(raw.clone());
        let closing = raw.clone();
        let (end, told) = (Rc::clone(&ended), Rc::new(told));
        let gone = Rc::clone(&told);
        database.on_version_change(move |event| {
            // At once: the other tab waits for it.
            closing.close();
            if Reflect::get(&event, &"newVersion".into()).is_ok_and(|version| version.is_null()) {
                // Not a newer release: somebody deletes it. Whoever saves next makes it again, and says so.
                *end.borrow_mut() = Some(StoreError::new("the local store was deleted"));
                told(Ended::Deleted);
                return;
            }
            let message = "a newer release has taken the local store over: reload to go on with it";
            let error = StoreError::new(message).with_kind(StoreErrorKind::Newer);
            *end.borrow_mut() = Some(error.clone());
            told(Ended::TakenOver(error));
        });
        let end = Rc::clone(&ended);
        database.on_close(move |_| {
            let error =
                StoreError::new("the browser has closed the local store, as it does when it is cleared");
            *end.borrow_mut() = Some(error.clone());
            gone(Ended::Closed(error));
        });
        Connection { raw, _listening: database, ended }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.raw.close();
    }
}

/// Opens the database by this name; `told` hears of it if the connection ends by itself.
pub(crate) async fn open(
    name: &str,
    steps: &'static [Step],
    told: impl Fn(Ended) + 'static,
) -> Result<Connection, StoreError> {
    let factory = Factory::new().map_err(|_| StoreError::new("this browser has no IndexedDB").absent())?;
    let version = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    let explained = |error: &idb::Error| explain_idb("cannot be opened", error);
    let mut request = factory.open(name, Some(version)).map_err(|error| explained(&error))?;
    let failed = Rc::new(Cell::new(None));
    let failure = Rc::clone(&failed);
    request.on_upgrade_needed(move |event| upgrade(&event, steps, failure));
    let blocked = Rc::new(Notify::new());
    let notify = Rc::clone(&blocked);
    request.on_blocked(move |_| notify.notify_one());

    // Nobody can take a request back: if it is answered after all, somebody has to close what it opened.
    let (sender, receiver) = oneshot::channel();
    wasm_bindgen_futures::spawn_local(async move {
        if let Err(Ok(late)) = sender.send(request.await) {
            Database::close(&late);
        }
    });
    let patience = async {
        blocked.notified().await;
        TimeoutFuture::new(BLOCKED_MS).await;
    };
    match select(receiver, Box::pin(patience)).await {
        Either::Left((Ok(Ok(database)), _)) => Ok(Connection::new(database, told)),
        Either::Left((Ok(Err(error)), _)) => match failed.take() {
            Some(error) => Err(explain_idb("cannot be migrated", &error)),
            None => Err(explained(&error)),
        },
        Either::Left((Err(_), _)) => Err(StoreError::new("IndexedDB did not answer")),
        Either::Right(_) => {
            let message = "another tab has an older release open and does not let go of the local store";
            Err(StoreError::new(message).with_kind(StoreErrorKind::InUse))
        }
    }
}

/// Runs the steps that are missing, all or none.
fn upgrade(event: &VersionChangeEvent, steps: &'static [Step], failed: Rc<Cell<Option<idb::Error>>>) {
    let parts = event.old_version().and_then(|from| {
        let request = event.target()?;
        Ok((from as usize, request.database()?, request.transaction()))
    });
    let Ok((from, database, Some(transaction))) = parts else { return };
    // It begins before this event is over, while the transaction of the upgrade takes requests.
    wasm_bindgen_futures::spawn_local(async move {
        for step in steps.get(from..).unwrap_or_default() {
            if let Err(error) = step(&database, &transaction).await {
                failed.set(Some(error));
                let _ = transaction.abort();
                return;
            }
        }
    });
}
