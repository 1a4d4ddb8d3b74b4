//! Traces of the programs that publish, as a collector and their messages have them.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use fanout::broker::amqp::AmqpBroker;
use fanout::config::Config;
use fanout::topology::Topology;

use crate::program::Program;
use crate::support::collector::{Collector, hex, text, trace_parent};
use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::{queues, within};

const SOON: Duration = Duration::from_secs(60);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
/// Of somebody who has begun a trace.
const OWN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A program whose traces go there.
fn program(vhost: &Vhost, endpoint: &str) -> Program {
    let program = Program::new()
        .env("RABBITMQ_URL", vhost.url().expose())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    program.run(&["topology", "apply"]).good();
    program
}

/// The trace context of what waits for a worker, in its order.
async fn carried(vhost: &Vhost) -> Vec<String> {
    let topology = Topology::from_config(&Config::default());
    let broker = AmqpBroker::start(vhost.config(), topology);
    within("connected", SOON, broker.connected()).await.unwrap();
    let found = queues::look_into(&broker, "events.neo4j").await;
    let headers = found.iter().map(|one| &one.message.properties.headers);
    let parents = headers.map(|headers| headers["traceparent"].as_str().unwrap().to_owned());
    parents.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_published_file_is_a_span_that_is_delivered_before_the_program_ends() {
    let vhost = RabbitMq::shared().await.vhost("traced-file").await;
    let collector = Collector::start();
    let lines = format!(
        "{{\"event_type\":\"view\",\"n\":1}}\n{{\"event_type\":\"view\",\"traceparent\":\"{OWN}\"}}\n"
    );
    let publishes = program(&vhost, &collector.endpoint).file("two.ndjson", &lines);
    publishes.run(&["publish", "two.ndjson"]).good();
    let span = collector.only("publish events");
    assert_eq!(
        (span.kind, text(&span, "messaging.batch.message_count")),
        (4, Some("2".into()))
    );
    assert_eq!(carried(&vhost).await, [trace_parent(&span), OWN.to_owned()]);

    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", hangs.local_addr().unwrap());
    let publishes = program(&vhost, &endpoint).file("two.ndjson", &lines);
    let begin = Instant::now();
    let ended = publishes.run(&["publish", "two.ndjson"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        begin.elapsed() < Duration::from_secs(8),
        "{:?}",
        begin.elapsed()
    );
}

#[cfg(feature = "outbox")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_batch_of_the_outbox_is_a_span_linked_to_the_traces_of_its_rows() {
    use crate::support::postgres::Postgres;

    let vhost = RabbitMq::shared().await.vhost("traced-rows").await;
    let database = Postgres::shared().await.database("traced_rows").await;
    let collector = Collector::start();
    let relay = program(&vhost, &collector.endpoint).env("FANOUT_OUTBOX_URL", &database.url());
    relay.run(&["outbox", "init", "--apply"]).good();
    let insert = |headers: &str| {
        format!(
            "INSERT INTO fanout_outbox (aggregate, kind, payload, headers) \
             VALUES ('order-1', 'order.changed', '{{}}', '{headers}')"
        )
    };
    let own = insert(&format!("{{\"traceparent\": \"{OWN}\"}}"));
    let run = async || {
        let ended = relay.run(&["outbox", "run", "--until-empty"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    };

    database.run(&[own.clone(), insert("{}")].join(";")).await;
    run().await;
    let both = collector.only("publish events");
    assert_eq!(text(&both, "messaging.batch.message_count").unwrap(), "2");
    assert_eq!(both.parent_span_id.len(), 0, "others' rows are in it too");
    let linked: Vec<_> = both.links.iter().map(|link| hex(&link.trace_id)).collect();
    assert_eq!(linked, [TRACE]);
    assert_eq!(carried(&vhost).await, [OWN.to_owned(), trace_parent(&both)]);

    database.run(&own).await;
    run().await;
    let spans = collector.spans("publish events");
    let alone = spans
        .iter()
        .find(|span| span.span_id != both.span_id)
        .unwrap();
    assert_eq!(
        hex(&alone.trace_id),
        TRACE,
        "goes on with the trace of its only row"
    );
    assert_eq!(carried(&vhost).await.pop().unwrap(), OWN);
}
