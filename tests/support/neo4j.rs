//! Neo4j for tests, asked over its HTTP interface: the driver stays in its package.

use serde_json::{Value, json};
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::{GenericImage, ImageExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use super::docker::{Container, image};
use super::proxy::Proxy;

pub const PASSWORD: &str = "fanout-test";
/// `neo4j:fanout-test` in base64.
const AUTHORIZATION: &str = "Basic bmVvNGo6ZmFub3V0LXRlc3Q=";

static SHARED: OnceCell<Neo4j> = OnceCell::const_new();

/// A server in a container. Community has one database: tests keep apart by their ids.
pub struct Neo4j {
    container: Container,
}

impl Neo4j {
    /// The one of this test binary. Not to be broken: use [`Neo4j::own`] for that.
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(Self::own).await
    }

    /// One for this test alone; gone when dropped.
    pub async fn own() -> Self {
        Self::own_with(&[]).await
    }

    /// One for this test alone, with these variables of the image, which are its settings.
    pub async fn own_with(variables: &[(&str, &str)]) -> Self {
        let (name, tag) = image("FANOUT_TEST_NEO4J_IMAGE", "neo4j:5.26-community");
        let mut request = GenericImage::new(name, tag)
            .with_exposed_port(7687.tcp())
            .with_exposed_port(7474.tcp())
            .with_wait_for(WaitFor::message_on_stdout("Started."))
            .with_env_var("NEO4J_AUTH", format!("neo4j/{PASSWORD}"))
            .with_env_var("NEO4J_server_memory_heap_max__size", "512M");
        for (name, value) in variables {
            request = request.with_env_var(*name, *value);
        }
        let server = Self {
            container: Container::start(request).await,
        };
        // The first constraint of a new server takes seconds; no test is about that.
        let warm = "CREATE CONSTRAINT warm IF NOT EXISTS FOR (n:Warm) REQUIRE n.id IS UNIQUE";
        server.rows(warm, json!({})).await;
        server
    }

    pub fn container(&self) -> &Container {
        &self.container
    }

    pub async fn bolt_port(&self) -> u16 {
        self.container.host_port(7687).await
    }

    /// A proxy in front of its Bolt port.
    pub async fn proxy(&self) -> Proxy {
        Proxy::start(self.bolt_port().await).await
    }

    /// The rows that a statement answers; panics with the server's error.
    pub async fn rows(&self, statement: &str, parameters: Value) -> Vec<Value> {
        let statement = json!({ "statement": statement, "parameters": parameters });
        let body = json!({ "statements": [statement] }).to_string();
        let port = self.container.host_port(7474).await;
        let answer = post(port, "/db/neo4j/tx/commit", &body).await;
        assert_eq!(answer["errors"], json!([]), "{statement}");
        let rows = answer["results"][0]["data"].as_array().unwrap();
        rows.iter().map(|row| row["row"].clone()).collect()
    }

    /// Runs a statement in a transaction that stays open, with what it has locked.
    pub async fn hold(&self, statement: &str, parameters: Value) -> Held {
        let statement = json!({ "statement": statement, "parameters": parameters });
        let body = json!({ "statements": [statement] }).to_string();
        let port = self.container.host_port(7474).await;
        let answer = post(port, "/db/neo4j/tx", &body).await;
        assert_eq!(answer["errors"], json!([]), "{statement}");
        let commit = answer["commit"].as_str().unwrap();
        let (_, path) = commit.split_once("/db/").unwrap();
        Held {
            port,
            commit: format!("/db/{path}"),
        }
    }

    /// The one number that a statement answers.
    pub async fn number(&self, statement: &str, parameters: Value) -> u64 {
        let rows = self.rows(statement, parameters).await;
        rows[0][0].as_u64().unwrap()
    }
}

/// A transaction that is open; the server ends it after a minute without a word.
pub struct Held {
    port: u16,
    commit: String,
}

impl Held {
    /// Commits it.
    pub async fn release(self) {
        let answer = post(self.port, &self.commit, r#"{"statements": []}"#).await;
        assert_eq!(answer["errors"], json!([]));
    }
}

async fn post(port: u16, path: &str, body: &str) -> Value {
    let request = format!(
        "POST {path} HTTP/1.0\r\nauthorization: {AUTHORIZATION}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {head}"))
}
