use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::BoxFuture;

use super::super::message::tests::{row, stamper};
use super::*;
use crate::broker::publish_only::PublishOnly;

/// Confirms after a while that differs, but for the bodies it has another answer for.
#[derive(Default)]
struct Scripted {
    answers: Vec<(&'static str, PublishError)>,
    confirmed: Mutex<Vec<String>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl Scripted {
    fn answering(answers: Vec<(&'static str, PublishError)>) -> Self {
        Self {
            answers,
            ..Self::default()
        }
    }

    fn order_of(&self, aggregate: &str) -> Vec<String> {
        let subject = format!("\"subject\":\"{aggregate}\"");
        let confirmed = self.confirmed.lock().unwrap();
        let of = confirmed.iter().filter(|body| body.contains(&subject));
        of.map(|body| {
            body.rsplit_once("\"n\":")
                .unwrap()
                .1
                .trim_end_matches('}')
                .to_owned()
        })
        .collect()
    }
}

impl PublishOnly for Scripted {
    fn take(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        Box::pin(async move {
            let body = String::from_utf8(message.body.to_vec()).unwrap();
            let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_in_flight.fetch_max(now, Ordering::SeqCst);
            // sleep: what comes first need not be confirmed first
            sleep(Duration::from_millis(fastrand::u64(1..10))).await;
            self.in_flight.fetch_sub(1, Ordering::SeqCst);
            let answer = self.answers.iter().find(|(part, _)| body.contains(part));
            match answer {
                Some((_, error)) => Err(error.clone()),
                None => {
                    self.confirmed.lock().unwrap().push(body);
                    Ok(())
                }
            }
        })
    }
}

async fn run(broker: &Scripted, rows: Vec<Row>, window: usize) -> Outcome {
    publish(broker, &stamper(), rows, window, &CancellationToken::new()).await
}

fn positions(range: std::ops::RangeInclusive<i64>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn aggregates_go_side_by_side_and_the_rows_of_one_after_the_other() {
    let broker = Scripted::default();
    let rows = (1..=60).map(|n| row(n, ["a", "b", "c"][usize::try_from(n % 3).unwrap()]));
    let outcome = run(&broker, rows.collect(), 500).await;
    assert_eq!(outcome.published.len(), 60);
    assert_eq!(broker.most_in_flight.load(Ordering::SeqCst), 3);
    let expected: Vec<_> = (3..=60).step_by(3).map(|n: i64| n.to_string()).collect();
    assert_eq!(broker.order_of("a"), expected);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_window_is_on_its_way() {
    let broker = Scripted::default();
    let rows = (1..=60).map(|n| row(n, &n.to_string())).collect();
    run(&broker, rows, 4).await;
    assert_eq!(broker.most_in_flight.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_published_is_refused_and_its_successors_go_on() {
    let unroutable = PublishError::Unroutable {
        exchange: "events".to_owned(),
        routing_key: "order.paid".to_owned(),
    };
    let broker = Scripted::answering(vec![
        ("\"n\":2}", unroutable),
        ("\"n\":3}", PublishError::Invalid("no".to_owned())),
    ]);
    let outcome = run(&broker, (1..=4).map(|n| row(n, "a")).collect(), 500).await;
    assert_eq!(outcome.published, [1, 4]);
    let refused: Vec<_> = outcome.refused.iter().map(|(n, r)| (*n, r.code)).collect();
    assert_eq!(refused, [(2, "publish-unroutable"), (3, "publish-invalid")]);
    assert!(outcome.problem.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_takes_nothing_now_leaves_the_row_and_all_behind_it_waiting() {
    let broker = Scripted::answering(vec![("\"n\":3}", PublishError::Refused)]);
    let outcome = run(&broker, (1..=9).map(|n| row(n, "a")).collect(), 500).await;
    assert_eq!(outcome.published, [1, 2]);
    assert_eq!(broker.order_of("a"), positions(1..=2));
    assert!(outcome.refused.is_empty());
    assert_eq!(outcome.problem, Some(PublishError::Refused));
}

#[tokio::test(start_paused = true)]
async fn a_batch_ends_after_a_second_however_long_an_aggregate_is() {
    let broker = Scripted::default();
    let started = Instant::now();
    let outcome = run(&broker, (1..=5000).map(|n| row(n, "a")).collect(), 500).await;
    assert!(started.elapsed() < LONGEST + Duration::from_millis(20));
    let count = i64::try_from(outcome.published.len()).unwrap();
    assert!(count > 100, "{count}");
    assert_eq!(outcome.published, (1..=count).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_halt_begins_no_further_row_and_waits_for_what_is_on_its_way() {
    let broker = Scripted::default();
    let halt = CancellationToken::new();
    halt.cancel();
    let rows = (1..=9).map(|n| row(n, "a")).collect();
    let outcome = publish(&broker, &stamper(), rows, 500, &halt).await;
    assert!(outcome.published.is_empty() && outcome.problem.is_none());
}

#[cfg(feature = "otlp")]
#[tokio::test]
async fn a_row_without_a_trace_goes_on_with_that_of_its_batch_and_another_keeps_its_own() {
    use crate::broker::HeaderValue;
    use crate::broker::local::LocalBroker;
    use crate::config::Config;
    use crate::topology::Topology;
    use crate::topology::names::headers::TRACEPARENT;

    const OWN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let (_traces, _guard) = crate::telemetry::captured::traced();
    let broker = LocalBroker::start(Topology::from_config(&Config::default()));
    let traced = Row {
        headers: format!("{{\"{TRACEPARENT}\":\"{OWN}\"}}"),
        ..row(2, "a")
    };
    let rows = vec![row(1, "a"), traced, row(3, "a")];
    let outcome = publish(&broker, &stamper(), rows, 500, &CancellationToken::new()).await;
    assert_eq!(outcome.published, [1, 2, 3]);
    let queue = broker.server().inspect("events.neo4j").unwrap();
    let parents = queue
        .ready
        .iter()
        .map(|m| &m.properties.headers[TRACEPARENT]);
    let [first, second, third] = parents.collect::<Vec<_>>()[..] else {
        panic!("{queue:?}");
    };
    assert_eq!(second, &HeaderValue::from(OWN));
    assert_eq!(first, third, "one span for the batch");
    assert_ne!(first, second);
}
