//! What the broker refuses at the start, and what people are told about it.

use fanout::broker::amqp::AmqpBroker;
use fanout::broker::{Broker, BrokerError, ConnectionState};
use fanout::config::{BackoffPlan, BrokerConfig, Secret, TopologyMode};
use fanout::topology::Topology;
use serde_json::json;
use std::time::Duration;

use super::{SOON, connected, default_topology};
use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::{eventually, unique, within};

/// A user with these permissions (configure, write, read) in the vhost.
async fn user(vhost: &Vhost, permissions: [&str; 3]) -> String {
    let name = unique("user");
    let management = vhost.management();
    set_password(vhost, &name, "right").await;
    let [configure, write, read] = permissions;
    let body = json!({"configure": configure, "write": write, "read": read});
    let path = format!("/api/permissions/{}/{name}", vhost.name());
    management.put(&path, &body).await;
    name
}

async fn set_password(vhost: &Vhost, user: &str, password: &str) {
    let body = json!({"password": password, "tags": ""});
    let path = format!("/api/users/{user}");
    vhost.management().put(&path, &body).await;
}

fn as_user(mut config: BrokerConfig, user: &str, password: &str) -> BrokerConfig {
    let credentials = format!("{user}:{password}@");
    for url in &mut config.urls {
        *url = Secret::new(url.expose().replace("guest:guest@", &credentials));
    }
    config
}

