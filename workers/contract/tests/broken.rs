//! Each law's check notices a processor that breaks the law: the reference processor behind a
//! wrapper with one fault.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use fanout_contract::conformance::reference::{ReferenceHarness, ReferenceProcessor};
use fanout_contract::conformance::{Law, check};
use fanout_contract::{
    Batch, Event, EventBuilder, EventId, Failure, FailureClass, FollowUp, Outcome, Outcomes,
    Processor, ReasonCode, SkipReason, codes,
};
use futures::future::BoxFuture;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::sleep;

type Answer = Result<Outcomes, Failure>;

/// What is wrong, once for all processors of a harness.
#[derive(Default)]
struct Faults {
    counter: AtomicU64,
    seen: Mutex<HashSet<EventId>>,
}

/// The reference processor with another `process`.
struct Wrapped<F> {
    inner: ReferenceProcessor,
    faults: Arc<Faults>,
    process: F,
}

impl<F> Processor for Wrapped<F>
where
    F: for<'a> Fn(&'a ReferenceProcessor, &'a Faults, &'a Batch) -> BoxFuture<'a, Answer>
        + Send
        + Sync
        + 'static,
{
    fn name(&self) -> &str {
        "broken"
    }
    fn prepare(&self) -> BoxFuture<'_, Result<(), Failure>> {
        self.inner.prepare()
    }
    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Answer> {
        (self.process)(&self.inner, &self.faults, batch)
    }
}

/// Asserts that the check of `law` fails, and says so in these words.
async fn notices<F>(law: Law, words: &str, process: F)
where
    F: for<'a> Fn(&'a ReferenceProcessor, &'a Faults, &'a Batch) -> BoxFuture<'a, Answer>
        + Copy
        + Send
        + Sync
        + 'static,
{
    let faults = Arc::new(Faults::default());
    let harness = ReferenceHarness::wrapping(move |inner| {
        Arc::new(Wrapped {
            inner,
            faults: faults.clone(),
            process,
        })
    });
    let violation = check(&harness, law)
        .await
        .expect_err("the fault was not noticed");
    assert_eq!(violation.law, law);
    assert!(violation.what.contains(words), "{violation}");
}

fn copy(event: &Event, id: EventId, version: Option<u64>) -> Event {
    let mut copy = EventBuilder::new(id, event.kind(), event.payload().clone());
    if let Some(version) = version {
        copy = copy.subject_version(version);
    }
    copy.build()
}

