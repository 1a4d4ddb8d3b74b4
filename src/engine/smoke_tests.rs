//! The engine on the broker inside the process, on paused time.

use crate::testing::{End, Trial};
use fanout_contract::{Batch, Failure, Outcomes, Processor, ReasonCode};
use futures::future::BoxFuture;
use serde_json::json;
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
            let mut counts = self.0.lock().unwrap();
            for (slot, event) in batch.iter() {
                if event.kind() == "bad" {
                    let code = ReasonCode::new("payload-invalid");
                    outcomes.failed(slot, Failure::transient(code, "not just now"));
                } else {
                    *counts.entry(event.id().to_string()).or_default() += 1;
                    outcomes.applied(slot);
                }
            }
            Ok(outcomes)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn every_event_of_a_backlog_is_applied_once_or_dead_lettered_after_all_stages() {
    let processor = Arc::new(Counter::default());
    let trial = Trial::of_shared(processor.clone()).lanes(3).start();
    let mut bad = Vec::new();
    for number in 0..5000 {
        let kind = if number % 1000 == 7 { "bad" } else { "view" };
        let id = trial.publish(kind, json!({})).await.unwrap();
        if kind == "bad" {
            bad.push(id);
        }
    }
    let report = trial.settled().await.unwrap();
    let dead = Some(End::DeadLettered("payload-invalid".to_owned()));
    assert!(bad.iter().all(|id| report.end(id) == dead));
    assert_eq!(report.dead_letters().len(), 5);
    let counts = trial.drain().await.unwrap();
    assert_eq!(
        (counts.applied, counts.retried, counts.dead_lettered),
        (4995, 15, 5)
    );
    let counts: Vec<_> = processor.0.lock().unwrap().values().copied().collect();
    assert_eq!(counts, vec![1; 4995]);
}
