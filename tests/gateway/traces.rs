//! Traces from the request to the processor, as a collector gets them.

use std::net::TcpListener;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use fanout::codec::Codec;
use fanout::config::{CodecConfig, Config, Secret, TracesConfig};
use fanout::publish::{Format, IdSource, ReadOptions, RetryPlan, Stamper, read, send};
use fanout::telemetry::Traces;
use fanout::testing::Process;
use fanout_contract::{Batch, Failure, Outcomes, Processor, ReasonCode};
use futures::future::BoxFuture;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Instrument};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::client::{Request, SOON};
use crate::collector::{Collector, hex, text, trace_parent};
use crate::rig::{Rig, event, eventually};

const BUSY: ReasonCode = ReasonCode::new("test-busy");

/// With a single subscriber alive, what a thread without one meets first is switched off for all.
static NOBODY: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

fn traced(endpoint: &str) -> (Traces, DefaultGuard) {
    LazyLock::force(&NOBODY);
    let config = TracesConfig {
        endpoint: Some(Secret::new(endpoint)),
        headers: Some(Secret::new("authorization=Bearer%20s3cret")),
        timeout_ms: 2_000,
        ..TracesConfig::default()
    };
    let (traces, layer) = Traces::start("test", &config).unwrap();
    let subscriber = tracing_subscriber::registry().with(vec![layer]);
    (traces, subscriber.set_default())
}

/// Applies everything, first attempts only where `patient` is off. A patient one answers its first
/// call when there is a second: batches that gather meanwhile are full ones.
struct Store {
    patient: bool,
    calls: watch::Sender<usize>,
}

impl Processor for Store {
    fn name(&self) -> &str {
        "store"
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        let span = tracing::info_span!("store", otel.kind = "client", db.system.name = "test");
        let processing = async {
            self.calls.send_modify(|calls| *calls += 1);
            let enough = if self.patient { 2 } else { 1 };
            let mut calls = self.calls.subscribe();
            calls.wait_for(|calls| *calls >= enough).await.unwrap();
            let mut outcomes = Outcomes::unsettled(batch);
            for (slot, event) in batch.iter() {
                if self.patient && event.attempt() == 1 {
                    outcomes.failed(slot, Failure::transient(BUSY, "not just now"));
                } else {
                    outcomes.applied(slot);
                }
            }
            Ok(outcomes)
        };
        Box::pin(processing.instrument(span))
    }
}

/// Projects what waits for Neo4j until so many events are applied.
async fn project(rig: &Rig, config: &Config, patient: bool, applied: u64) {
    let broker = Arc::new(rig.broker.server().connect());
    let calls = watch::Sender::new(0);
    let store = Arc::new(Store { patient, calls });
    let process = Process::start(broker, config, "neo4j", store).unwrap();
    let monitor = process.monitor().clone();
    eventually("they are applied", || monitor.counts().applied == applied).await;
    process.drain().await.unwrap();
}

