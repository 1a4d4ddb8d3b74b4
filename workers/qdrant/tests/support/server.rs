//! The container. Tests keep apart by the prefix of their collections.

use fanout_qdrant::QdrantConfig;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::{GenericImage, ImageExt};
use tokio::sync::OnceCell;

use super::docker::{Container, image};

/// Dimension of the vectors of these tests.
pub const DIMENSION: usize = 4;

/// A running server.
pub struct Server {
    port: u16,
    _container: Container,
}

/// One for all tests of the binary; gone with it.
static SHARED: OnceCell<Server> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(1);

impl Server {
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(|| Self::start_with(&[])).await
    }

    /// One of its own, with these variables.
    pub async fn start_with(variables: &[(&str, &str)]) -> Self {
        let (name, tag) = image("FANOUT_TEST_QDRANT_IMAGE", "qdrant/qdrant:v1.18.3");
        let mut request = GenericImage::new(name, tag)
            .with_exposed_port(6334.tcp())
            .with_wait_for(WaitFor::message_on_stdout("gRPC listening on"))
            .with_env_var("QDRANT__TELEMETRY_DISABLED", "true");
        for (name, value) in variables {
            request = request.with_env_var(*name, *value);
        }
        let container = Container::start(request).await;
        let port = container.host_port(6334).await;
        Self {
            port,
            _container: container,
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Collections that no other test has.
    pub fn config(&self) -> QdrantConfig {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        QdrantConfig {
            collection_prefix: format!("t{number}_"),
            ..config_at(self.port)
        }
    }
}

/// Settings for a server, or a proxy, on this port of the loopback. The patience is for
/// machines that build while they test.
pub fn config_at(port: u16) -> QdrantConfig {
    QdrantConfig {
        url: format!("http://127.0.0.1:{port}"),
        dimension: NonZeroUsize::new(DIMENSION),
        connect_timeout: Duration::from_secs(20),
        query_timeout: Duration::from_secs(100),
        ..QdrantConfig::default()
    }
}