fn each(batch: &Batch, change: impl Fn(&Event) -> Event) -> Batch {
    Batch::from_events(batch.events().iter().map(change).collect()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn l1_an_id_of_its_own_for_each_delivery_counts_twice() {
    notices(
        Law::L1Idempotent,
        "twice in one batch",
        |inner, faults, batch| {
            Box::pin(async move {
                let fresh = each(batch, |event| {
                    let id = format!("{}-{}", event.id(), faults.counter.fetch_add(1, Relaxed));
                    copy(event, EventId::new(id), event.subject_version())
                });
                inner.process(&fresh).await
            })
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn l2_a_forgotten_slot_is_found() {
    notices(Law::L2Complete, "slot 2 of 3", |inner, _, batch| {
        Box::pin(async move {
            let answered = inner.process(batch).await?;
            let mut outcomes = Outcomes::unsettled(batch);
            for slot in 0..batch.len().min(2) {
                outcomes.set(slot, answered.get(slot).cloned().unwrap());
            }
            Ok(outcomes)
        })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn l2_an_answer_to_another_batch_is_found() {
    notices(
        Law::L2Complete,
        "1 outcomes for a batch of 3",
        |inner, _, batch| {
            Box::pin(async move {
                inner.process(batch).await?;
                Ok(Outcomes::all_applied(&Batch::of_one(
                    batch.events()[0].clone(),
                )))
            })
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn l3_applied_without_an_effect_is_found() {
    notices(Law::L3Honest, "left no effect", |_, _, batch| {
        Box::pin(async move { Ok(Outcomes::all_applied(batch)) })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn l3_applied_before_the_confirmation_is_found() {
    notices(Law::L3Honest, "nothing confirmed it", |inner, _, batch| {
        Box::pin(async move {
            Ok(inner
                .process(batch)
                .await
                .unwrap_or_else(|_| Outcomes::all_applied(batch)))
        })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn l4_the_last_writer_wins_is_found() {
    notices(
        Law::L4OrderTolerant,
        "the older version behind the newer",
        |inner, faults, batch| {
            Box::pin(async move {
                let arrival = each(batch, |event| {
                    let version = faults.counter.fetch_add(1, Relaxed) + 1;
                    copy(event, event.id().clone(), Some(version))
                });
                inner.process(&arrival).await
            })
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn l5_a_batch_failed_for_one_event_is_found() {
    notices(Law::L5Independent, "good event", |inner, _, batch| {
        Box::pin(async move {
            let mut outcomes = inner.process(batch).await?;
            let failed = |slot| match outcomes.get(slot) {
                Some(Outcome::Failed(failure)) => Some(failure.clone()),
                _ => None,
            };
            if let Some(failure) = (0..batch.len()).find_map(failed) {
                for slot in 0..batch.len() {
                    outcomes.failed(slot, failure.clone());
                }
            }
            Ok(outcomes)
        })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn l6_an_id_noted_before_its_effect_is_found() {
    notices(
        Law::L6CancelSafe,
        "a call cut at Await(0)",
        |inner, faults, batch| {
            Box::pin(async move {
                let new: Vec<Event> = {
                    let mut seen = faults.seen.lock().unwrap();
                    batch
                        .events()
                        .iter()
                        .filter(|e| seen.insert(e.id().clone()))
                        .cloned()
                        .collect()
                };
                if let Some(new) = Batch::from_events(new) {
                    inner.process(&new).await?;
                }
                Ok(Outcomes::all_applied(batch))
            })
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn l7_a_hidden_retry_loop_is_found() {
    notices(
        Law::L7Bounded,
        "a destination that refuses",
        |inner, _, batch| {
            Box::pin(async move {
                loop {
                    match inner.process(batch).await {
                        Ok(outcomes) => return Ok(outcomes),
                        // sleep: the hidden retry loop is the fault
                        Err(_) => sleep(Duration::from_secs(1)).await,
                    }
                }
            })
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn l8_bad_data_that_is_retried_for_ever_is_found() {
    notices(
        Law::L8Classed,
        "permanent expected, got transient",
        |inner, _, batch| {
            Box::pin(async move {
                let mut outcomes = inner.process(batch).await?;
                for slot in 0..batch.len() {
                    if matches!(outcomes.get(slot), Some(Outcome::Failed(_))) {
                        outcomes.failed(slot, Failure::transient(codes::UNSETTLED, "try again"));
                    }
                }
                Ok(outcomes)
            })
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn l8_an_outage_blamed_on_the_event_is_found() {
    notices(
        Law::L8Classed,
        "unavailable expected, got permanent",
        |inner, _, batch| {
            Box::pin(async move {
                inner
                    .process(batch)
                    .await
                    .map_err(|failure| match failure.class() {
                        FailureClass::Unavailable => {
                            Failure::permanent(failure.code(), "cannot be applied")
                        }
                        _ => failure,
                    })
            })
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn l8_a_sentence_in_the_place_of_a_code_is_found() {
    const SENTENCE: ReasonCode = ReasonCode::new("It did not work");
    notices(
        Law::L8Classed,
        "`It did not work` is no reason code",
        |inner, _, batch| {
            Box::pin(async move {
                let mut outcomes = inner.process(batch).await?;
                for slot in 0..batch.len() {
                    if matches!(outcomes.get(slot), Some(Outcome::Failed(_))) {
                        outcomes.failed(slot, Failure::permanent(SENTENCE, "no"));
                    }
                }
                Ok(outcomes)
            })
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn l9_a_panic_on_foreign_bytes_is_found() {
    notices(Law::L9Mute, "process panicked", |inner, _, batch| {
        Box::pin(async move {
            for event in batch.events() {
                std::str::from_utf8(event.payload()).expect("payloads are text");
            }
            inner.process(batch).await
        })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn l10_follow_ups_that_a_repeat_forgets_are_found() {
    notices(
        Law::L10Repeatable,
        "repeated at once",
        |inner, faults, batch| {
            Box::pin(async move {
                let mut outcomes = inner.process(batch).await?;
                let mut seen = faults.seen.lock().unwrap();
                for (slot, event) in batch.iter() {
                    if !seen.insert(event.id().clone()) {
                        outcomes.skipped(slot, SkipReason::Duplicate);
                    }
                }
                Ok(outcomes)
            })
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn l10_follow_ups_with_other_content_are_found() {
    notices(
        Law::L10Repeatable,
        "first [FollowUp",
        |inner, faults, batch| {
            Box::pin(async move {
                let mut outcomes = inner.process(batch).await?;
                for (slot, event) in batch.iter() {
                    if event.kind() == "counter.announced" {
                        let stamp = faults.counter.fetch_add(1, Relaxed);
                        let follow_up = FollowUp::new("counter.changed", stamp.into());
                        outcomes.set(slot, Outcome::Applied(vec![follow_up]));
                    }
                }
                Ok(outcomes)
            })
        },
    )
    .await;
}
