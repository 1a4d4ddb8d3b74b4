//! The container. Community has one database, so tests keep apart by their ids.

use fanout_neo4j::Neo4jConfig;
use std::time::Duration;
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::{GenericImage, ImageExt};
use tokio::sync::OnceCell;

use super::docker::{Container, image};

pub const PASSWORD: &str = "fanout-test";

/// A running server.
pub struct Server {
    container: Container,
    port: u16,
}

/// One for all tests of the binary; gone with it.
static SHARED: OnceCell<Server> = OnceCell::const_new();

impl Server {
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(Self::start).await
    }

    /// One of its own, for a test that stops it or counts everything.
    pub async fn start() -> Self {
        Self::start_with(&[], &[]).await
    }

    /// One of its own with these settings, written as for the image (`_` for `.`), and files.
    pub async fn start_with(settings: &[(&str, &str)], files: &[(&str, Vec<u8>)]) -> Self {
        let (name, tag) = image("FANOUT_TEST_NEO4J_IMAGE", "neo4j:5.26-community");
        let mut request = GenericImage::new(name, tag)
            .with_exposed_port(7687.tcp())
            .with_wait_for(WaitFor::message_on_stdout("Started."))
            .with_env_var("NEO4J_AUTH", format!("neo4j/{PASSWORD}"))
            .with_env_var("NEO4J_server_memory_heap_max__size", "512M")
            // so that a test that holds a lock does not make the others wait for ever
            .with_env_var("NEO4J_db_lock_acquisition_timeout", "1s");
        for (name, value) in settings {
            request = request.with_env_var(format!("NEO4J_{name}"), *value);
        }
        for (path, content) in files {
            request = request.with_copy_to(*path, content.clone());
        }
        let container = Container::start(request).await;
        let port = container.host_port(7687).await;
        Self { container, port }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn container(&self) -> &Container {
        &self.container
    }

    pub fn config(&self) -> Neo4jConfig {
        config_at(self.port)
    }
}

/// Settings for a server, or a proxy, on this port of the loopback. The patience is for
/// machines that build while they test.
pub fn config_at(port: u16) -> Neo4jConfig {
    Neo4jConfig {
        uri: format!("bolt://127.0.0.1:{port}"),
        password: PASSWORD.to_owned(),
        connect_timeout: Duration::from_secs(20),
        query_timeout: Duration::from_secs(100),
        ..Neo4jConfig::default()
    }
}
