//! A worker on the broker inside the process.

use std::sync::Arc;
use std::time::Duration;

use fanout_contract::{Batch, Failure, Outcomes, Processor, ReasonCode};
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{Worker, WorkerError};
use crate::broker::local::{LocalBroker, LocalServer};
use crate::broker::{Broker, Message, Properties};
use crate::config::{Config, ConfigErrors, Origins, Problem};
use crate::engine::{Counts, Shutdown};
use crate::topology::Topology;

const CODE: ReasonCode = ReasonCode::new("payload-invalid");
const MINUTE: Duration = Duration::from_secs(60);

/// Applies everything at its second attempt, or nothing ever, or cannot be prepared.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    SecondAttempt,
    Hopeless,
    Refused,
    Away,
}

impl Processor for Kind {
    fn name(&self) -> &'static str {
        "store"
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            match self {
                Self::Refused => Err(Failure::permanent(CODE, "wrong password")),
                Self::Away => Err(Failure::unavailable(CODE, "nobody answers")),
                Self::SecondAttempt | Self::Hopeless => Ok(()),
            }
        })
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async move {
            let mut outcomes = Outcomes::unsettled(batch);
            for (slot, event) in batch.iter() {
                match self {
                    Self::Hopeless => outcomes.failed(slot, Failure::permanent(CODE, "never")),
                    _ if event.attempt() == 1 => {
                        outcomes.failed(slot, Failure::transient(CODE, "not just now"));
                    }
                    _ => outcomes.applied(slot),
                }
            }
            Ok(outcomes)
        })
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.http.addr = ([127, 0, 0, 1], 0).into();
    config
}

fn worker(kind: Kind) -> Worker {
    Worker::new("test-worker").processor("neo4j", move |_| Ok(Arc::new(kind)))
}

