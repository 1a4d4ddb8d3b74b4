//! The kit says what happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use fanout_contract::{
    Batch, Failure, FailureClass, FollowUp, Outcome, Outcomes, Processor, ReasonCode, SkipReason,
};
use futures::future::BoxFuture;
use serde_json::json;

use super::*;
use crate::broker::Message;

const BUSY: ReasonCode = ReasonCode::new("payload-invalid");

/// Does what the kind of an event says.
#[derive(Default)]
struct Obedient {
    answers: AtomicU32,
}

impl Processor for Obedient {
    fn name(&self) -> &'static str {
        "obedient"
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async move {
            let mut outcomes = Outcomes::unsettled(batch);
            for (slot, event) in batch.iter() {
                let outcome = match event.kind() {
                    "skip" => Outcome::Skipped(SkipReason::NotMine),
                    "bad" => Outcome::Failed(Failure::permanent(BUSY, "never")),
                    "busy" => Outcome::Failed(Failure::transient(BUSY, "not now")),
                    "slow" => {
                        tokio::time::sleep(Duration::from_secs(2)).await;
                        Outcome::applied()
                    }
                    "silent" => continue,
                    "lead" => Outcome::Applied(vec![FollowUp::new("led", json!({ "n": 1 }))]),
                    _ => Outcome::applied(),
                };
                self.answers.fetch_add(1, Ordering::Relaxed);
                outcomes.set(slot, outcome);
            }
            Ok(outcomes)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn each_event_is_reported_with_its_end() {
    let trial = Trial::of(Obedient::default()).start();
    let applied = trial.publish("view", json!({})).await.unwrap();
    let skipped = trial.publish("skip", json!({})).await.unwrap();
    let bad = trial.publish("bad", json!({})).await.unwrap();
    let report = trial.settled().await.unwrap();
    assert_eq!(report.end(&applied), Some(End::Applied));
    assert_eq!(
        report.end(&skipped),
        Some(End::Skipped(SkipReason::NotMine))
    );
    let dead = End::DeadLettered("payload-invalid".to_owned());
    assert_eq!(report.end(&bad), Some(dead));
    assert_eq!(report.end(&fanout_contract::EventId::new("other")), None);
    let dead = &report.dead_letters()[0];
    assert_eq!((dead.id.as_deref(), dead.attempts), (Some(bad.as_str()), 1));
    let counts = trial.drain().await.unwrap();
    assert_eq!(
        (counts.applied, counts.skipped, counts.dead_lettered),
        (1, 1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn every_try_is_reported_with_its_time_and_answer() {
    let delays = [1, 60].map(Duration::from_secs);
    let trial = Trial::of(Obedient::default()).retry_delays(delays).start();
    let busy = trial.publish("busy", json!({})).await.unwrap();
    let report = trial.settled().await.unwrap();
    let tries = report.tries(&busy);
    let times: Vec<_> = tries
        .iter()
        .map(|t| (t.attempt, t.after.as_secs()))
        .collect();
    assert_eq!(times, [(1, 0), (2, 1), (3, 61)]);
    let failed = Answer::Failed(FailureClass::Transient, BUSY);
    assert!(tries.iter().all(|t| t.answer == failed && t.together == 1));
    assert_eq!(report.dead_letters()[0].attempts, 3);
    assert_eq!(report.batches(), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn silence_is_reported_as_no_answer() {
    let trial = Trial::of(Obedient::default()).retry_delays([]).start();
    let silent = trial.publish("silent", json!({})).await.unwrap();
    let report = trial.settled().await.unwrap();
    assert_eq!(report.tries(&silent)[0].answer, Answer::None);
    let dead = End::DeadLettered("unsettled".to_owned());
    assert_eq!(report.end(&silent), Some(dead));
}

#[tokio::test(start_paused = true)]
async fn follow_ups_are_reported_and_return_only_where_asked_for() {
    for returning in [false, true] {
        let processor = Arc::new(Obedient::default());
        let setup = Trial::of_shared(processor.clone());
        let setup = if returning {
            setup.follow_ups_return()
        } else {
            setup
        };
        let trial = setup.start();
        trial.publish("lead", json!({})).await.unwrap();
        let report = trial.settled().await.unwrap();
        let kinds: Vec<_> = report.follow_ups().iter().map(|e| e.kind()).collect();
        assert_eq!(kinds, ["led"]);
        let n: serde_json::Value = report.follow_ups()[0].decode().unwrap();
        assert_eq!(n, json!({ "n": 1 }));
        let answered = processor.answers.load(Ordering::Relaxed);
        assert_eq!(answered, 1 + u32::from(returning));
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_brings_back_what_was_in_the_workers_hands() {
    let mut trial = Trial::of(Obedient::default()).start();
    let slow = trial.publish("slow", json!({})).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(trial.report().tries(&slow).len(), 1);
    trial.restart();
    let report = trial.settled().await.unwrap();
    let answers: Vec<_> = report.tries(&slow).iter().map(|t| t.answer).collect();
    assert_eq!(answers, [Answer::None, Answer::Applied]);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_event_is_a_dead_letter_with_its_bytes() {
    let trial = Trial::of(Obedient::default()).lanes(2).start();
    let message = Message {
        body: "no json".into(),
        ..Message::default()
    };
    trial.publish_message(message).await.unwrap();
    let report = trial.settled().await.unwrap();
    assert_eq!(report.dead_letters()[0].message.body, "no json".as_bytes());
    assert_eq!(report.batches(), [0_usize; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_come_to_its_end_is_named() {
    let trial = Trial::of(Obedient::default()).start();
    trial.server().limit_bytes("events.trial.retry.5s", Some(0));
    trial.publish("busy", json!({})).await.unwrap();
    let error = trial.settled().await.unwrap_err();
    let stuck = vec![("events.trial".to_owned(), 1)];
    assert_eq!(error, NotSettled::Late(stuck));
}
