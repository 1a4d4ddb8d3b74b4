use super::*;
use crate::store::{Parameters, Record};
use bytes::Bytes;
use fanout_contract::{Event, EventBuilder, EventId, FailureClass, Remedy};
use tokio::time::Instant;

/// Takes so long for each transaction, and accepts everything.
struct Slow(Duration);

impl GraphStore for Slow {
    fn prepare(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn GraphTransaction>, StoreError>> {
        let transaction: Box<dyn GraphTransaction> = Box::new(Self(self.0));
        Box::pin(async { Ok(transaction) })
    }
}

impl GraphTransaction for Slow {
    fn run<'a>(
        &'a mut self,
        _: &'a str,
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
        Box::pin(async { Ok(vec![answer]) })
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(async move {
            sleep(self.0).await;
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
async fn two(transaction: Duration) -> (Duration, [Result<Outcomes, Failure>; 2]) {
    let config = Neo4jConfig::default();
    let processor = Neo4jProcessor::with_store(Slow(transaction), &config, Interactions);
    let batches = ["a", "b"].map(|id| Batch::from_events(vec![view(id)]).unwrap());
    let started = Instant::now();
    let [first, second] = &batches;
    let (first, second) = tokio::join!(processor.process(first), processor.process(second));
    (started.elapsed(), [first, second])
}

#[tokio::test(start_paused = true)]
async fn one_writer_writes_one_batch_after_the_other() {
    let (took, answers) = two(Duration::from_secs(4)).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(took.as_secs(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_gets_no_turn_to_write_is_given_back_long_before_its_deadline() {
    let (took, [first, second]) = two(Duration::from_secs(20)).await;
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
