//! A TCP proxy that can be broken: between a client and a server, or in front of any dependency.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

/// Changes bytes that come from the server; says whether it has done what it was there for.
type Tamper = Box<dyn FnMut(&mut [u8]) -> bool + Send>;

/// Passes connections on, until it is told to cut them.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: SocketAddr,
    state: watch::Sender<State>,
    tamper: Mutex<Option<Tamper>>,
}

#[derive(Clone, Copy, PartialEq)]
struct State {
    /// Connections of an older generation are cut.
    generation: u64,
    /// New connections are closed at once.
    down: bool,
    /// Nothing that a server says gets through.
    deaf: bool,
    /// Nothing that a client says gets through.
    mute: bool,
}

impl Proxy {
    /// Starts one in front of an `http://` address.
    pub async fn start(url: &str) -> Result<Proxy> {
        let target: SocketAddr = url.strip_prefix("http://").context("an http address")?.parse()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = State { generation: 0, down: false, deaf: false, mute: false };
        let shared = Shared { target, state: watch::Sender::new(state), tamper: Mutex::default() };
        let shared = Arc::new(shared);
        let passing = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let now = *passing.state.borrow();
                if !now.down {
                    tokio::spawn(pass(client, Arc::clone(&passing), now));
                }
            }
        });
        Ok(Proxy { address, shared })
    }

    /// Its own address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts every connection; new ones get through.
    pub fn cut(&self) {
        self.shared.state.send_modify(|state| state.generation += 1);
    }

    /// Cuts every connection and lets none through until [`up`](Proxy::up).
    pub fn down(&self) {
        self.shared.state.send_modify(|state| {
            state.generation += 1;
            state.down = true;
        });
    }

    /// Lets connections through again, and everything on them.
    pub fn up(&self) {
        self.shared.state.send_modify(|state| (state.down, state.deaf, state.mute) = (false, false, false));
    }

    /// From now on the server hears its clients and they do not hear it.
    pub fn deafen(&self) {
        self.shared.state.send_modify(|state| state.deaf = true);
    }

    /// From now on the clients hear the server and it does not hear them.
    pub fn mute(&self) {
        self.shared.state.send_modify(|state| state.mute = true);
    }

    /// Shows `change` everything that comes from the server, piece by piece, until it says that it is done.
    pub fn tamper(&self, change: impl FnMut(&mut [u8]) -> bool + Send + 'static) {
        *self.tampering() = Some(Box::new(change));
    }

    /// Whether there is something to change still.
    pub fn is_tampering(&self) -> bool {
        self.tampering().is_some()
    }

    fn tampering(&self) -> std::sync::MutexGuard<'_, Option<Tamper>> {
        self.shared.tamper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn pass(client: TcpStream, shared: Arc<Shared>, opened: State) {
    let Ok(server) = TcpStream::connect(shared.target).await else { return };
    let mut state = shared.state.subscribe();
    let cut = state.wait_for(|now| now.generation != opened.generation);
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        _ = up(from_client, to_server, &shared) => {}
        _ = down(from_server, to_client, &shared) => {}
        _ = cut => {}
    }
}

/// What clients say. Ends with the connection.
async fn up(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        if !shared.state.borrow().mute {
            to.write_all(&buffer[..count]).await?;
        }
    }
}

/// What a server says.
async fn down(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let piece = &mut buffer[..count];
        {
            let mut tamper = shared.tamper.lock().unwrap_or_else(PoisonError::into_inner);
            if tamper.as_mut().is_some_and(|tamper| tamper(piece)) {
                *tamper = None;
            }
        }
        if !shared.state.borrow().deaf {
            to.write_all(piece).await?;
        }
    }
}
