//! PostgreSQL for tests.

use std::time::Duration;

use testcontainers::core::IntoContainerPort;
use testcontainers::{GenericImage, ImageExt};
use tokio::sync::OnceCell;
use tokio_postgres::types::FromSqlOwned;
use tokio_postgres::{Client, NoTls};

use super::docker::{Container, image};
use super::proxy::Proxy;
use super::{eventually, unique};

pub const PASSWORD: &str = "fanout-test";

static SHARED: OnceCell<Postgres> = OnceCell::const_new();

/// A server in a container.
pub struct Postgres {
    container: Container,
}

impl Postgres {
    /// The one of this test binary. Not to be broken: use [`Postgres::own`] for that.
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(Self::own).await
    }

    /// One for this test alone; gone when dropped.
    pub async fn own() -> Self {
        let (name, tag) = image("FANOUT_TEST_POSTGRES_IMAGE", "postgres:17");
        let request = GenericImage::new(name, tag)
            .with_exposed_port(5432.tcp())
            .with_env_var("POSTGRES_PASSWORD", PASSWORD);
        let server = Self {
            container: Container::start(request).await,
        };
        server.listening().await;
        server
    }

    pub async fn port(&self) -> u16 {
        self.container.host_port(5432).await
    }

    /// A proxy in front of it, whose port stays the same when the server's changes.
    pub async fn proxy(&self) -> Proxy {
        Proxy::start(self.port().await).await
    }

    /// Kills the server as a crash would, and starts it again; returns its new port once it
    /// answers.
    pub async fn crash(&self) -> u16 {
        self.container.kill().await;
        self.container.restart().await;
        self.listening().await;
        self.port().await
    }

    /// Offers TLS from now on, with this certificate and key.
    pub async fn offer_tls(&self, certificate: &str, key: &str) {
        let script = "cd /var/lib/postgresql/data && printf %s \"$1\" >server.crt && \
            printf %s \"$2\" >server.key && chmod 600 server.key && chown postgres server.*";
        self.container
            .exec(&["sh", "-c", script, "sh", certificate, key])
            .await;
        let client = connect(self.port().await, "postgres").await.unwrap();
        for statement in ["ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"] {
            client.batch_execute(statement).await.unwrap();
        }
        eventually("TLS is on", Duration::from_secs(10), async || {
            // A session sees the settings of its start.
            let client = connect(self.port().await, "postgres").await?;
            let row = client.query_one("SHOW ssl", &[]).await.ok()?;
            (row.get::<_, &str>(0) == "on").then_some(())
        })
        .await;
    }

    /// A database of its own.
    pub async fn database(&self, name: &str) -> Database {
        let name = unique(name).replace('-', "_");
        let port = self.port().await;
        let client = connect(port, "postgres").await.unwrap();
        client
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await
            .unwrap();
        Database {
            client: connect(port, &name).await.unwrap(),
            name,
            port,
        }
    }

    async fn listening(&self) {
        eventually("PostgreSQL answers", Duration::from_secs(60), async || {
            connect(self.port().await, "postgres").await
        })
        .await;
    }
}

async fn connect(port: u16, database: &str) -> Option<Client> {
    let target = format!(
        "host=127.0.0.1 port={port} user=postgres password={PASSWORD} dbname={database} \
         connect_timeout=5"
    );
    let (client, connection) = tokio_postgres::connect(&target, NoTls).await.ok()?;
    // Ends with its client, or with the server.
    tokio::spawn(async { connection.await.ok() });
    Some(client)
}

/// A database of one test, and a session in it.
pub struct Database {
    name: String,
    port: u16,
    client: Client,
}

impl Database {
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// URL through whatever listens there, such as a proxy.
    pub fn url_at(&self, port: u16) -> String {
        let name = &self.name;
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:{port}/{name}?sslmode=disable")
    }

    /// Another session.
    pub async fn session(&self) -> Session {
        Session(connect(self.port, &self.name).await.unwrap())
    }

    /// The same database behind another port.
    pub async fn at(&self, port: u16) -> Self {
        Self {
            name: self.name.clone(),
            port,
            client: connect(port, &self.name).await.unwrap(),
        }
    }

    /// Runs statements; panics with the server's error.
    pub async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    /// The first column of every row that a statement answers.
    pub async fn column<T: FromSqlOwned>(&self, sql: &str) -> Vec<T> {
        let rows = self.client.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The one number that a statement answers.
    pub async fn number(&self, sql: &str) -> i64 {
        self.column(sql).await[0]
    }
}

/// A session for transactions of its own.
pub struct Session(Client);

impl Session {
    /// Runs statements; panics with the server's error.
    pub async fn run(&self, sql: &str) {
        self.0.batch_execute(sql).await.unwrap();
    }
}
