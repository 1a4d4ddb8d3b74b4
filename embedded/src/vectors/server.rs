//! The server in front: socket, key, limits, end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use qdrant_client::qdrant::collections_server::CollectionsServer;
use qdrant_client::qdrant::points_server::PointsServer;
use qdrant_client::qdrant::qdrant_server::QdrantServer;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Status};

use super::error::VectorStoreError;
use super::service::Service;
use super::store::Store;

/// Bytes of a request. A batch of 256 points with 1,536 dimensions takes 1.6 MB.
const MAX_MESSAGE: usize = 64 * 1024 * 1024;
/// Calls under way on one connection.
const MAX_STREAMS: u32 = 64;
/// For a call whose client sets no deadline: what the real server gives.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Between two syncs of the journals: as often as the real server flushes by default.
const SYNC_EVERY: Duration = Duration::from_secs(5);
/// For calls under way when it is stopped.
const DRAIN: Duration = Duration::from_secs(5);

/// Where a vector store is kept and served.
#[derive(Clone)]
pub struct VectorServerConfig {
    /// The folder of its files; made where it is missing. One process at a time.
    pub data: PathBuf,
    /// Where it listens. Port 0 takes a free one. *Default*: `127.0.0.1:0`.
    pub address: SocketAddr,
    /// Key that every call but the health check must carry, as `api-key` or as bearer token.
    /// *Default*: none.
    pub api_key: Option<String>,
}

impl VectorServerConfig {
    /// Kept in this folder, on a free port of the loopback, without a key.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            api_key: None,
        }
    }
}

impl std::fmt::Debug for VectorServerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VectorServerConfig")
            .field("data", &self.data)
            .field("address", &self.address)
            .field("api_key", &self.api_key.as_ref().map(|_| "***"))
            .finish()
    }
}

/// A running vector store. Dropped, it stops as after a crash; [`stop`](Self::stop) ends it
/// in order.
#[derive(Debug)]
pub struct VectorServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<Result<(), VectorStoreError>>,
}

impl VectorServer {
    /// Opens the store and serves it in tasks of its own.
    ///
    /// # Errors
    /// The CPU has no AVX2, the folder is in use or damaged, the address is taken, or the key
    /// cannot be sent.
    pub async fn start(config: VectorServerConfig) -> Result<Self, VectorStoreError> {
        if !has_the_engines_cpu() {
            return Err(VectorStoreError::Cpu);
        }
        let key = Key::new(config.api_key.as_deref())?;
        let listener = TcpListener::bind(config.address).await?;
        let address = listener.local_addr()?;
        let data = config.data;
        let store = blocking(move || Store::open(&data)).await??;
        let store = Arc::new(store);
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(serve(listener, key, store, stopped));
        Ok(Self {
            address,
            stop: Some(stop),
            served,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL, as `QDRANT_URL` takes it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends when the server does, which it only does by itself after an error.
    ///
    /// # Errors
    /// Why it ended.
    pub async fn ended(&mut self) -> Result<(), VectorStoreError> {
        let ended = (&mut self.served).await;
        ended.unwrap_or_else(|error| Err(VectorStoreError::Served(error.to_string())))
    }

    /// Takes no more calls, waits up to five seconds for those under way, and brings
    /// everything to the disk.
    ///
    /// # Errors
    /// Why it had ended before.
    pub async fn stop(mut self) -> Result<(), VectorStoreError> {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself.
            let _ = stop.send(());
        }
        self.ended().await
    }
}

impl Drop for VectorServer {
    fn drop(&mut self) {
        self.served.abort();
    }
}

/// Its kernels are compiled for one generation of x86-64, and would end the process.
fn has_the_engines_cpu() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    true
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, VectorStoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| VectorStoreError::Served(error.to_string()))
}

async fn serve(
    listener: TcpListener,
    key: Key,
    store: Arc<Store>,
    stopped: oneshot::Receiver<()>,
) -> Result<(), VectorStoreError> {
    let service = Service::new(Arc::clone(&store));
    let guard = move |request: Request<()>| key.admit(request);
    let collections =
        CollectionsServer::new(service.clone()).max_decoding_message_size(MAX_MESSAGE);
    let points = PointsServer::new(service.clone()).max_decoding_message_size(MAX_MESSAGE);
    let router = Server::builder()
        .max_concurrent_streams(MAX_STREAMS)
        .timeout(CALL_TIMEOUT)
        .add_service(QdrantServer::new(service))
        .add_service(tonic::service::interceptor::InterceptedService::new(
            collections,
            guard.clone(),
        ))
        .add_service(tonic::service::interceptor::InterceptedService::new(
            points, guard,
        ));
    let (drain, drained) = oneshot::channel::<()>();
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let serving = router.serve_with_incoming_shutdown(incoming, async {
        let _ = drained.await;
    });
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = sync_until(&store, stopped) => {
            let _ = drain.send(());
            timeout(DRAIN, serving).await.unwrap_or(Ok(()))
        }
    };
    blocking(move || store.checkpoint()).await?;
    ended.map_err(|error| VectorStoreError::Served(error.to_string()))
}

/// Brings the journals to the disk now and then, until it is to stop.
async fn sync_until(store: &Arc<Store>, mut stopped: oneshot::Receiver<()>) {
    let mut ticks = interval(SYNC_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            _ = ticks.tick() => {}
        }
        let store = Arc::clone(store);
        if let Err(error) = blocking(move || store.sync()).await {
            tracing::error!(%error, "the journals cannot be synced");
        }
    }
}

/// The key, if there is one.
#[derive(Clone)]
struct Key(Option<MetadataValue<Ascii>>);

impl Key {
    fn new(key: Option<&str>) -> Result<Self, VectorStoreError> {
        let key = key.map(str::parse).transpose();
        key.map(Self).map_err(|_| VectorStoreError::ApiKey)
    }

    #[allow(clippy::result_large_err)] // tonic's own signature
    fn admit(&self, request: Request<()>) -> Result<Request<()>, Status> {
        let Some(key) = &self.0 else {
            return Ok(request);
        };
        match carried(request.metadata()) {
            None => Err(Status::unauthenticated(
                "Must provide an API key or an Authorization bearer token",
            )),
            Some(got) if same(got, key.as_bytes()) => Ok(request),
            Some(_) => Err(Status::unauthenticated("Invalid API key or JWT")),
        }
    }
}

fn carried(metadata: &MetadataMap) -> Option<&[u8]> {
    let bearer = || {
        let header = metadata.get("authorization")?;
        header.as_bytes().strip_prefix(b"Bearer ")
    };
    metadata
        .get("api-key")
        .map(|key| key.as_bytes())
        .or_else(bearer)
}

/// Takes as long for a wrong key as for the right one of the same length.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}
