//! `fanout publish` against RabbitMQ.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use fanout::broker::amqp::AmqpBroker;
use fanout::broker::{Broker, Delivery};
use fanout::config::{BrokerConfig, Config, TopologyMode};
use fanout::topology::Topology;
use futures::StreamExt;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::program::Program;
use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::{eventually, within};

const SOON: Duration = Duration::from_secs(60);
const QUEUE: &str = "events.neo4j";

fn program(vhost: &Vhost) -> Program {
    Program::new().env("RABBITMQ_URL", vhost.url().expose())
}

async fn observer(vhost: &Vhost) -> AmqpBroker {
    let config = BrokerConfig {
        topology: TopologyMode::None,
        ..vhost.config()
    };
    let broker = AmqpBroker::start(config, Topology::from_config(&Config::default()));
    within("connected", SOON, broker.connected()).await.unwrap();
    broker
}

async fn depth(broker: &AmqpBroker) -> u64 {
    let depth = broker.depth(QUEUE).await.unwrap();
    depth.map_or(0, |depth| depth.ready)
}

/// Everything in the queue, as it was published; takes it out.
async fn all(broker: &AmqpBroker) -> Vec<Delivery> {
    let count = usize::try_from(depth(broker).await).unwrap();
    let mut subscription = broker.consume(QUEUE, 1_000).await.unwrap();
    let mut deliveries = Vec::new();
    while deliveries.len() < count {
        let next = within("a delivery", SOON, subscription.deliveries.next());
        let delivery = next.await.unwrap().unwrap();
        if delivery.tag.is_multiple_of(250) {
            subscription.channel.ack(delivery.tag, true).await.unwrap();
        }
        deliveries.push(delivery);
    }
    subscription.channel.close().await.unwrap();
    deliveries
}

async fn ids(broker: &AmqpBroker) -> BTreeMap<String, usize> {
    let mut ids = BTreeMap::new();
    for delivery in all(broker).await {
        let id = delivery.message.properties.message_id.unwrap();
        *ids.entry(id).or_default() += 1;
    }
    ids
}

