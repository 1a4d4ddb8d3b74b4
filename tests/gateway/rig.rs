//! A gateway on a port of its own, in front of a broker in memory.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fanout::broker::Message;
use fanout::broker::local::LocalBroker;
use fanout::config::Config;
use fanout::operate::whereabouts::Stores;
use fanout::operate::{self, ConnectionLimits};
use fanout::publish::gateway::Gateway;
use fanout::topology::Topology;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::client::{Answer, Request, SOON};
use crate::intake::TestIntake;

pub(crate) const VERSION: &str = "1.2.3";

pub(crate) struct Rig {
    pub(crate) addr: SocketAddr,
    pub(crate) broker: Arc<LocalBroker>,
    pub(crate) intake: Arc<TestIntake>,
    pub(crate) draining: CancellationToken,
    pub(crate) served: AbortOnDropHandle<()>,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With settings other than the defaults.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::limited(change, |_| {}).await
    }

    /// In front of these stores.
    pub(crate) async fn with_stores(stores: Stores) -> Self {
        Self::made(|_| {}, |_| {}, stores).await
    }

    /// With other limits of a connection, too.
    pub(crate) async fn limited(
        change: impl FnOnce(&mut Config),
        limit: impl FnOnce(&mut ConnectionLimits),
    ) -> Self {
        Self::made(change, limit, Stores::new()).await
    }

    /// All of these.
    pub(crate) async fn made(
        change: impl FnOnce(&mut Config),
        limit: impl FnOnce(&mut ConnectionLimits),
        stores: Stores,
    ) -> Self {
        let mut config = Config::default();
        change(&mut config);
        let broker = Arc::new(LocalBroker::start(Topology::from_config(&config)));
        let intake = TestIntake::new(broker.clone());
        let gateway = Gateway::new(config, VERSION, intake.clone(), broker.clone());
        let gateway = Arc::new(gateway.with_stores(stores));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        operate::record_metrics();
        let (mut limits, draining) = (gateway.connection_limits(), gateway.draining().clone());
        limit(&mut limits);
        let serving = operate::serve_until(listener, gateway.router(), limits, draining.clone());
        Self {
            addr,
            broker,
            intake,
            draining,
            served: AbortOnDropHandle::new(tokio::spawn(serving)),
        }
    }

    pub(crate) async fn send(&self, request: Request) -> Answer {
        request.send(self.addr).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path)).await
    }

    /// `POST /events` with this JSON.
    pub(crate) async fn post(&self, json: &str) -> Answer {
        let request = Request::events(json).header("content-type", "application/json");
        self.send(request).await
    }

    /// What is ready in the queue of this key.
    pub(crate) fn queue(&self, key: &str) -> Vec<Message> {
        let queue = self.broker.server().inspect(&format!("events.{key}"));
        queue.unwrap().ready
    }

    /// Ids in the queue of the Neo4j worker.
    pub(crate) fn queued(&self) -> Vec<String> {
        let ids = self
            .queue("neo4j")
            .into_iter()
            .map(|m| m.properties.message_id);
        ids.map(Option::unwrap).collect()
    }
}

/// Polls until `look` is true; panics after [`SOON`].
pub(crate) async fn eventually(what: &str, mut look: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !look() {
        assert!(Instant::now() < end, "not within {SOON:?}: {what}");
        // sleep: between two looks; the deadline is above
        sleep(Duration::from_millis(5)).await;
    }
}

/// A bare event of this kind and id.
pub(crate) fn event(kind: &str, id: &str) -> String {
    format!("{{\"event_id\":\"{id}\",\"event_type\":\"{kind}\",\"user_id\":1,\"product_id\":2}}")
}
