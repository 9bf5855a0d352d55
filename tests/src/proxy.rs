//! A TCP proxy that can be broken: between a client and a server, or in front of any dependency.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes connections on, until it is told to cut them.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
}

#[derive(Clone, Copy, PartialEq)]
struct State {
    /// Connections of an older generation are cut.
    generation: u64,
    /// New connections are closed at once.
    down: bool,
}

impl Proxy {
    /// Starts one in front of an `http://` address.
    pub async fn start(url: &str) -> Result<Proxy> {
        let target: SocketAddr = url.strip_prefix("http://").context("an http address")?.parse()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Arc::new(watch::Sender::new(State { generation: 0, down: false }));
        let watched = state.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let now = *watched.borrow();
                if !now.down {
                    tokio::spawn(pass(client, target, watched.subscribe(), now));
                }
            }
        });
        Ok(Proxy { address, state })
    }

    /// Its own address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts every connection; new ones get through.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.generation += 1);
    }

    /// Cuts every connection and lets none through until [`up`](Proxy::up).
    pub fn down(&self) {
        self.state.send_modify(|state| *state = State { generation: state.generation + 1, down: true });
    }

    /// Lets connections through again.
    pub fn up(&self) {
        self.state.send_modify(|state| state.down = false);
    }
}

async fn pass(mut client: TcpStream, target: SocketAddr, mut state: watch::Receiver<State>, opened: State) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let cut = state.wait_for(|now| now.generation != opened.generation);
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = cut => {}
    }
}