/// The error it starts with.
async fn start_fails(config: BrokerConfig) -> BrokerError {
    let broker = AmqpBroker::start(config, default_topology());
    let error = within("a verdict", SOON, broker.connected())
        .await
        .unwrap_err();
    let status = broker.status().borrow().clone();
    assert_eq!(status.fatal.as_ref(), Some(&error));
    assert_eq!(status.last_error, Some(error.to_string()));
    assert_eq!(status.state, ConnectionState::Failed);
    let consume = within("an answer", SOON, broker.consume("events.neo4j", 1)).await;
    assert_eq!(consume.unwrap_err(), error);
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_wrong_password_is_access_refused_and_shown_without_it() {
    let vhost = RabbitMq::shared().await.vhost("password").await;
    let config = as_user(vhost.config(), "guest", "wrong-secret");
    let error = start_fails(config).await;
    assert!(matches!(error, BrokerError::AccessRefused(_)), "{error}");
    assert!(error.to_string().contains("ACCESS_REFUSED"), "{error}");
    assert!(!error.to_string().contains("wrong-secret"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_vhost_that_is_not_there_is_access_refused() {
    let port = RabbitMq::shared().await.amqp_port().await;
    let config = BrokerConfig {
        urls: vec![Secret::new(format!(
            "amqp://guest:guest@127.0.0.1:{port}/nothing"
        ))],
        ..BrokerConfig::default()
    };
    let error = start_fails(config).await;
    assert!(matches!(error, BrokerError::AccessRefused(_)), "{error}");
    assert!(error.to_string().contains("nothing"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_password_changed_under_a_broker_that_worked_is_waited_for() {
    let rabbit = RabbitMq::shared().await;
    let vhost = rabbit.vhost("rotate").await;
    let proxy = rabbit.proxy().await;
    let name = user(&vhost, [".*", ".*", ".*"]).await;
    let config = as_user(vhost.config_at(proxy.port()), &name, "right");
    let broker = connected(config, default_topology()).await;
    set_password(&vhost, &name, "other").await;
    proxy.cut().await;
    proxy.pass().await;
    eventually("the refusal is shown", SOON, async || {
        let status = broker.status().borrow().clone();
        assert_eq!(status.fatal, None);
        let error = status.last_error?;
        error.contains("ACCESS_REFUSED").then_some(())
    })
    .await;
    set_password(&vhost, &name, "right").await;
    within("connected again", SOON, broker.connected())
        .await
        .unwrap();
    assert_eq!(broker.status().borrow().epoch, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_queue_made_otherwise_is_named_with_the_way_to_migrate() {
    let vhost = RabbitMq::shared().await.vhost("mismatch").await;
    let queue = json!({"durable": true, "arguments": {"x-queue-type": "classic"}});
    let path = vhost.path("queues", "events.qdrant");
    vhost.management().put(&path, &queue).await;
    let error = start_fails(vhost.config()).await;
    assert!(matches!(error, BrokerError::TopologyMismatch(_)), "{error}");
    for part in ["queue 'events.qdrant'", "inequivalent arg", "to migrate"] {
        assert!(error.to_string().contains(part), "{part} in: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_missing_permission_is_named() {
    let vhost = RabbitMq::shared().await.vhost("permission").await;
    let name = user(&vhost, ["^$", ".*", ".*"]).await;
    let error = start_fails(as_user(vhost.config(), &name, "right")).await;
    assert!(matches!(error, BrokerError::AccessRefused(_)), "{error}");
    for part in ["exchange 'events'", "configure access", &name] {
        assert!(error.to_string().contains(part), "{part} in: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn without_write_permission_on_an_exchange_the_publish_is_refused_and_others_go_on() {
    let vhost = RabbitMq::shared().await.vhost("write").await;
    let owner = connected(vhost.config(), default_topology()).await;
    let name = user(&vhost, ["^$", "^amq\\.default$", ".*"]).await;
    let config = BrokerConfig {
        topology: TopologyMode::Verify,
        ..as_user(vhost.config(), &name, "right")
    };
    let broker = connected(config, default_topology()).await;
    let result = broker.publish(super::message("events", "", "x")).await;
    let refused = matches!(result, Err(fanout::broker::PublishError::AccessRefused(_)));
    assert!(refused, "{result:?}");
    super::fill(&broker, "events.dlq", 3).await;
    assert_eq!(owner.depth("events.dlq").await.unwrap().unwrap().ready, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn verifying_waits_for_a_topology_that_somebody_else_declares() {
    let vhost = RabbitMq::shared().await.vhost("verify").await;
    let verify = BrokerConfig {
        topology: TopologyMode::Verify,
        ..vhost.config()
    };
    let broker = AmqpBroker::start(verify.clone(), default_topology());
    let error = eventually("the lack is shown", SOON, async || {
        broker.status().borrow().last_error.clone()
    })
    .await;
    assert!(error.contains("exchange 'events'"), "{error}");
    assert_eq!(broker.status().borrow().fatal, None);

    let required = BrokerConfig {
        required: true,
        ..verify
    };
    let error = start_fails(required).await;
    assert!(matches!(error, BrokerError::NotFound(_)), "{error}");

    let owner = connected(vhost.config(), default_topology()).await;
    within("connected", SOON, broker.connected()).await.unwrap();
    owner.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn amqps_to_a_plain_port_never_connects() {
    let port = RabbitMq::shared().await.amqp_port().await;
    let config = BrokerConfig {
        urls: vec![Secret::new(format!(
            "amqps://guest:guest@127.0.0.1:{port}/"
        ))],
        required: true,
        connect_timeout: Duration::from_secs(1),
        backoff: BackoffPlan {
            max_attempts: Some(1),
            ..BackoffPlan::default()
        },
        ..BrokerConfig::default()
    };
    let error = start_fails(config).await;
    let exhausted = matches!(error, BrokerError::AttemptsExhausted { attempts: 1, .. });
    assert!(exhausted, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_required_broker_that_is_away_is_given_up_after_the_attempts_and_another_is_not() {
    let proxy = RabbitMq::shared().await.proxy().await;
    proxy.cut().await;
    let config = |required| BrokerConfig {
        urls: vec![Secret::new(format!(
            "amqp://guest:guest@127.0.0.1:{}",
            proxy.port()
        ))],
        required,
        backoff: BackoffPlan {
            delays: vec![Duration::from_millis(10)],
            max_attempts: Some(3),
            failed_after: 2,
            ..BackoffPlan::default()
        },
        topology: TopologyMode::None,
        ..BrokerConfig::default()
    };
    let error = start_fails(config(true)).await;
    let exhausted = matches!(error, BrokerError::AttemptsExhausted { attempts: 3, .. });
    assert!(exhausted, "{error}");

    let broker = AmqpBroker::start(config(false), Topology::default());
    eventually(
        "it is said to have failed, and tried on",
        SOON,
        async || {
            let status = broker.status().borrow().clone();
            let tried = status.failed_attempts > 3 && status.state == ConnectionState::Failed;
            (tried && status.fatal.is_none()).then_some(())
        },
    )
    .await;
    proxy.pass().await;
    within("connected", SOON, broker.connected()).await.unwrap();
    let status = broker.status().borrow().clone();
    assert_eq!((status.failed_attempts, status.last_error), (0, None));
}
