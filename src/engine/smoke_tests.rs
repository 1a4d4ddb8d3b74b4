//! The engine on the broker inside the process, on paused time.

use super::*;
use crate::broker::local::LocalBroker;
use crate::broker::{Broker, Message, Properties};
use crate::codec::Codec;
use crate::config::{CodecConfig, Config};
use crate::topology::Topology;
use fanout_contract::{Batch, Failure, Outcomes, Processor, ReasonCode};
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Default)]
struct Counter(Mutex<BTreeMap<String, u32>>);

impl Processor for Counter {
    fn name(&self) -> &'static str {
        "counter"
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let mut outcomes = Outcomes::unsettled(batch);
            for (slot, event) in batch.iter() {
                if event.kind() == "bad" {
                    let code = ReasonCode::new("payload-invalid");
                    outcomes.failed(slot, Failure::transient(code, "not just now"));
                } else {
                    *self
                        .0
                        .lock()
                        .unwrap()
                        .entry(event.id().to_string())
                        .or_default() += 1;
                    outcomes.applied(slot);
                }
            }
            Ok(outcomes)
        })
    }
}

fn message(id: usize, kind: &str) -> Message {
    let body =
        format!(r#"{{"eventId":"{id}","version":"v1","eventType":"{kind}","payload":{{}}}}"#);
    let properties = Properties {
        message_id: Some(id.to_string()),
        persistent: true,
        ..Properties::default()
    };
    Message {
        exchange: "events".to_owned(),
        routing_key: String::new(),
        properties,
        body: body.into(),
    }
}

#[tokio::test(start_paused = true)]
async fn every_event_of_a_backlog_is_applied_once_or_dead_lettered_after_all_stages() {
    let mut config = Config::default();
    config.worker.lanes = 3;
    let broker = Arc::new(LocalBroker::start(Topology::from_config(&config)));
    for id in 0..5000 {
        let kind = if id % 1000 == 7 { "bad" } else { "view" };
        broker.publish(message(id, kind)).await.unwrap();
    }
    let processor = Arc::new(Counter::default());
    let codec = Arc::new(Codec::new(CodecConfig::default()));
    let engine = Engine::new(
        EngineConfig::from_config(&config, "neo4j").unwrap(),
        broker.clone(),
        processor.clone(),
        codec,
    );
    let monitor = engine.monitor();
    let shutdown = Shutdown::new();
    let task = tokio::spawn(engine.run(shutdown.clone()));
    tokio::time::sleep(Duration::from_secs(400)).await;
    let counts = monitor.counts();
    assert_eq!(
        (counts.applied, counts.retried, counts.dead_lettered),
        (4995, 15, 5)
    );
    assert_eq!(monitor.snapshot().in_flight, 0);
    shutdown.drain();
    task.await.unwrap().unwrap();
    assert_eq!(
        processor
            .0
            .lock()
            .unwrap()
            .values()
            .copied()
            .collect::<Vec<_>>(),
        vec![1; 4995]
    );
    assert_eq!(
        broker
            .server()
            .inspect("events.dlq")
            .unwrap()
            .messages()
            .count(),
        5
    );
}
