//! RabbitMQ for tests.

use std::time::Duration;

use fanout::config::{BrokerConfig, Secret};
use serde_json::json;
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::{GenericImage, ImageExt};
use tokio::sync::OnceCell;

use super::docker::{Container, image};
use super::management::Management;
use super::proxy::Proxy;
use super::{eventually, unique};

static SHARED: OnceCell<RabbitMq> = OnceCell::const_new();

/// A broker in a container.
pub struct RabbitMq {
    container: Container,
}

impl RabbitMq {
    /// The one of this test binary. Not to be broken: use [`RabbitMq::own`] for that.
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(|| Self::own("")).await
    }

    /// One for this test alone, with these lines in `rabbitmq.conf`; gone when dropped.
    pub async fn own(conf: &str) -> Self {
        Self::own_with(conf, &[]).await
    }

    /// One for this test alone, with these files (path, content) in the container too.
    pub async fn own_with(conf: &str, files: &[(&str, &[u8])]) -> Self {
        let (name, tag) = image("FANOUT_TEST_RABBITMQ_IMAGE", "rabbitmq:4-management");
        let mut request = GenericImage::new(name, tag)
            .with_exposed_port(5672.tcp())
            .with_exposed_port(5671.tcp())
            .with_exposed_port(15672.tcp())
            .with_wait_for(WaitFor::message_on_stdout("Server startup complete"))
            .with_copy_to(
                "/etc/rabbitmq/conf.d/90-test.conf",
                format!("{conf}\n").into_bytes(),
            );
        for (path, content) in files {
            request = request.with_copy_to(*path, content.to_vec());
        }
        Self {
            container: Container::start(request).await,
        }
    }

    pub fn container(&self) -> &Container {
        &self.container
    }

    pub async fn amqp_port(&self) -> u16 {
        self.container.host_port(5672).await
    }

    /// Port of AMQP over TLS; closed unless configured.
    pub async fn tls_port(&self) -> u16 {
        self.container.host_port(5671).await
    }

    pub async fn management(&self) -> Management {
        Management::new(self.container.host_port(15672).await)
    }

    /// A virtual host of its own: no names to scope inside.
    pub async fn vhost(&self, name: &str) -> Vhost {
        let name = unique(name);
        let management = self.management().await;
        management
            .put(&format!("/api/vhosts/{name}"), &json!({}))
            .await;
        Vhost {
            name,
            port: self.amqp_port().await,
            management,
        }
    }

    /// A proxy in front of it, whose port stays the same when the broker's changes.
    pub async fn proxy(&self) -> Proxy {
        Proxy::start(self.amqp_port().await).await
    }

    /// Runs `rabbitmqctl`. Takes a second or two.
    pub async fn ctl(&self, args: &[&str]) -> String {
        let mut command = vec!["rabbitmqctl", "-q"];
        command.extend(args);
        self.container.exec(&command).await
    }

    /// Kills the broker as a crash would.
    pub async fn kill(&self) {
        self.container.kill().await;
    }

    /// Starts a killed broker and returns its new port; does not wait until it answers.
    pub async fn restart(&self) -> u16 {
        self.container.restart().await;
        self.amqp_port().await
    }

    /// Waits until the AMQP port answers.
    pub async fn listening(&self) {
        let port = self.amqp_port().await;
        eventually("the broker listens", Duration::from_secs(60), async || {
            super::proxy::amqp_answers(port).await.then_some(())
        })
        .await;
    }
}

/// A virtual host of one test.
pub struct Vhost {
    name: String,
    port: u16,
    management: Management,
}

impl Vhost {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// URL straight to the broker.
    pub fn url(&self) -> Secret {
        self.url_at(self.port)
    }

    /// URL through whatever listens there, such as a proxy.
    pub fn url_at(&self, port: u16) -> Secret {
        Secret::new(format!("amqp://guest:guest@127.0.0.1:{port}/{}", self.name))
    }

    /// Defaults with this vhost's URL.
    pub fn config(&self) -> BrokerConfig {
        self.config_at(self.port)
    }

    /// Defaults with the URL through whatever listens there.
    pub fn config_at(&self, port: u16) -> BrokerConfig {
        BrokerConfig {
            urls: vec![self.url_at(port)],
            ..BrokerConfig::default()
        }
    }

    pub fn management(&self) -> &Management {
        &self.management
    }

    /// Path in the management API of something in this vhost: `/api/queues/{vhost}/{name}`.
    pub fn path(&self, kind: &str, name: &str) -> String {
        format!("/api/{kind}/{}/{name}", self.name)
    }

    /// Deletes a queue as an operator would.
    pub async fn delete_queue(&self, queue: &str) {
        self.management.delete(&self.path("queues", queue)).await;
    }

    /// Publishes through the management API, so with any properties and headers at all.
    pub async fn publish_raw(&self, queue: &str, properties: serde_json::Value, payload: &str) {
        let body = json!({
            "properties": properties,
            "routing_key": queue,
            "payload": payload,
            "payload_encoding": "string",
        });
        let path = format!("/api/exchanges/{}/amq.default/publish", self.name);
        let answer = self.management.post(&path, &body).await;
        assert_eq!(answer["routed"], json!(true), "routed to {queue}");
    }
}
