//! A load balancer: passes each new connection to one of several servers, in turn, that takes it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Stands in front of servers. Knows nothing of what they say.
pub struct Balancer {
    address: SocketAddr,
}

impl Balancer {
    /// Starts one in front of `http://` addresses.
    pub async fn start(urls: &[&str]) -> Result<Balancer> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let servers: Result<Arc<[SocketAddr]>> = urls
            .iter()
            .map(|url| Ok(url.strip_prefix("http://").context("an http address")?.parse()?))
            .collect();
        let (servers, next) = (servers?, Arc::new(AtomicUsize::new(0)));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, servers.clone(), next.clone()));
            }
        });
        Ok(Balancer { address })
    }

    /// Its own address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn pass(mut client: TcpStream, servers: Arc<[SocketAddr]>, next: Arc<AtomicUsize>) {
    for _ in 0..servers.len() {
        let turn = next.fetch_add(1, Ordering::Relaxed) % servers.len();
        if let Ok(mut server) = TcpStream::connect(servers[turn]).await {
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            // However it ends, both ends hear of it.
            let _ = copy_bidirectional(&mut client, &mut server).await;
            return;
        }
    }
}
