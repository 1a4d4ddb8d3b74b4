use super::*;
use crate::cypher;
use crate::store::{Parameters, Record};
use bytes::Bytes;
use fanout_contract::{Event, EventBuilder, EventId, FailureClass, Remedy};
use tokio::time::Instant;

/// Takes so long for entering ids and for each commit, and accepts everything.
#[derive(Clone, Copy)]
struct Slow {
    entering: Duration,
    commit: Duration,
}

impl GraphStore for Slow {
    fn prepare(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn GraphTransaction>, StoreError>> {
        let transaction: Box<dyn GraphTransaction> = Box::new(*self);
        Box::pin(async { Ok(transaction) })
    }
}

impl GraphTransaction for Slow {
    fn run<'a>(
        &'a mut self,
        cypher: &'a str,
        parameters: Parameters,
    ) -> BoxFuture<'a, Result<Vec<Record>, StoreError>> {
        let rows = parameters.into_iter().find_map(|(_, value)| match value {
            Value::List(rows) => i64::try_from(rows.len()).ok(),
            _ => None,
        });
        let column = |name: &str, value| (name.to_owned(), value);
        let answer = Record::new(vec![
            column("done", Value::Int(rows.unwrap_or_default())),
            column("repeated", Value::List(Vec::new())),
            column("skipped", Value::List(Vec::new())),
        ]);
        Box::pin(async move {
            if cypher == cypher::LEDGER {
                sleep(self.entering).await;
            }
            Ok(vec![answer])
        })
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(async move {
            sleep(self.commit).await;
            Ok(())
        })
    }

    fn rollback(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

fn view(id: &str) -> Event {
    let body = Bytes::from_static(br#"{"userId":1,"productId":1}"#);
    EventBuilder::new(EventId::new(id), "product.viewed", body).build()
}

/// Two batches at once, each one event; how long both took, and what became of them.
async fn two(entering: u64, commit: u64) -> (Duration, [Result<Outcomes, Failure>; 2]) {
    let config = Neo4jConfig::default();
    let store = Slow {
        entering: Duration::from_secs(entering),
        commit: Duration::from_secs(commit),
    };
    let processor = Neo4jProcessor::with_store(store, &config, Interactions);
    let batches = ["a", "b"].map(|id| Batch::from_events(vec![view(id)]).unwrap());
    let started = Instant::now();
    let [first, second] = &batches;
    let (first, second) = tokio::join!(processor.process(first), processor.process(second));
    (started.elapsed(), [first, second])
}

#[tokio::test(start_paused = true)]
async fn one_writer_writes_one_batch_after_the_other() {
    let (took, answers) = two(0, 4).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(took.as_secs(), 8);
}

#[tokio::test(start_paused = true)]
async fn the_ids_of_one_batch_are_entered_while_another_writes() {
    let (took, answers) = two(3, 4).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(took.as_secs(), 3 + 4 + 4);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_gets_no_turn_to_write_is_given_back_long_before_its_deadline() {
    let (took, [first, second]) = two(0, 20).await;
    assert!(first.is_ok(), "{first:?}");
    let failure = second.unwrap_err();
    assert_eq!(failure.class(), FailureClass::Unavailable);
    assert_eq!(failure.code().as_str(), "contention");
    assert_eq!(
        failure.remedy(),
        Remedy::Yield,
        "no fault of the destination"
    );
    assert_eq!(took.as_secs(), 20);
}
