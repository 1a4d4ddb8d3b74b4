//! Who answers.

use qdrant_client::qdrant::qdrant_server::Qdrant;
use qdrant_client::qdrant::{HealthCheckReply, HealthCheckRequest};
use tonic::{Request, Response, Status};

use super::Service;

/// The server that the engine was cut from, and whose answers are given here: its upserts are
/// conditional, which came with 1.16.
const VERSION: &str = "1.16.0";

#[tonic::async_trait]
impl Qdrant for Service {
    async fn health_check(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckReply>, Status> {
        Ok(Response::new(HealthCheckReply {
            title: "fanout embedded vector store, over Qdrant Edge".to_owned(),
            version: VERSION.to_owned(),
            commit: None,
        }))
    }
}