fn config() -> Config {
    let mut config = Config::default();
    let queue = config.queues.get_mut("neo4j").unwrap();
    queue.retry_delays = vec![Duration::ZERO];
    queue.batch.max_events = 10;
    queue.batch.max_wait = Duration::from_secs(60);
    config
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[tokio::test]
async fn a_posted_event_is_one_trace_from_the_request_to_the_database() {
    let collector = Collector::start();
    let (traces, _guard) = traced(&collector.endpoint);
    let rig = Rig::start().await;
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let posted = Request::events(event("view", "e-1")).header("traceparent", &parent);
    assert_eq!(rig.send(posted).await.status, 202);
    project(&rig, &config(), false, 1).await;
    traces.flush();

    let request = collector.only("POST /events");
    assert_eq!(hex(&request.trace_id), TRACE);
    assert_eq!(hex(&request.parent_span_id), "b7ad6b7169203331");
    assert_eq!(text(&request, "http.response.status_code").unwrap(), "202");
    let publish = collector.only("publish events");
    assert_eq!(publish.parent_span_id, request.span_id);
    assert_eq!(text(&publish, "messaging.operation.type").unwrap(), "send");
    assert_eq!(
        text(&publish, "messaging.batch.message_count").unwrap(),
        "1"
    );
    let process = collector.only("process events.neo4j");
    assert_eq!(hex(&process.trace_id), TRACE);
    assert_eq!(process.parent_span_id, publish.span_id);
    let links: Vec<_> = process.links.iter().map(|link| &link.span_id).collect();
    assert_eq!(links, [&publish.span_id]);
    assert_eq!(text(&process, "messaging.system").unwrap(), "rabbitmq");
    assert_eq!(text(&process, "fanout.events.applied").unwrap(), "1");
    assert_eq!(text(&process, "error.type"), None);
    let call = collector.only("store");
    assert_eq!(
        (&call.trace_id, &call.parent_span_id),
        (&process.trace_id, &process.span_id)
    );
    let kinds = [request.kind, publish.kind, process.kind, call.kind];
    assert_eq!(kinds, [2, 4, 5, 3], "server, producer, consumer, client");
    let exports = collector.exports.lock().unwrap();
    let (head, _) = &exports[0];
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: bearer s3cret"), "{head}");
}

#[tokio::test]
async fn a_batch_is_linked_to_the_traces_of_its_events_and_a_retry_to_the_same() {
    let collector = Collector::start();
    let (traces, _guard) = traced(&collector.endpoint);
    let rig = Rig::start().await;
    // Two batches, at least one of ten.
    for n in 0..20 {
        assert_eq!(rig.post(&event("view", &n.to_string())).await.status, 202);
    }
    project(&rig, &config(), true, 20).await;
    traces.flush();

    let published: Vec<_> = collector.spans("publish events");
    let mut published: Vec<_> = published.iter().map(|span| span.span_id.clone()).collect();
    published.sort();
    let processed = collector.spans("process events.neo4j");
    let linked = |spans: &mut dyn Iterator<Item = &Span>| {
        let links = spans.flat_map(|span| span.links.iter().map(|link| link.span_id.clone()));
        let mut links: Vec<_> = links.collect();
        links.sort();
        links
    };
    let mut twice = [published.clone(), published.clone()].concat();
    twice.sort();
    assert_eq!(linked(&mut processed.iter()), twice);
    // A batch may hold first attempts beside second ones.
    let has_failed = |span: &&Span| text(span, "error.type").is_some();
    let mut in_failed = linked(&mut processed.iter().filter(has_failed));
    in_failed.dedup();
    assert_eq!(in_failed, published);
    let failed = processed
        .iter()
        .find(|span| text(span, "error.type").is_some());
    assert_eq!(text(failed.unwrap(), "error.type").unwrap(), "test-busy");
    assert_eq!(failed.unwrap().status.as_ref().unwrap().code, 2, "error");
    let together = processed.iter().find(|span| span.links.len() > 1);
    assert_eq!(
        together.map(|span| span.parent_span_id.clone()),
        Some(vec![])
    );
}

/// Publishes these lines as `fanout publish` does; so many are taken.
async fn publish_lines(rig: &Rig, lines: &'static str) -> u64 {
    let stamper = Stamper {
        codec: Codec::new(CodecConfig::default()),
        exchange: "events".to_owned(),
        routing_key: None,
        app_id: "fanout-publish".to_owned(),
        limit: 1_000,
    };
    let options = ReadOptions {
        format: Format::Ndjson,
        limit: 1_000,
        ids: IdSource::Stream,
        from_line: 1,
    };
    let (items, _) = read(Box::new(lines.as_bytes()), options, stamper).unwrap();
    let (plan, stop) = (RetryPlan::default(), CancellationToken::new());
    let tally = send(&*rig.broker, items, 10, plan, &stop, &mut |_| {}).await;
    tally.published
}

#[tokio::test]
async fn a_file_is_one_span_that_its_events_go_on_with_but_for_those_with_a_trace_of_their_own() {
    const LINES: &str = r#"{"event_id":"a","event_type":"view","user_id":1,"product_id":2}
{"event_id":"b","event_type":"view","user_id":1,"product_id":2,
{"event_id":"c","event_type":"view","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
{"event_id":"d","event_type":"view","user_id":1,"product_id":2}
"#;
    let collector = Collector::start();
    let (traces, _guard) = traced(&collector.endpoint);
    let rig = Rig::start().await;
    assert_eq!(publish_lines(&rig, LINES).await, 3);
    project(&rig, &config(), false, 3).await;
    traces.flush();

    let publish = collector.only("publish events");
    assert_eq!((publish.kind, publish.parent_span_id.len()), (4, 0));
    let attributes = [
        ("messaging.destination.name", "events"),
        ("messaging.operation.type", "send"),
        ("messaging.batch.message_count", "3"),
        ("fanout.events.rejected", "1"),
        ("error.type", "body-not-json"),
    ];
    for (key, value) in attributes {
        assert_eq!(text(&publish, key).as_deref(), Some(value), "{key}");
    }
    let parents = rig.queue("qdrant").into_iter();
    let mut parents = parents.map(|m| m.properties.headers["traceparent"].clone());
    let own = format!("00-{TRACE}-b7ad6b7169203331-01");
    let ours = trace_parent(&publish);
    for expected in [&ours, &own, &ours] {
        assert_eq!(parents.next(), Some(expected.as_str().into()));
    }
    let processed = collector.spans("process events.neo4j");
    let links = processed.iter().flat_map(|span| &span.links);
    assert!(links.clone().any(|link| link.span_id == publish.span_id));
    assert!(links.clone().any(|link| hex(&link.trace_id) == TRACE));
}

#[tokio::test]
async fn a_collector_that_hangs_slows_nobody_down() {
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let (traces, guard) = traced(&format!("http://{}", hangs.local_addr().unwrap()));
    let mut config = config();
    config.queues.get_mut("neo4j").unwrap().batch.max_events = 1;
    let rig = Rig::start().await;
    let events: Vec<_> = (0..3_000).map(|n| event("view", &n.to_string())).collect();
    let begin = Instant::now();
    assert_eq!(
        rig.post(&format!("[{}]", events.join(","))).await.status,
        202
    );
    // More spans than the queue of the exporter holds.
    project(&rig, &config, false, 3_000).await;
    assert!(begin.elapsed() < SOON / 2, "{:?}", begin.elapsed());
    assert_eq!(rig.broker.server().count("events.neo4j"), Some(0));
    drop(guard);
    let begin = Instant::now();
    drop(traces);
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
}
