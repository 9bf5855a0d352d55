//! A second grip on a connection's socket, to let go of it for good.
//!
//! A socket whose peer has stopped reading stays open after everything above it is dropped: what was written
//! waits for a peer that never takes it.

use std::any::Any;
use std::net::Shutdown;
use std::sync::Arc;

use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use socket2::{SockRef, Socket};

/// How long the peer may leave what was sent unacknowledged.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: std::time::Duration = std::time::Duration::from_secs(30);

/// A connection's socket.
#[derive(Clone, Debug)]
pub(crate) struct Connection(Arc<Socket>);

impl Connection {
    /// Takes hold of a new connection's socket, for requests to find it.
    pub(crate) fn remember(connection: &dyn Any, extensions: &mut Extensions) {
        let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
        let socket = SockRef::from(stream);
        #[cfg(target_os = "linux")]
        let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        if let Ok(socket) = socket.try_clone() {
            extensions.insert(Connection(Arc::new(socket)));
        }
    }

    /// Closes it, whatever still waits to be sent.
    pub(super) fn cut(&self) {
        // An error means that it is closed already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}
