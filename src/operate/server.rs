//! Listens and serves: an address, connections, their limits.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::HttpConfig;
use crate::telemetry::log;

/// Headers of a request.
const MOST_HEADERS: usize = 64;
/// Pause after `accept` failed for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What a server allows its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at once; one more waits in the backlog.
    pub connections: usize,
    /// A request line with its headers arrives within this time, and a connection without a
    /// request lives no longer.
    pub headers_within: Duration,
    /// Largest request line with headers, bytes; hyper takes no less than 8 KiB.
    pub largest_head: usize,
    /// After this time a connection takes no further request.
    pub lifetime: Duration,
    /// What is under way then, or at a shutdown, has this long to end.
    pub ends_within: Duration,
}

impl ConnectionLimits {
    /// For probes and a scraper or two.
    const PROBES: Self = Self {
        connections: 32,
        headers_within: Duration::from_secs(5),
        largest_head: 8 * 1024,
        lifetime: Duration::from_secs(60),
        ends_within: Duration::from_secs(5),
    };
}

/// Who sent a request; stands in its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Listens on the configured address. The default address gives way to a free port where it
/// is taken, so that several programs run on one host.
///
/// # Errors
/// An address that was set cannot be had.
pub async fn listen(config: &HttpConfig) -> io::Result<TcpListener> {
    match TcpListener::bind(config.addr).await {
        Err(error) if !config.explicit && error.kind() == io::ErrorKind::AddrInUse => {
            let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let listener = TcpListener::bind(free).await?;
            let instead = listener.local_addr()?;
            log::address_taken(config.addr, instead);
            Ok(listener)
        }
        bound => bound,
    }
}

/// Serves probes and a scraper until dropped.
pub async fn serve(listener: TcpListener, router: Router) {
    let never = CancellationToken::new();
    serve_until(listener, router, ConnectionLimits::PROBES, never).await;
}

/// Serves until `drain` is cancelled; then takes no further connection, lets every request
/// under way end, and returns. Dropped, it leaves its connections to their own limits.
pub async fn serve_until(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    drain: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let open = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = drain.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                let (router, drain) = (router.clone(), drain.clone());
                open.spawn(connection(stream, peer, router, limits, drain, slot));
            }
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop(listener);
    open.close();
    open.wait().await;
}

/// A connection and its slot. Cancel-safe.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, Peer, OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await;
    let slot = slot.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // Answers are small and wait for nothing that comes behind them.
    let _ = stream.set_nodelay(true);
    Ok((stream, Peer(peer), slot))
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    limits: ConnectionLimits,
    drain: CancellationToken,
    _slot: OwnedSemaphorePermit,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.call(request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers_within)
        .max_buf_size(limits.largest_head)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => Ok(ended),
        () = over(&drain, limits.lifetime) => {
            serving.as_mut().graceful_shutdown();
            timeout(limits.ends_within, serving).await
        }
    };
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "HTTP connection ended early"),
        Err(_) => tracing::debug!("HTTP connection did not end in time"),
    }
}

async fn over(drain: &CancellationToken, lifetime: Duration) {
    tokio::select! {
        () = drain.cancelled() => {}
        () = sleep(lifetime) => {}
    }
}