fn lines(count: usize) -> String {
    (1..=count)
        .map(|n| format!("{{\"user_id\":{n},\"product_id\":7,\"event_type\":\"view\"}}\n"))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn ten_thousand_lines_are_published_except_the_bad_ones_which_are_told_by_number() {
    let vhost = RabbitMq::shared().await.vhost("publish").await;
    let mut content: Vec<Vec<u8>> = lines(10_000)
        .lines()
        .map(|line| line.as_bytes().to_vec())
        .collect();
    content[6] = b"{\"user_id\":".to_vec();
    content[4_999] = b"{\"event_type\":\"view\",\"brand\":\"caf\xe9\"}".to_vec();
    content[7_000] = Vec::new();
    content[9_999] = b"[]".to_vec();
    let program = program(&vhost).file("events.ndjson", content.join(&b"\r\n"[..]));
    let ended = program.run(&["publish", "events.ndjson", "--json"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let summary: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(summary["published"], 9_996);
    assert_eq!(
        (&summary["refused"], &summary["failed"]),
        (&json!(3), &json!(0))
    );
    let refused: Vec<_> = summary["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refusal| (refusal["line"].clone(), refusal["code"].clone()))
        .collect();
    assert_eq!(
        refused,
        [
            (json!(7), json!("body-not-json")),
            (json!(5_000), json!("body-not-utf8")),
            (json!(10_000), json!("body-not-object")),
        ]
    );
    assert!(ended.stderr.contains("line 5000: not UTF-8"), "{ended:?}");
    let broker = observer(&vhost).await;
    let ids = ids(&broker).await;
    assert_eq!(ids.len(), 9_996);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_csv_of_the_public_shop_data_set_arrives_as_stamped_bare_events() {
    let vhost = RabbitMq::shared().await.vhost("csv").await;
    let csv = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n\
        2019-10-01 00:00:00 UTC,purchase,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde\n";
    let program = program(&vhost).file("2019-Oct.csv", csv);
    let report = program.run(&["publish", "2019-Oct.csv"]).good();
    assert!(report.starts_with("published 1 event to exchange 'events'"));
    let broker = observer(&vhost).await;
    let message = all(&broker).await.remove(0).message;
    let properties = message.properties;
    assert_eq!(properties.kind.as_deref(), Some("purchase"));
    assert_eq!(message.routing_key, "purchase");
    assert_eq!(properties.timestamp, Some(1_569_888_000));
    assert_eq!(properties.content_type.as_deref(), Some("application/json"));
    assert_eq!(properties.app_id.as_deref(), Some("fanout-publish"));
    assert!(properties.persistent);
    assert!(uuid::Uuid::parse_str(&properties.message_id.unwrap()).is_ok());
    let body: serde_json::Value = serde_json::from_slice(&message.body).unwrap();
    assert_eq!(body["price"], 35.79);
    assert_eq!(body["user_id"], 541_312_140);
    assert_eq!(body.get("category_code"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn publishing_the_same_input_again_gives_the_same_ids() {
    let vhost = RabbitMq::shared().await.vhost("twice").await;
    let program = program(&vhost).file("events.ndjson", lines(100));
    program.run(&["publish", "events.ndjson"]).good();
    program.run(&["publish", "events.ndjson"]).good();
    program
        .run(&["publish", "events.ndjson", "--from-line", "51"])
        .good();
    for _ in 0..2 {
        let input = std::fs::File::open(program.folder().join("events.ndjson")).unwrap();
        let mut command = program.command(&["publish", "-"]);
        let output = command.stdin(input).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
    }
    let broker = observer(&vhost).await;
    let mut times: BTreeMap<usize, usize> = BTreeMap::new();
    for count in ids(&broker).await.into_values() {
        *times.entry(count).or_default() += 1;
    }
    // Of the file: 50 lines twice, 50 three times; of standard input: 100 twice. At its last
    // line the stream is the whole file: there the ids are the same.
    assert_eq!(times, BTreeMap::from([(2, 149), (3, 49), (5, 1)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_packed_file_has_the_ids_of_the_file_inside_and_a_rate_is_kept() {
    let vhost = RabbitMq::shared().await.vhost("packed").await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(lines(100).as_bytes()).unwrap();
    let program = program(&vhost)
        .file("events.ndjson", lines(100))
        .file("events.ndjson.gz", packed.finish().unwrap());
    program.run(&["publish", "events.ndjson"]).good();
    let started = std::time::Instant::now();
    program
        .run(&["publish", "events.ndjson.gz", "--rate", "50"])
        .good();
    assert!(started.elapsed() > Duration::from_millis(1_900));
    let ids = ids(&observer(&vhost).await).await;
    assert_eq!(ids.len(), 100);
    assert!(ids.values().all(|count| *count == 2), "{ids:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_connection_lost_in_the_middle_loses_no_line() {
    let rabbit = RabbitMq::shared().await;
    let vhost = rabbit.vhost("cut").await;
    let proxy = rabbit.proxy().await;
    let program = Program::new()
        .env("RABBITMQ_URL", vhost.url_at(proxy.port()).expose())
        .file("events.ndjson", lines(20_000));
    program.run(&["topology", "apply"]).good();
    let broker = observer(&vhost).await;
    let child = program
        .command(&["publish", "events.ndjson", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("some are there", SOON, async || {
        (depth(&broker).await > 1_000).then_some(())
    })
    .await;
    proxy.cut().await;
    proxy.pass().await;
    let output = tokio::task::spawn_blocking(|| child.wait_with_output());
    let output = within("the end", SOON * 2, output).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["published"], 20_000);
    assert_eq!(ids(&broker).await.len(), 20_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn an_interrupt_ends_with_a_report_of_the_line_to_go_on_with() {
    let vhost = RabbitMq::shared().await.vhost("interrupt").await;
    let program = program(&vhost);
    let mut child = program
        .command(&["publish", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines(100).as_bytes()).unwrap();
    program.run(&["topology", "apply"]).good();
    let broker = observer(&vhost).await;
    eventually("the lines so far are there", SOON, async || {
        (depth(&broker).await == 100).then_some(())
    })
    .await;
    kill(
        Pid::from_raw(child.id().try_into().unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    let output = tokio::task::spawn_blocking(|| child.wait_with_output());
    let output = within("the end", SOON, output).await.unwrap().unwrap();
    drop(input);
    assert_eq!(output.status.code(), Some(1));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["published"], 100);
    assert_eq!(summary["interrupted"], true);
    assert_eq!(summary["resume_from"], 101);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn what_no_exchange_or_queue_takes_is_told_and_not_lost_silently() {
    let vhost = RabbitMq::shared().await.vhost("unroutable").await;
    let topic = "[[exchanges]]\nname = \"shop\"\nkind = \"topic\"\n\n[queues.neo4j]\n\
        bindings = [{ exchange = \"shop\", keys = [\"order.*\"] }]\n";
    let program = program(&vhost).file("fanout.toml", topic).file(
        "events.ndjson",
        "{\"event_type\":\"order.placed\"}\n{\"event_type\":\"payment.made\"}\n",
    );
    let ended = program.run(&["publish", "events.ndjson", "--json"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let summary: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(summary["published"], 1);
    assert_eq!(summary["refusals"][0]["line"], 2);
    assert_eq!(summary["refusals"][0]["code"], "publish-unroutable");

    let ended = program.run(&[
        "publish",
        "events.ndjson",
        "--exchange",
        "nowhere",
        "--json",
    ]);
    assert_eq!(ended.code, Some(5), "{ended:?}");
    let summary: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(summary["resume_from"], 1);
    assert_eq!(summary["failures"][0]["code"], "publish-no-exchange");
    assert!(ended.stderr.contains("hint: "), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_broker_that_stays_away_ends_the_run_and_the_named_line_resumes_it() {
    let rabbit = RabbitMq::shared().await;
    let vhost = rabbit.vhost("away").await;
    let proxy = rabbit.proxy().await;
    let program = Program::new()
        .env("RABBITMQ_URL", vhost.url_at(proxy.port()).expose())
        .file("events.ndjson", lines(20_000));
    program.run(&["topology", "apply"]).good();
    let broker = observer(&vhost).await;
    let child = program
        .command(&[
            "publish",
            "events.ndjson",
            "--json",
            "--give-up-after",
            "1s",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("some are there", SOON, async || {
        (depth(&broker).await > 1_000).then_some(())
    })
    .await;
    proxy.cut().await;
    let output = tokio::task::spawn_blocking(|| child.wait_with_output());
    let output = within("the end", SOON, output).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(5));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let published = summary["published"].as_u64().unwrap();
    let next = summary["resume_from"].as_u64().unwrap();
    // of those that are there, the confirms of a window may not have come
    assert!((500..20_000).contains(&published), "{summary}");
    assert!(next <= published + 1, "{summary}");

    proxy.pass().await;
    let line = next.to_string();
    program
        .run(&["publish", "events.ndjson", "--from-line", &line])
        .good();
    assert_eq!(ids(&broker).await.len(), 20_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_second_interrupt_ends_at_once_while_the_first_waits_for_confirms() {
    let rabbit = RabbitMq::shared().await;
    let vhost = rabbit.vhost("second").await;
    let proxy = rabbit.proxy().await;
    let program = Program::new().env("RABBITMQ_URL", vhost.url_at(proxy.port()).expose());
    program.run(&["topology", "apply"]).good();
    let broker = observer(&vhost).await;
    let mut child = program
        .command(&["publish", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines(10).as_bytes()).unwrap();
    eventually("the lines so far are there", SOON, async || {
        (depth(&broker).await == 10).then_some(())
    })
    .await;
    proxy.swallow().await;
    input.write_all(lines(10).as_bytes()).unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    kill(pid, Signal::SIGINT).unwrap();
    let code = eventually("the end after the second", SOON, async || {
        kill(pid, Signal::SIGINT).ok();
        child.try_wait().unwrap()
    })
    .await;
    assert_eq!(code.code(), Some(130));
    drop(input);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_run_that_was_killed_goes_on_near_where_it_was_and_loses_no_line() {
    let vhost = RabbitMq::shared().await.vhost("killed").await;
    let program = program(&vhost).file("events.ndjson", lines(20_000));
    program.run(&["topology", "apply"]).good();
    let broker = observer(&vhost).await;
    let mut child = program
        .command(&["publish", "events.ndjson", "--rate", "2000"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("some are there, and some of them noted", SOON, async || {
        let noted = program.folder().join("events.ndjson.progress").exists();
        (noted && depth(&broker).await > 4_000).then_some(())
    })
    .await;
    child.kill().unwrap();
    child.wait().unwrap();
    let ended = program.run(&["publish", "events.ndjson", "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("going on with line"), "{ended:?}");
    let summary: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let first = summary["went_on"]["line"].as_u64().unwrap();
    assert!((1_000..20_000).contains(&first), "{summary}");
    assert_eq!(summary["published"], 20_001 - first, "{summary}");
    let ids = ids(&broker).await;
    assert_eq!(ids.len(), 20_000);
    // a second's worth of lines, and a window of them, may be there twice under their ids
    let twice = ids.values().filter(|times| **times > 1).count();
    assert!(twice < 8_000, "{twice} lines were published again");
    assert!(!program.folder().join("events.ndjson.progress").exists());
    program.run(&["publish", "events.ndjson"]).good();
}
