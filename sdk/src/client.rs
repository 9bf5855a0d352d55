//! A client: one user's connection to one server, and the reviews opened over it.

use std::sync::Arc;

use futures_util::Stream;
use futures_util::stream::unfold;
use interline_core::id::{ClientId, DisplayName, ReviewId, User, UserId};
use interline_core::sync::Batcher;
use tokio::sync::oneshot;

use crate::analytics::Analytics;
use crate::clock::Clock;
use crate::connection::ConnectionState;
use crate::driver;
use crate::error::{BuildError, OpenError};
use crate::platform::{self, MaybeSend, MaybeSync};
use crate::review::Review;
use crate::shared::{Command, Config, Shared};
use crate::store::{Owner, Scope, Storage, Store, StoreError, Unreadable};
use crate::unsynced::ClientUnsynced;

/// One user's connection to one server. Connects by itself, and again whenever that is needed.
///
/// A handle: clones share the connection. It ends with [`close`](Client::close), or when the last handle of it and
/// of every review opened with it is gone.
#[derive(Clone)]
pub struct Client {
    handle: Arc<ClientHandle>,
}

/// Ends the client when the last of its handles goes.
pub(crate) struct ClientHandle {
    pub(crate) shared: Arc<Shared>,
}

impl Drop for ClientHandle {
    fn drop(&mut self) {
        self.shared.ask(|state| state.closed = true);
    }
}

impl Client {
    pub(crate) fn of(handle: Arc<ClientHandle>) -> Client {
        Client { handle }
    }

