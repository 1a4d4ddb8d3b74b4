//! The connection: address, TLS, API key, limits.

use fanout_contract::ConfigProblem;
use qdrant_client::qdrant::collections_client::CollectionsClient;
use qdrant_client::qdrant::points_client::PointsClient;
use qdrant_client::qdrant::qdrant_client::QdrantClient;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::sync::Semaphore;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

use crate::config::{QdrantConfig, Tls, masked, problem};
use crate::id::Collection;

/// Header of the API key.
const API_KEY: &str = "api-key";
/// Between two pings of a connection, and how long an answer to one may take: a dead
/// connection is noticed before a call's deadline.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(10));
/// Bytes an answer may have: a page of interactions, 256 vectors of the largest dimension.
const MAX_ANSWER: usize = 128 << 20;
/// Bytes in flight to us before the server has to wait; HTTP/2 begins with 64 KiB, less than
/// an answer with vectors.
const WINDOW: u32 = 4 << 20;

/// The server, connected when it is first called.
pub struct QdrantStore {
    endpoint: Endpoint,
    api_key: ApiKey,
    prefix: String,
    channel: OnceLock<Channel>,
    pub(super) permits: Semaphore,
    pub(super) timeout: Duration,
}

pub(super) type Authorized = InterceptedService<Channel, ApiKey>;

impl fmt::Debug for QdrantStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QdrantStore")
            .field("url", &masked(&self.endpoint.uri().to_string()))
            .finish_non_exhaustive()
    }
}

impl QdrantStore {
    /// The server of this configuration. Does not connect yet.
    ///
    /// # Errors
    /// All [`ConfigProblem`]s at once.
    pub fn new(config: &QdrantConfig) -> Result<Self, Vec<ConfigProblem>> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let endpoint = endpoint(config).map_err(|problem| vec![problem])?;
        let api_key = config.api_key.as_deref().map(str::parse).transpose();
        let api_key = api_key.map_err(|_| {
            let rule = "cannot be sent as a header".to_owned();
            vec![problem(
                "api_key",
                rule,
                "is there a line break at its end?",
            )]
        })?;
        Ok(Self {
            endpoint,
            api_key: ApiKey(api_key),
            prefix: config.collection_prefix.clone(),
            channel: OnceLock::new(),
            permits: Semaphore::new(config.in_flight.get()),
            timeout: config.query_timeout,
        })
    }

    /// Name of the collection at the server.
    pub fn name_of(&self, collection: Collection) -> String {
        format!("{}{}", self.prefix, collection.name())
    }

    /// Connecting needs the runtime, so it waits for the first call.
    fn channel(&self) -> InterceptedService<Channel, ApiKey> {
        let channel = self.channel.get_or_init(|| self.endpoint.connect_lazy());
        InterceptedService::new(channel.clone(), self.api_key.clone())
    }

    pub(super) fn points(&self) -> PointsClient<Authorized> {
        PointsClient::new(self.channel()).max_decoding_message_size(MAX_ANSWER)
    }

    pub(super) fn collections(&self) -> CollectionsClient<Authorized> {
        CollectionsClient::new(self.channel())
    }

    pub(super) fn health(&self) -> QdrantClient<Authorized> {
        QdrantClient::new(self.channel())
    }
}

#[derive(Clone)]
pub(super) struct ApiKey(Option<MetadataValue<Ascii>>);

impl Interceptor for ApiKey {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(key) = &self.0 {
            request.metadata_mut().insert(API_KEY, key.clone());
        }
        Ok(request)
    }
}

fn endpoint(config: &QdrantConfig) -> Result<Endpoint, ConfigProblem> {
    let endpoint = Endpoint::from_shared(config.url.clone()).map_err(|_| {
        let rule = "is no URL".to_owned();
        problem("url", rule, "write http://HOST:6334")
    })?;
    let endpoint = endpoint
        .connect_timeout(config.connect_timeout)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE.0)
        .keep_alive_timeout(KEEP_ALIVE.1)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    if !config.url.starts_with("https://") {
        return Ok(endpoint);
    }
    endpoint.tls_config(tls(&config.tls)?).map_err(|error| {
        let rule = format!("cannot be used: {error}");
        problem(
            "tls",
            rule,
            "are the files PEM, and do certificate and key belong together?",
        )
    })
}

fn tls(tls: &Tls) -> Result<ClientTlsConfig, ConfigProblem> {
    let read = |path: &std::path::Path| {
        std::fs::read(path).map_err(|error| {
            let rule = format!("cannot be read: {}: {error}", path.display());
            problem("tls", rule, "name a readable PEM file")
        })
    };
    let mut config = ClientTlsConfig::new();
    config = match &tls.ca {
        Some(ca) => config.ca_certificate(Certificate::from_pem(read(ca)?)),
        None => config.with_native_roots(),
    };
    if let Some((certificate, key)) = &tls.client {
        config = config.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    if let Some(name) = &tls.server_name {
        config = config.domain_name(name.clone());
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_built_without_a_runtime_and_shows_no_secret() {
        let config = QdrantConfig {
            url: "https://ann:s3cret@localhost:6334".to_owned(),
            api_key: Some("s3cret".to_owned()),
            collection_prefix: "shadow_".to_owned(),
            ..QdrantConfig::default()
        };
        let store = QdrantStore::new(&config).unwrap();
        assert!(!format!("{store:?}").contains("s3cret"));
        assert_eq!(store.name_of(Collection::Products), "shadow_products");
    }

    #[test]
    fn a_file_that_is_no_certificate_is_a_problem_of_the_configuration() {
        let config = QdrantConfig {
            url: "https://localhost:6334".to_owned(),
            tls: Tls {
                ca: Some("/nowhere/ca.pem".into()),
                ..Tls::default()
            },
            ..QdrantConfig::default()
        };
        let problems = QdrantStore::new(&config).unwrap_err();
        assert_eq!(problems[0].key, "tls");
        assert!(problems[0].rule.contains("/nowhere/ca.pem"), "{problems:?}");
    }
}
