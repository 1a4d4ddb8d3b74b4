//! What a server says instead of doing it, as it comes over the wire.

use fanout_contract::{Failure, FailureClass, Processor, Remedy};
use fanout_qdrant::QdrantProcessor;
use std::time::Duration;
use tokio::net::TcpListener;
use tonic::metadata::MetadataMap;
use tonic::service::{AxumBody, AxumRouter, Routes};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Status};

use crate::support::events::{batch, viewed};
use crate::support::server::config_at;

/// What a batch ends with at a server that answers every call so.
async fn refused(code: Code, metadata: &[(&'static str, &str)]) -> Failure {
    let mut map = MetadataMap::new();
    for (key, value) in metadata {
        map.insert(*key, value.parse().unwrap());
    }
    let status = Status::with_metadata(code, "said the server", map);
    let answer = move || async move { status.clone().into_http::<AxumBody>() };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let routes = Routes::from(AxumRouter::new().fallback(answer));
    let serve = Server::builder()
        .add_routes(routes)
        .serve_with_incoming(TcpIncoming::from(listener));
    let server = tokio::spawn(serve);
    let processor = QdrantProcessor::new(config_at(port)).unwrap();
    let answer = processor.process(&batch([viewed("e", 1, 2, 3)])).await;
    server.abort();
    answer.unwrap_err()
}

#[tokio::test]
async fn a_limit_of_the_rate_says_how_long_to_wait() {
    let failure = refused(Code::ResourceExhausted, &[("retry-after", "7")]).await;
    assert_eq!(failure.code().as_str(), "qdrant-overloaded");
    assert_eq!(failure.wait(), Some(Duration::from_secs(7)));
    assert_eq!(failure.remedy(), Remedy::None);
}

#[tokio::test]
async fn a_request_that_is_too_large_asks_for_a_smaller_batch() {
    let failure = refused(Code::ResourceExhausted, &[]).await;
    assert_eq!(failure.class(), FailureClass::Unavailable);
    assert_eq!(failure.remedy(), Remedy::SmallerBatch);
}

#[tokio::test]
async fn a_full_disk_is_told_from_both() {
    let full = [("qdrant-insufficient-storage", "true")];
    let failure = refused(Code::ResourceExhausted, &full).await;
    assert_eq!(failure.code().as_str(), "qdrant-storage-full");
    assert_eq!(failure.remedy(), Remedy::None);
}

#[tokio::test]
async fn refused_data_make_the_runtime_halve_the_batch() {
    let failure = refused(Code::InvalidArgument, &[]).await;
    assert_eq!(failure.class(), FailureClass::Permanent);
    assert_eq!(failure.code().as_str(), "qdrant-refused");
    assert!(failure.message().contains("said the server"), "{failure}");
}

#[tokio::test]
async fn a_missing_collection_is_not_the_events_fault() {
    let failure = refused(Code::NotFound, &[]).await;
    assert_eq!(failure.class(), FailureClass::Unavailable);
    assert_eq!(failure.code().as_str(), "qdrant-collection");
}
