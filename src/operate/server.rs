//! Listens and serves: an address, connections, their limits.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::config::HttpConfig;

/// Connections at once: probes and a scraper or two; one more waits in the backlog.
const CONNECTIONS: usize = 32;
/// A request line with its headers arrives within this time.
const HEADERS_WITHIN: Duration = Duration::from_secs(5);
/// A connection ends after this time at the latest, whoever keeps it open.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(60);
/// Largest request line with headers, bytes; hyper takes no less.
const LARGEST_HEAD: usize = 8 * 1024;
/// Headers of a request.
const MOST_HEADERS: usize = 64;
/// Pause after `accept` failed for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Listens on the configured address. The default address gives way to a free port where it
/// is taken, so that several workers run on one host.
///
/// # Errors
/// An address that was set cannot be had.
pub async fn listen(config: &HttpConfig) -> io::Result<TcpListener> {
    match TcpListener::bind(config.addr).await {
        Err(error) if !config.explicit && error.kind() == io::ErrorKind::AddrInUse => {
            let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let listener = TcpListener::bind(free).await?;
            let instead = listener.local_addr()?;
            tracing::warn!(taken = %config.addr, %instead, "health and metrics use a free port");
            Ok(listener)
        }
        bound => bound,
    }
}

/// Serves until dropped.
pub async fn serve(listener: TcpListener, router: Router) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = connections.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, router.clone(), permit));
            }
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, router: Router, _permit: OwnedSemaphorePermit) {
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(LARGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Ok(Err(error)) = timeout(CONNECTION_LIFETIME, serving).await {
        tracing::debug!(%error, "HTTP connection ended early");
    }
}