async fn broker_with(events: usize) -> Arc<LocalBroker> {
    let broker = Arc::new(LocalBroker::start(Topology::from_config(&config())));
    for id in 0..events {
        let body = format!(r#"{{"eventId":"{id}","version":"v1","eventType":"a","payload":{{}}}}"#);
        let message = Message {
            exchange: "events".to_owned(),
            routing_key: String::new(),
            properties: Properties::default(),
            body: body.into(),
        };
        broker.publish(message).await.unwrap();
    }
    broker
}

async fn run(worker: Worker, events: usize) -> Result<Counts, WorkerError> {
    let broker = broker_with(events).await;
    let config = config();
    let running = worker.run_on(broker, &config, "neo4j", Shutdown::new());
    tokio::time::timeout(10 * MINUTE, running)
        .await
        .expect("an end")
}

#[tokio::test(start_paused = true)]
async fn until_empty_waits_for_the_retry_stages() {
    let begin = Instant::now();
    let counts = run(worker(Kind::SecondAttempt).until_empty(MINUTE), 300)
        .await
        .unwrap();
    assert_eq!(
        (counts.retried, counts.applied, counts.dead_lettered),
        (300, 300, 0)
    );
    assert!(
        begin.elapsed() > Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn until_empty_ends_where_nothing_ever_was() {
    let counts = run(worker(Kind::SecondAttempt).until_empty(MINUTE), 0)
        .await
        .unwrap();
    assert_eq!(counts, Counts::default());
}

#[tokio::test(start_paused = true)]
async fn until_empty_fails_when_the_flood_guard_trips() {
    let error = run(worker(Kind::Hopeless).until_empty(MINUTE), 3000)
        .await
        .unwrap_err();
    assert_eq!(error.exit_code(), 5);
    assert!(
        error
            .to_string()
            .ends_with("the flood guard stopped at reason payload-invalid"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn until_empty_fails_when_the_destination_stays_away() {
    let begin = Instant::now();
    let error = run(worker(Kind::Away).until_empty(5 * MINUTE), 3)
        .await
        .unwrap_err();
    assert_eq!(error.exit_code(), 5);
    let text = "the destination is away: payload-invalid: nobody answers";
    assert!(error.to_string().ends_with(text), "{error}");
    assert!(begin.elapsed() >= 5 * MINUTE, "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_drain_from_outside_is_no_failure_of_until_empty() {
    let shutdown = Shutdown::new();
    let worker = worker(Kind::Away).until_empty(5 * MINUTE);
    let config = config();
    let running = worker.run_on(broker_with(3).await, &config, "neo4j", shutdown.clone());
    let (ended, ()) = tokio::join!(running, async {
        tokio::time::sleep(MINUTE).await;
        shutdown.drain();
    });
    assert_eq!(ended.unwrap(), Counts::default());
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_refuses_for_good_is_a_matter_of_the_configuration() {
    let error = run(worker(Kind::Refused), 1).await.unwrap_err();
    assert_eq!(error.exit_code(), 3);
    let text = "the destination store is not usable: payload-invalid: wrong password";
    assert_eq!(error.to_string(), text);
}

#[tokio::test(start_paused = true)]
async fn an_abort_ends_at_once_with_130() {
    let shutdown = Shutdown::new();
    shutdown.abort();
    let (worker, config) = (worker(Kind::Away), config());
    let ended = worker
        .run_on(broker_with(1).await, &config, "neo4j", shutdown)
        .await;
    assert_eq!(ended.unwrap_err().exit_code(), 130);
}

#[tokio::test(start_paused = true)]
async fn a_factory_sees_its_queue_and_reports_problems_with_their_origin() {
    let worker = Worker::new("test-worker").processor("neo4j", |context| {
        let name = &context.queue().name;
        let problem = Problem::new("store.url", context.origin("store.url"), "must be set");
        Err(ConfigErrors::one(
            problem.value(format!("{} {name}", context.queue_key())),
        ))
    });
    let error = run(worker, 0).await.unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(
        error
            .to_string()
            .contains("store.url = neo4j events.neo4j: must be set"),
        "{error}"
    );
}

/// Every configured queue on a broker with `events` events, until nothing waits or one ended.
async fn direct(worker: &Worker, events: usize) -> (usize, super::Direct, Shutdown) {
    let (broker, shutdown) = (broker_with(events).await, Shutdown::new());
    let server: &LocalServer = broker.server();
    let direct = worker.direct(&config(), &Origins::default(), server, &shutdown);
    let direct = direct.unwrap();
    tokio::time::timeout(10 * MINUTE, direct.done())
        .await
        .expect("an end");
    (direct.waiting(), direct, shutdown)
}

#[tokio::test(start_paused = true)]
async fn directly_every_queue_has_its_processor_and_its_retries() {
    let worker = worker(Kind::SecondAttempt).processor("qdrant", |_| Ok(Arc::new(Kind::Hopeless)));
    let (waiting, direct, shutdown) = direct(&worker, 20).await;
    assert_eq!(waiting, 0);
    let keys: Vec<_> = direct
        .queues()
        .iter()
        .map(super::DirectQueue::key)
        .collect();
    assert_eq!(keys, ["neo4j", "qdrant"]);
    shutdown.drain();
    let counts = direct.ended().await.unwrap();
    assert_eq!((counts["neo4j"].retried, counts["neo4j"].applied), (20, 20));
    assert_eq!(
        (counts["qdrant"].applied, counts["qdrant"].dead_lettered),
        (0, 20)
    );
}

#[tokio::test(start_paused = true)]
async fn directly_a_queue_that_fails_makes_the_others_drain() {
    let worker = worker(Kind::Away).processor("qdrant", |_| Ok(Arc::new(Kind::Refused)));
    let (waiting, direct, _shutdown) = direct(&worker, 3).await;
    assert!(waiting >= 3, "{waiting}");
    let error = direct.ended().await.unwrap_err();
    assert_eq!(error.exit_code(), 3, "{error}");
}

#[tokio::test(start_paused = true)]
async fn directly_a_processor_that_is_missing_is_told_before_anything_starts() {
    let broker = broker_with(1).await;
    let server = broker.server();
    let worker = worker(Kind::SecondAttempt);
    let refused = worker.direct(&config(), &Origins::default(), server, &Shutdown::new());
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("queues.qdrant.processor"), "{refused}");
    assert_eq!(server.count("events.neo4j"), Some(1));
}
