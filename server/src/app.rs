//! A server, put together: store, presence, rooms, HTTP.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::Compress;
use actix_web::{App, HttpServer, web};
use interline_core::limits::Limits;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::warn;
use tracing_actix_web::TracingLogger;
use uuid::Uuid;

use crate::config::{Config, Timing};
use crate::data_dir::DataDir;
use crate::fanout::Fanout;
use crate::http;
use crate::http::Origins;
use crate::metrics::Metrics;
use crate::nodes::Nodes;
use crate::presence::Board;
use crate::room::{Bells, RoomContext, Rooms};
use crate::session::{Connection, Sessions};
use crate::shutdown::connections;
use crate::store::committer::Committer;
use crate::store::heads::Heads;
use crate::store::keeper::SnapshotKeeper;
use crate::store::{OpenError, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store};

/// Why a server does not start; one line, with the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

/// What requests and sessions share.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) board: Arc<Board>,
    pub(crate) fanout: Arc<dyn Fanout>,
    pub(crate) connected: Sessions,
    pub(crate) metrics: Metrics,
    pub(crate) limits: Limits,
    pub(crate) timing: Timing,
    pub(crate) origins: Arc<Origins>,
    /// This process, among others that share a presence store.
    pub(crate) node: Uuid,
    /// What changed between patch sets, as far as somebody has asked.
    pub(crate) since: Arc<http::Since>,
    /// How many connections there are.
    pub(crate) sessions: Arc<AtomicUsize>,
    /// Becomes true when the server stops.
    pub(crate) draining: watch::Receiver<bool>,
}

/// A server that runs.
pub struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) state: AppState,
    pub(crate) http: ServerHandle,
    pub(crate) http_task: JoinHandle<std::io::Result<()>>,
    pub(crate) snapshots: SnapshotKeeper,
    pub(crate) snapshots_task: JoinHandle<()>,
    pub(crate) tasks: Vec<JoinHandle<()>>,
    pub(crate) drain: watch::Sender<bool>,
    /// Of a store in a directory.
    pub(crate) data: Option<DataDir>,
}

impl Server {
    /// Starts a server on the current runtime, which must be a multi-threaded one.
    pub async fn start(config: Config, timing: Timing) -> Result<Server, StartError> {
        config.check()?;
        let unusable = |error: OpenError| StartError(error.to_string());
        let Some(url) = config.database_url() else {
            let (mut data, listener) = Self::claim(&config)?;
            data.lock_database()?;
            let options =
                SqliteOptions { max_bytes: config.max_database_mb.map(|mb| mb.saturating_mul(1 << 20)) };
            let store = SqliteStore::open_with(data.path(), options).await.map_err(unusable)?;
            return Self::run(Arc::new(store), Some(data), listener, config, timing).await;
        };
        let listener = listen(config.listen)?;
        let store = PostgresStore::open(url, PostgresOptions::default()).await.map_err(unusable)?;
        if config.redis_url().is_none() {
            warn!("PostgreSQL without --redis-url: this must be the only node that uses the database");
        }
        Self::run(Arc::new(store), None, listener, config, timing).await
    }

    /// Starts a server over a store of the caller's.
    pub async fn start_over(
        store: Arc<dyn Store>,
        config: Config,
        timing: Timing,
    ) -> Result<Server, StartError> {
        config.check()?;
        let (data, listener) = Self::claim(&config)?;
        Self::run(store, Some(data), listener, config, timing).await
    }

    /// Takes what only one server can have.
    fn claim(config: &Config) -> Result<(DataDir, TcpListener), StartError> {
        let data = DataDir::lock(&config.data_dir)?;
        Ok((data, listen(config.listen)?))
    }

    async fn run(
        store: Arc<dyn Store>,
        data: Option<DataDir>,
        listener: TcpListener,
        config: Config,
        timing: Timing,
    ) -> Result<Server, StartError> {
        let address = listener.local_addr().map_err(|error| StartError(error.to_string()))?;
        let (node, connected) = (Uuid::new_v4(), Sessions::default());
        let close = {
            let connected = connected.clone();
            move |session| connected.close_for_others(session)
        };
        let metrics = Metrics::default();
        let nodes = Nodes::join(&config, &*store, node, metrics.clone(), close)?;
        nodes.settle().await;
        let Nodes { presence, fanout, mut tasks, .. } = nodes;
        let (board, board_task) = Board::start(presence);
        let (committer, committer_task) = Committer::start(store.clone(), metrics.clone());
        let (heads, heads_task) = Heads::start(store.clone());
        let (snapshots, snapshots_task) = SnapshotKeeper::start(store.clone(), config.keep_entries);
        let limits = Limits::default();
        let context = RoomContext {
            store: store.clone(),
            committer,
            heads,
            snapshots: snapshots.clone(),
            board: board.clone(),
            fanout: fanout.clone(),
            metrics: metrics.clone(),
            limits,
            bells: Bells::default(),
            idle: timing.room_idle,
        };
        let (drain, draining) = watch::channel(false);
        let state = AppState {
            store,
            rooms: Rooms::new(context),
            board,
            fanout,
            connected,
            metrics: metrics.clone(),
            limits,
            timing,
            origins: Arc::new(Origins::new(address.port(), config.origins)),
            node,
            since: Arc::default(),
            sessions: Arc::default(),
            draining,
        };
        let server = serve(listener, state.clone(), timing.stop)?;
        let http = server.handle();
        let http_task = tokio::spawn(server);
        tasks.extend([board_task, committer_task, heads_task, metrics.keep()]);
        Ok(Server { address, state, http, http_task, snapshots, snapshots_task, tasks, drain, data })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to tell whoever started it.
    pub fn banner(&self) -> String {
        crate::banner::banner(self.address, &self.state)
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|error| {
        StartError(match error.kind() {
            std::io::ErrorKind::AddrInUse => format!(
                "port {} is in use: stop what listens there, or choose another with --listen {}",
                address.port(),
                SocketAddr::new(address.ip(), 0)
            ),
            _ => format!("cannot listen on {address} ({error}): choose another address with --listen"),
        })
    })
}

fn serve(
    listener: TcpListener,
    state: AppState,
    stop: Duration,
) -> Result<actix_web::dev::Server, StartError> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(state.clone()))
            .wrap(Compress::default())
            .wrap(http::headers())
            .wrap(actix_web::middleware::from_fn(http::check_host))
            .wrap(TracingLogger::default())
            .configure(http::routes)
    });
    let server = server
        .on_connect(Connection::remember)
        // Nagle's algorithm holds small frames back until the last one is acknowledged.
        .tcp_nodelay(true)
        .disable_signals()
        .shutdown_timeout(connections(stop).as_secs().max(1))
        .listen(listener)
        .map_err(|error| StartError(format!("cannot listen: {error}")))?;
    Ok(server.run())
}
