//! Traces from the request to the processor, as a collector gets them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use fanout::config::{Config, Secret, TracesConfig};
use fanout::telemetry::Traces;
use fanout::testing::Process;
use fanout_contract::{Batch, Failure, Outcomes, Processor, ReasonCode};
use futures::future::BoxFuture;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Instrument};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::client::{Request, SOON};
use crate::rig::{Rig, event, eventually};

const BUSY: ReasonCode = ReasonCode::new("test-busy");

/// Head and spans of every export.
type Exports = Arc<Mutex<Vec<(String, Vec<Span>)>>>;

/// An OTLP collector, on threads of its own: a flush blocks the test's.
struct Collector {
    endpoint: String,
    exports: Exports,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/", listener.local_addr().unwrap());
        let exports = Exports::default();
        let taken = exports.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let exports = taken.clone();
                thread::spawn(move || while take(&stream, &exports).is_some() {});
            }
        });
        Self { endpoint, exports }
    }

    fn spans(&self, name: &str) -> Vec<Span> {
        let exports = self.exports.lock().unwrap();
        let spans = exports.iter().flat_map(|(_, spans)| spans.iter());
        spans.filter(|span| span.name == name).cloned().collect()
    }

    fn only(&self, name: &str) -> Span {
        let spans = self.spans(name);
        assert_eq!(spans.len(), 1, "{name}: {spans:#?}");
        spans[0].clone()
    }
}

/// Takes one export; `None` at the end of the connection.
fn take(stream: &TcpStream, exports: &Exports) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1)?;
    let length = length.lines().next()?.trim().parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
    let scopes = request.resource_spans.into_iter();
    let scopes = scopes.flat_map(|resource| resource.scope_spans);
    let spans = scopes.flat_map(|scope| scope.spans).collect();
    exports.lock().unwrap().push((head, spans));
    let mut stream = stream;
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .ok()
}

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

fn text(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|pair| pair.key == key)?;
    match found.value.clone()?.value? {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{key}: {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
