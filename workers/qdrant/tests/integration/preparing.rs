//! Collections, versions, keys: what `prepare` makes and what it refuses.

use fanout_contract::{FailureClass, Outcome, Processor};
use fanout_qdrant::store::QdrantStore;
use fanout_qdrant::{Collection, QdrantConfig, QdrantProcessor};
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::support::events::{batch, deleted, upserted, user_deleted, viewed};
use crate::support::{Server, ready};

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn it_may_be_repeated_and_raced() {
    let config = Server::shared().await.config();
    let processors = [0, 1, 2].map(|_| QdrantProcessor::new(config.clone()).unwrap());
    for prepared in futures::future::join_all(processors.iter().map(|p| p.prepare())).await {
        prepared.unwrap();
    }
    processors[0].prepare().await.unwrap();
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn another_dimension_than_the_collection_is_an_error_at_start_up() {
    let config = Server::shared().await.config();
    ready(config.clone()).await;
    let other = QdrantConfig {
        dimension: NonZeroUsize::new(8),
        ..config
    };
    let failure = QdrantProcessor::new(other)
        .unwrap()
        .prepare()
        .await
        .unwrap_err();
    assert_eq!(failure.class(), FailureClass::Permanent);
    assert_eq!(failure.code().as_str(), "qdrant-dimension");
    assert!(
        failure
            .message()
            .contains("has dimension 4, configured is 8"),
        "{failure}"
    );
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn without_a_configured_dimension_the_first_product_gives_it() {
    let config = QdrantConfig {
        dimension: None,
        ..Server::shared().await.config()
    };
    let (processor, store) = (
        ready(config.clone()).await,
        QdrantStore::new(&config).unwrap(),
    );

    // what comes before it is applied as far as it can be
    let early = batch([
        viewed("a", "u", "p", 1),
        user_deleted("b", "gone", 1),
        deleted("c", "q", 1),
    ]);
    let outcomes = processor.process(&early).await.unwrap().into_vec();
    assert!(matches!(outcomes[0], Outcome::Applied(_)), "{outcomes:?}");
    assert!(matches!(outcomes[1], Outcome::Applied(_)), "{outcomes:?}");
    let Outcome::Failed(failure) = &outcomes[2] else {
        panic!("{outcomes:?}")
    };
    assert_eq!(failure.class(), FailureClass::Transient);

    // another process learns it, too
    let other = ready(config.clone()).await;
    processor
        .process(&batch([upserted("d", "p", 2, &[0.0, 3.0])]))
        .await
        .unwrap();
    let outcomes = other
        .process(&batch([
            viewed("e", "v", "p", 3),
            upserted("f", "r", 3, &[1.0; 3]),
        ]))
        .await
        .unwrap()
        .into_vec();
    assert!(matches!(&outcomes[1], Outcome::Failed(_)), "{outcomes:?}");
    for user in ["u", "v"] {
        let profile = store
            .point(Collection::Profiles, &user.into())
            .await
            .unwrap();
        assert_eq!(profile.unwrap().vector(), Some(&[0.0, 1.0][..]));
    }
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_wrong_key_is_an_error_at_start_up_and_the_right_one_is_sent() {
    let server = Server::start_with(&[("QDRANT__SERVICE__API_KEY", "s3cret")]).await;
    for key in [None, Some("wrong".to_owned())] {
        let config = QdrantConfig {
            api_key: key,
            ..server.config()
        };
        let failure = QdrantProcessor::new(config)
            .unwrap()
            .prepare()
            .await
            .unwrap_err();
        assert_eq!(failure.class(), FailureClass::Permanent, "{failure}");
        assert_eq!(failure.code().as_str(), "qdrant-forbidden");
    }
    let config = QdrantConfig {
        api_key: Some("s3cret".to_owned()),
        ..server.config()
    };
    ready(config).await;
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn nobody_at_the_address_is_unavailable() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let config = QdrantConfig {
        url: format!("http://127.0.0.1:{port}"),
        query_timeout: Duration::from_secs(10),
        ..QdrantConfig::default()
    };
    let failure = QdrantProcessor::new(config)
        .unwrap()
        .prepare()
        .await
        .unwrap_err();
    assert_eq!(failure.class(), FailureClass::Unavailable);
    assert_eq!(failure.code().as_str(), "destination-unreachable");
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn https_never_falls_back_to_plain_text() {
    let server = Server::shared().await;
    let config = QdrantConfig {
        url: format!("https://127.0.0.1:{}", server.port()),
        query_timeout: Duration::from_secs(10),
        ..server.config()
    };
    let failure = QdrantProcessor::new(config)
        .unwrap()
        .prepare()
        .await
        .unwrap_err();
    assert_eq!(failure.class(), FailureClass::Unavailable, "{failure}");
}
