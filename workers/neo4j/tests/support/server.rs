//! The container. Community has one database, so tests keep apart by their ids.

use fanout_neo4j::Neo4jConfig;
use std::sync::Arc;
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};
use tokio::sync::Mutex;

pub const PASSWORD: &str = "fanout-test";

/// A running server.
pub struct Server {
    container: ContainerAsync<GenericImage>,
    port: u16,
}

/// One for all tests of the binary, while any of them holds it.
static SHARED: Mutex<std::sync::Weak<Server>> = Mutex::const_new(std::sync::Weak::new());

impl Server {
    /// The shared one. Stopped when the last test that holds it ends.
    pub async fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().await;
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Arc::new(Self::start().await);
        *shared = Arc::downgrade(&server);
        server
    }

    /// One of its own, for a test that stops it or fills it.
    pub async fn start() -> Self {
        let image = std::env::var("FANOUT_TEST_NEO4J_IMAGE")
            .unwrap_or_else(|_| "fanout-test/neo4j:5.26.12".to_owned());
        let (name, tag) = image
            .rsplit_once(':')
            .expect("an image is written NAME:TAG");
        let container = GenericImage::new(name, tag)
            .with_exposed_port(7687.tcp())
            .with_wait_for(WaitFor::message_on_stdout("Started."))
            .with_env_var("NEO4J_AUTH", format!("neo4j/{PASSWORD}"))
            .with_env_var("NEO4J_server_memory_heap_max__size", "512M")
            .start()
            .await
            .expect("a Neo4j container; run scripts/provision");
        let port = container
            .get_host_port_ipv4(7687)
            .await
            .expect("the Bolt port");
        Self { container, port }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn config(&self) -> Neo4jConfig {
        config_at(self.port)
    }

    pub async fn pause(&self) {
        self.container.pause().await.expect("pause");
    }

    pub async fn unpause(&self) {
        self.container.unpause().await.expect("unpause");
    }
}

/// Settings for a server, or a proxy, on this port of the loopback.
pub fn config_at(port: u16) -> Neo4jConfig {
    Neo4jConfig {
        uri: format!("bolt://127.0.0.1:{port}"),
        password: PASSWORD.to_owned(),
        ..Neo4jConfig::default()
    }
}
