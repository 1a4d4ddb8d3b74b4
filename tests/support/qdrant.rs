//! Qdrant for tests: the official image, or the embedded vector store in its place.

use qdrant_client::Qdrant as Client;
use qdrant_client::qdrant::{CountPointsBuilder, Filter, RetrievedPoint, ScrollPointsBuilder};
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::{GenericImage, ImageExt};
use tokio::sync::OnceCell;

use super::docker::{Container, image};
use super::proxy::Proxy;

pub const API_KEY: &str = "fanout-test";

static SHARED: OnceCell<Qdrant> = OnceCell::const_new();

/// A server in a container. Tests that share one keep apart by names of collections.
pub struct Qdrant {
    container: Container,
}

impl Qdrant {
    /// The one of this test binary. Not to be broken: use [`Qdrant::own`] for that.
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(Self::own).await
    }

    /// One for this test alone; gone when dropped.
    pub async fn own() -> Self {
        Self::start(&[]).await
    }

    /// One for this test alone that wants [`API_KEY`].
    pub async fn with_key() -> Self {
        Self::start(&[("QDRANT__SERVICE__API_KEY", API_KEY)]).await
    }

    async fn start(variables: &[(&str, &str)]) -> Self {
        let (name, tag) = image("FANOUT_TEST_QDRANT_IMAGE", "qdrant/qdrant:v1.18.3");
        let mut request = GenericImage::new(name, tag)
            .with_exposed_port(6334.tcp())
            .with_wait_for(WaitFor::message_on_stdout("gRPC listening on"))
            .with_env_var("QDRANT__TELEMETRY_DISABLED", "true");
        for (name, value) in variables {
            request = request.with_env_var(*name, *value);
        }
        Self {
            container: Container::start(request).await,
        }
    }

    pub fn container(&self) -> &Container {
        &self.container
    }

    pub async fn grpc_port(&self) -> u16 {
        self.container.host_port(6334).await
    }

    /// As `QDRANT_URL` takes it.
    pub async fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.grpc_port().await)
    }

    /// A proxy in front of its gRPC port.
    pub async fn proxy(&self) -> Proxy {
        Proxy::start(self.grpc_port().await).await
    }

    /// A client of the test's own.
    pub async fn client(&self) -> Client {
        let client = Client::from_url(&self.url().await).api_key(API_KEY);
        client.skip_compatibility_check().build().unwrap()
    }

    /// How many points pass the filter; nothing without the collection.
    pub async fn count(&self, collection: &str, filter: Filter) -> Option<u64> {
        let client = self.client().await;
        if !client.collection_exists(collection).await.unwrap() {
            return None;
        }
        let count = CountPointsBuilder::new(collection)
            .filter(filter)
            .exact(true);
        Some(client.count(count).await.unwrap().result.unwrap().count)
    }

    /// At most 10,000 points that pass the filter, with payload and vector.
    pub async fn points(&self, collection: &str, filter: Filter) -> Vec<RetrievedPoint> {
        let scroll = ScrollPointsBuilder::new(collection)
            .filter(filter)
            .limit(10_000)
            .with_payload(true)
            .with_vectors(true);
        let found = self.client().await.scroll(scroll).await;
        found.unwrap().result
    }
}
