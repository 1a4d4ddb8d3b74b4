//! The workbench on the local broker, on paused time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod looking;
mod moving;
mod stepping;

use std::sync::Arc;

use fanout_contract::ReasonCode;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::broker::local::LocalBroker;
use crate::broker::{Broker, HeaderValue, Message};
use crate::config::Config;
use crate::recovery::{FailureNote, dead_letter};
use crate::topology::Topology;

const DLQ: &str = "events.dlq";
const NEO4J: &str = "events.neo4j";
const QDRANT: &str = "events.qdrant";

/// A broker in memory and a workbench on it.
pub(super) struct Rig {
    pub(super) broker: Arc<LocalBroker>,
    pub(super) bench: Workbench,
    pub(super) config: Config,
    _folder: TempDir,
}

impl Rig {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.dlq.audit_file = folder.path().join("audit.ndjson");
        let broker = Arc::new(LocalBroker::start(Topology::from_config(&config)));
        Self {
            bench: Workbench::new(broker.clone(), &config, "me@here"),
            broker,
            config,
            _folder: folder,
        }
    }

    pub(super) async fn publish(&self, message: Message) {
        self.broker.publish(message).await.unwrap();
    }

    /// So many dead letters of the Neo4j worker with the ids `0`, `1`, ….
    pub(super) async fn dead(&self, count: usize) {
        for id in 0..count {
            self.publish(dead(&id.to_string(), NEO4J, "panic")).await;
        }
    }

    /// Ids of what is ready in a queue, in order.
    pub(super) fn ids(&self, queue: &str) -> Vec<String> {
        let ready = self.broker.server().inspect(queue).unwrap().ready;
        ready
            .into_iter()
            .map(|m| m.properties.message_id.unwrap())
            .collect()
    }

    pub(super) fn depths(&self) -> [usize; 3] {
        [DLQ, NEO4J, QDRANT].map(|queue| self.ids(queue).len())
    }

    /// A page, of which everything is given back.
    pub(super) async fn list(&self, filter: &Filter, page: Page) -> Listing {
        let looked = self.bench.list(filter, page, &mut ()).await.unwrap();
        looked.give_back().await.unwrap()
    }

    pub(super) async fn replay(&self, plan: &ReplayPlan) -> ReplayReport {
        let stop = CancellationToken::new();
        self.bench.replay(plan, &stop, &mut ()).await.unwrap()
    }
}

/// A dead letter as a worker writes it.
pub(super) fn dead(id: &str, queue: &str, reason: &'static str) -> Message {
    let note = FailureNote {
        queue,
        attempt: 4,
        code: ReasonCode::new(reason),
        error: &format!("user {id} is wrong"),
        at: Timestamp::from_second(1_000).unwrap(),
    };
    let body = format!(r#"{{"event_id":"{id}","event_type":"view","user_id":1}}"#);
    let mut original = Message {
        exchange: "events".to_owned(),
        body: body.into(),
        ..Message::default()
    };
    original.properties.message_id = Some(id.to_owned());
    dead_letter(&original, None, DLQ.to_owned(), &note)
}

pub(super) fn all() -> ReplayPlan {
    ReplayPlan {
        all: true,
        ..ReplayPlan::default()
    }
}

pub(super) fn numbered(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|id| id.to_string()).collect()
}

pub(super) fn header<'m>(message: &'m Message, name: &str) -> Option<&'m HeaderValue> {
    message.properties.headers.get(name)
}
