//! A TCP proxy that can be broken, to stand in front of any server: slow, silent, cut, or not there.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

/// Passes bytes on between clients and one server, until it is told otherwise.
#[derive(Debug)]
pub struct BreakableProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Where new connections lead to.
    target: SocketAddr,
    /// How much later everything arrives, either way.
    latency: Duration,
    /// Nothing gets through, either way, and nobody is told.
    partitioned: bool,
    /// New connections are closed at once.
    down: bool,
    /// The proxy is gone.
    ended: bool,
    connections: Vec<TcpStream>,
}

impl BreakableProxy {
    /// Starts one in front of a port on 127.0.0.1.
    pub fn start(port: u16) -> Result<BreakableProxy> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let target = SocketAddr::from(([127, 0, 0, 1], port));
        let (latency, connections) = (Duration::ZERO, Vec::new());
        let state = State { target, latency, partitioned: false, down: false, ended: false, connections };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let state = accepting.lock();
                if state.ended {
                    return;
                }
                if !state.down {
                    let shared = accepting.clone();
                    std::thread::spawn(move || shared.pass(client));
                }
            }
        });
        Ok(BreakableProxy { address, shared })
    }

    /// Its own port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on new connections lead to this port on 127.0.0.1.
    pub fn lead_to(&self, port: u16) {
        self.change(|state| state.target.set_port(port));
    }

    /// From now on everything arrives so much later, either way.
    pub fn delay(&self, latency: Duration) {
        self.change(|state| state.latency = latency);
    }

    /// From now on nothing gets through, either way, and connections stay open: a cable is out.
    pub fn partition(&self) {
        self.change(|state| state.partitioned = true);
    }

    /// Cuts every connection; new ones get through.
    pub fn cut(&self) {
        self.change(State::cut);
    }

    /// Cuts every connection and takes no new ones.
    pub fn down(&self) {
        self.change(|state| {
            state.down = true;
            state.cut();
        });
    }

    /// Is whole again; what was held back arrives.
    pub fn heal(&self) {
        self.change(|state| (state.latency, state.partitioned, state.down) = Default::default());
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.lock());
        self.shared.changed.notify_all();
    }
}

impl Drop for BreakableProxy {
    fn drop(&mut self) {
        self.change(|state| {
            state.ended = true;
            state.cut();
        });
        // The thread that waits for connections looks again.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn cut(&mut self) {
        for connection in self.connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn target(&self) -> SocketAddr {
        self.lock().target
    }

    fn pass(self: Arc<Self>, client: TcpStream) -> Option<()> {
        // Whoever connects through a cable that is out waits.
        self.wait(Instant::now())?;
        let server = TcpStream::connect(self.target()).ok()?;
        for socket in [&client, &server] {
            socket.set_nodelay(true).ok()?;
            self.lock().connections.push(socket.try_clone().ok()?);
        }
        let (from, to) = (client.try_clone().ok()?, server.try_clone().ok()?);
        let back = self.clone();
        std::thread::spawn(move || back.pump(server, client));
        self.pump(from, to)
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream) -> Option<()> {
        let mut buffer = vec![0; 64 << 10];
        let passed = loop {
            let count = from.read(&mut buffer).unwrap_or(0);
            if count == 0 {
                break Some(());
            }
            if self.wait(Instant::now()).is_none() || to.write_all(&buffer[..count]).is_err() {
                break None;
            }
        };
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
        passed
    }

    /// Waits until what came at some time may arrive; nothing where it never will.
    fn wait(&self, came: Instant) -> Option<()> {
        let mut state = self.lock();
        loop {
            let left = (came + state.latency).saturating_duration_since(Instant::now());
            if state.ended {
                return None;
            }
            if state.partitioned {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else if left.is_zero() {
                return Some(());
            } else {
                let waited = self.changed.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}
