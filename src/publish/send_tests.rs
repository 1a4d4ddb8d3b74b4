use super::*;
use crate::broker::publish_only::PublishOnly;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Answers the attempts for a routing key in turn, then confirms everything.
#[derive(Default)]
struct ScriptedBroker {
    answers: Mutex<BTreeMap<String, Vec<PublishError>>>,
    confirmed: Mutex<Vec<String>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl ScriptedBroker {
    fn answering(key: &str, answers: Vec<PublishError>) -> Self {
        let broker = Self::default();
        broker
            .answers
            .lock()
            .unwrap()
            .insert(key.to_owned(), answers);
        broker
    }

    fn confirmed(&self) -> Vec<String> {
        self.confirmed.lock().unwrap().clone()
    }
}

impl PublishOnly for ScriptedBroker {
    fn take(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        Box::pin(async move {
            let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_in_flight.fetch_max(now, Ordering::SeqCst);
            sleep(Duration::from_millis(1)).await;
            self.in_flight.fetch_sub(1, Ordering::SeqCst);
            let key = message.routing_key;
            let mut answers = self.answers.lock().unwrap();
            match answers.get_mut(&key) {
                Some(left) if !left.is_empty() => Err(left.remove(0)),
                _ => {
                    self.confirmed.lock().unwrap().push(key);
                    Ok(())
                }
            }
        })
    }
}

/// Lines 1 to `count`, the line's number as routing key; line 0 stands for no line.
fn lines(count: u64, bad: u64) -> mpsc::Receiver<Item> {
    let (sender, receiver) = mpsc::channel(usize::try_from(count).unwrap());
    for line in 1..=count {
        let message = if line == bad {
            Err(crate::publish::BadLine::TooLong { limit: 1 })
        } else {
            Ok(Message {
                routing_key: line.to_string(),
                ..Message::default()
            })
        };
        sender
            .try_send(Item {
                line,
                offset: line,
                message,
                budget: None,
            })
            .unwrap();
    }
    receiver
}

async fn run(broker: &ScriptedBroker, count: u64, window: usize) -> Tally {
    send(
        broker,
        lines(count, 0),
        window,
        RetryPlan::default(),
        &CancellationToken::new(),
        &mut |_| {},
    )
    .await
}

fn away() -> PublishError {
    PublishError::NotConnected("gone".to_owned())
}

#[tokio::test(start_paused = true)]
async fn every_line_is_published_once_in_order_and_the_window_is_kept() {
    let broker = ScriptedBroker::default();
    let tally = run(&broker, 100, 7).await;
    assert_eq!((tally.published, tally.is_complete()), (100, true));
    let expected: Vec<_> = (1..=100).map(|line: u64| line.to_string()).collect();
    assert_eq!(broker.confirmed(), expected);
    assert_eq!(broker.most_in_flight.load(Ordering::SeqCst), 7);
}

#[tokio::test(start_paused = true)]
async fn a_bad_line_is_told_and_its_neighbours_are_published() {
    let broker = ScriptedBroker::default();
    let mut told = Vec::new();
    let tally = send(
        &broker,
        lines(3, 2),
        10,
        RetryPlan::default(),
        &CancellationToken::new(),
        &mut |notice| {
            if let Notice::Refused { line, reason } = notice {
                told.push((line, reason.to_string()));
            }
        },
    )
    .await;
    assert_eq!(told, [(2, "longer than 1 bytes".to_owned())]);
    assert_eq!((tally.published, tally.refused), (2, 1));
    assert_eq!((tally.is_complete(), tally.resume_from()), (false, None));
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_and_a_full_queue_are_tried_again_with_growing_waits() {
    let broker =
        ScriptedBroker::answering("2", vec![away(), PublishError::Refused, away(), away()]);
    let started = Instant::now();
    let tally = run(&broker, 3, 10).await;
    assert_eq!((tally.published, tally.failed), (3, 0));
    // 0.2 + 0.4 + 0.8 + 1.6 s and five attempts of 1 ms.
    assert_eq!(started.elapsed(), Duration::from_millis(3005));
}

#[tokio::test(start_paused = true)]
async fn a_message_no_queue_takes_is_refused_and_the_run_goes_on() {
    let unroutable = PublishError::Unroutable {
        exchange: "events".to_owned(),
        routing_key: "1".to_owned(),
    };
    let broker = ScriptedBroker::answering("1", vec![unroutable; 2]);
    let tally = run(&broker, 3, 1).await;
    assert_eq!((tally.published, tally.refused), (2, 1));
    assert_eq!(tally.refusals[0].code, "publish-unroutable");
    assert_eq!(tally.resume_from(), None);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_stays_away_ends_the_run_with_the_line_to_resume_from() {
    let broker = ScriptedBroker::answering("4", vec![away(); 1000]);
    let started = Instant::now();
    let tally = run(&broker, 1000, 2).await;
    assert!(started.elapsed() <= Duration::from_secs(61));
    assert_eq!((tally.failed, tally.resume_from()), (1, Some(4)));
    assert_eq!(tally.failures[0].code, "publish-not-connected");
    assert!(!tally.is_complete());
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_does_not_exist_ends_the_run_at_once() {
    let broker = ScriptedBroker::answering("1", vec![PublishError::NoExchange("x".to_owned())]);
    let started = Instant::now();
    let tally = run(&broker, 3, 1).await;
    assert_eq!(started.elapsed(), Duration::from_millis(1));
    assert_eq!(tally.resume_from(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_what_is_in_flight_and_takes_no_more() {
    let broker = ScriptedBroker::answering("2", vec![away(); 1000]);
    let stop = CancellationToken::new();
    let late = stop.clone();
    let stopped_late = async move {
        sleep(Duration::from_secs(3)).await;
        late.cancel();
    };
    let mut ignore = |_: Notice<'_>| {};
    let items = lines(50_000, 0);
    let run = send(&broker, items, 3, RetryPlan::default(), &stop, &mut ignore);
    let (tally, ()) = tokio::join!(run, stopped_late);
    assert!(tally.interrupted);
    assert_eq!(tally.resume_from(), Some(2));
    assert_eq!(tally.failed, 1);
    assert_eq!(
        usize::try_from(tally.published).unwrap(),
        broker.confirmed().len()
    );
}