    /// Begins to build a client of the server at `http://host:port`.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            url: url.into(),
            user: None,
            store: None,
            debounce_ms: Batcher::DEBOUNCE_MS,
            client_id: None,
            clock: Clock::default(),
        }
    }

    /// Opens a review by its id, or by the key it was created with.
    ///
    /// Returns as soon as there is something to show: at once where the local store has a copy, whether or not there
    /// is a connection. Without a copy it waits for the server, and fails if the next try to connect does.
    pub async fn open(&self, key: &str) -> Result<Review, OpenError> {
        let shared = &self.handle.shared;
        let slot = match shared.find(key) {
            Some(slot) => slot,
            None => {
                let (reply, answer) = oneshot::channel();
                shared.command(Command::Open { key: key.to_owned(), reply })?;
                answer.await.unwrap_or(Err(OpenError::Closed))?
            }
        };
        Ok(Review::new(slot, Arc::clone(&self.handle)))
    }

    /// The user that this client speaks for.
    pub fn user(&self) -> &User {
        &self.handle.shared.config.user
    }

    /// The id under which this client numbers its batches. A review that had to begin again has another one, as
    /// [`Review::client_id`] tells.
    pub fn id(&self) -> ClientId {
        self.handle.shared.config.scope.client
    }

    /// Whether there is a connection.
    pub fn connection(&self) -> ConnectionState {
        self.handle.shared.connection.borrow().clone()
    }

    /// The connection's states, beginning with the present one. Of states that follow one another faster than they
    /// are read, only the last is told.
    pub fn connections(&self) -> impl Stream<Item = ConnectionState> + use<> {
        let mut states = self.handle.shared.connection.subscribe();
        states.mark_changed();
        unfold(states, |mut states| async {
            states.changed().await.ok()?;
            let state = states.borrow_and_update().clone();
            Some((state, states))
        })
    }

    /// Waits until there is a connection; fails if there will be none unless somebody acts.
    pub async fn connected(&self) -> Result<(), BuildError> {
        self.wait(|state| !state.is_retryable()).await
    }

    async fn wait(&self, give_up: impl Fn(&ConnectionState) -> bool) -> Result<(), BuildError> {
        let mut states = self.handle.shared.connection.subscribe();
        let state = states.wait_for(|state| state.is_connected() || give_up(state)).await;
        match state.as_deref() {
            Ok(ConnectionState::Disconnected { reason, message }) => {
                Err(BuildError::Disconnected { reason: *reason, message: message.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Tries everything now that would be tried again later: connects, sends what has not been answered, saves what
    /// the local store did not take, looks for what [ended clients](crate#clients-that-ended) have left; and makes sure
    /// that an idle connection is alive. Waits that had grown begin from the shortest again. In a browser this happens
    /// by itself when the network comes back or the page comes into view.
    pub fn reconnect(&self) {
        self.handle.shared.ask(|state| (state.reconnect, state.probe) = (true, true));
    }

    /// The reviews of which the local store has a copy.
    pub async fn stored(&self) -> Result<Vec<ReviewId>, StoreError> {
        let config = &self.handle.shared.config;
        let mut ids = config.store.list(&config.scope).await?;
        // Drafts are opened with the review that they are in.
        ids.retain(|id| !ClientId(id.0).is_reserved());
        Ok(ids)
    }

    /// What in the local store could not be read and was set aside, in order of time: of this client's, and of
    /// [clients that ended](crate#clients-that-ended). Texts as bytes, whole databases by the file that each was moved
    /// to. It stays there.
    pub async fn unreadable(&self) -> Result<Vec<Unreadable>, StoreError> {
        let config = &self.handle.shared.config;
        config.store.unreadable(&config.scope.owner).await
    }

    /// How much is not durable on the server, over all reviews of this client: open ones, and those that are only in
    /// the local store, which is read for this.
    pub async fn unsynced(&self) -> Result<ClientUnsynced, StoreError> {
        crate::unsynced::of(&self.handle.shared).await
    }

    /// What kind of place replicas are kept in. [`Storage::Memory`] where a browser has nothing better.
    pub fn storage(&self) -> Storage {
        self.handle.shared.config.store.storage()
    }

    /// Why that is in the place of something better, if it is.
    pub fn storage_problem(&self) -> Option<StoreError> {
        self.handle.shared.config.store.instead_of()
    }

    /// How well sync works, counted since this client was built.
    pub fn analytics(&self) -> Analytics {
        self.handle.shared.analytics()
    }

    /// Ends the connection and everything opened with it. What is not durable on the server stays in the store; wait
    /// for [`Review::synced`] first if there should be nothing of it.
    pub fn close(&self) {
        self.handle.shared.ask(|state| state.closed = true);
    }

    /// Closes, and waits until the local store has all that was done here. What it does not take is tried again for
    /// some seconds; the error of the last try says that not all is there, and what is not is gone with the program.
    pub async fn closed(&self) -> Result<(), StoreError> {
        self.close();
        let mut finished = self.handle.shared.finished.subscribe();
        // The sender lives as long as the handle that is borrowed here.
        let saved = finished.wait_for(Option::is_some).await.ok().and_then(|saved| saved.clone());
        saved.unwrap_or(Ok(()))
    }
}

/// What a client is made of. Ends with [`build`](ClientBuilder::build) or [`connect`](ClientBuilder::connect).
#[must_use = "a builder does nothing until it builds"]
pub struct ClientBuilder {
    url: String,
    user: Option<Result<User, BuildError>>,
    store: Option<Result<Arc<dyn Store>, StoreError>>,
    debounce_ms: u64,
    client_id: Option<ClientId>,
    clock: Clock,
}

impl ClientBuilder {
    /// Who it is: a stable id, and the name that others see.
    pub fn user(mut self, id: impl Into<String>, display_name: impl Into<String>) -> ClientBuilder {
        let user =
            UserId::new(id).and_then(|id| Ok(User { id, display_name: DisplayName::new(display_name)? }));
        self.user = Some(user.map_err(BuildError::from));
        self
    }

    /// Who it is.
    pub fn as_user(mut self, user: User) -> ClientBuilder {
        self.user = Some(Ok(user));
        self
    }

    /// Where replicas are kept. Unless given, in memory; in a browser in
    /// [IndexedDB](crate::store::Storage::IndexedDb), or in memory where there is none.
    pub fn store(mut self, store: impl Store) -> ClientBuilder {
        self.store = Some(Ok(Arc::new(store)));
        self
    }

    /// Keeps replicas in files below this folder, so that what was typed survives the end of the process: a
    /// [`FileStore`](crate::FileStore).
    ///
    /// A client that begins while another of this user lives on the folder has an id, and copies of reviews, of its
    /// own. To go on from where a client stopped, wait until it is [`closed`](Client::closed).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn store_dir(mut self, folder: impl AsRef<std::path::Path>) -> ClientBuilder {
        let store = crate::FileStore::open(folder).map(|store| Arc::new(store) as Arc<dyn Store>);
        self.store = Some(store);
        self
    }

    /// How long typing rests before it is sent, in milliseconds; 50 unless given.
    pub fn debounce_ms(mut self, ms: u64) -> ClientBuilder {
        self.debounce_ms = ms;
        self
    }

    /// Under which id batches are numbered, in place of the store's. Replicas saved under another id stay as they are.
    pub fn client_id(mut self, id: ClientId) -> ClientBuilder {
        self.client_id = Some(id);
        self
    }

    /// What tells the time, in milliseconds since 1970 began: unless given, the machine's clock. For devices that keep
    /// time elsewhere, and for tests of clocks that are wrong: it may be off, for the server measures by how much, and
    /// it may be set back, but it has to go on as fast as the machine's, whose timers are waited by. It is asked often and
    /// must not call the client. Local stores age what they keep by the machine's.
    pub fn clock(mut self, now: impl Fn() -> u64 + MaybeSend + MaybeSync + 'static) -> ClientBuilder {
        self.clock = Clock::of(now);
        self
    }

    /// Builds the client. It connects in the background; natively this needs a tokio runtime.
    pub async fn build(self) -> Result<Client, BuildError> {
        let user = self.user.ok_or(BuildError::NoUser)??;
        let (server, socket) = addresses(&self.url).ok_or(BuildError::BadUrl(self.url))?;
        let owner = Owner { server, user: user.id.clone() };
        let store = match self.store {
            Some(store) => store?,
            None => default_store().await?,
        };
        let debounce_ms = self.debounce_ms;
        let scope = match self.client_id {
            Some(client) => {
                let scope = Scope { owner, client };
                store.hold(&scope).await?;
                scope
            }
            None => {
                let client = store.client_id(&owner, ClientId(platform::new_id())).await?;
                Scope { owner, client }
            }
        };
        let shared =
            Shared::new(Config { socket, user, debounce_ms, store, scope, clock: self.clock, orphan: false });
        driver::start(Arc::clone(&shared));
        Ok(Client { handle: Arc::new(ClientHandle { shared }) })
    }

    /// Builds the client and waits for its first try to connect. Where that fails, so does this, and the client is
    /// gone; [`build`](ClientBuilder::build) gives one that goes on trying.
    pub async fn connect(self) -> Result<Client, BuildError> {
        let client = self.build().await?;
        let connected = client.wait(|state| matches!(state, ConnectionState::Disconnected { .. })).await;
        if let Err(error) = connected {
            // Whoever tries again finds the store free. There is nothing to save yet.
            let _ = client.closed().await;
            return Err(error);
        }
        Ok(client)
    }
}

/// Where replicas are kept if nobody says.
#[cfg(not(target_arch = "wasm32"))]
async fn default_store() -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(crate::MemoryStore::new()))
}

/// Where replicas are kept if nobody says.
#[cfg(target_arch = "wasm32")]
async fn default_store() -> Result<Arc<dyn Store>, StoreError> {
    crate::store::indexeddb::open_or_memory(crate::store::indexeddb::DATABASE).await
}

/// The server's origin, and the address of its socket.
fn addresses(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.trim().split_once("://")?;
    let (http, ws) = match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => ("http", "ws"),
        "https" | "wss" => ("https", "wss"),
        _ => return None,
    };
    let rest = rest.trim_end_matches('/');
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let good = !host.is_empty()
        && !rest.contains(|c: char| c.is_whitespace() || c.is_control() || "?#@".contains(c));
    let host = host.to_ascii_lowercase();
    good.then(|| (format!("{http}://{host}{path}"), format!("{ws}://{host}{path}/api/socket")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_servers() {
        let socket = |url: &str| addresses(url).map(|(_, socket)| socket);
        assert_eq!(socket("http://127.0.0.1:8080").as_deref(), Some("ws://127.0.0.1:8080/api/socket"));
        assert_eq!(socket("HTTPS://Example.com/team/").as_deref(), Some("wss://example.com/team/api/socket"));
        assert_eq!(addresses("ws://[::1]:1").map(|(origin, _)| origin).as_deref(), Some("http://[::1]:1"));
        for bad in [
            "",
            "localhost:8080",
            "ftp://x",
            "http://",
            "http:///x",
            "http://a b",
            "http://x/?y",
            "http://u@x",
        ] {
            assert_eq!(addresses(bad), None, "{bad}");
        }
    }
}
