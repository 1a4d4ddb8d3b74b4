//! The example's processor on the whole runtime, in no time.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fanout::testing::{End, Trial};
use fanout_example_stock::Stock;
use serde_json::{Value, json};

#[tokio::test(start_paused = true)]
async fn an_order_is_answered_once_however_often_it_comes() {
    let stock = Stock::default();
    let mut trial = Trial::of(stock.clone()).start();
    let payload = json!({ "order_id": "o1", "product_id": "apple", "quantity": 3 });
    let order = trial
        .publish("order.placed", payload.clone())
        .await
        .unwrap();
    trial.settled().await.unwrap();

    // The same event again, after the worker was killed.
    trial.restart();
    trial
        .publish_as(order.as_str(), "order.placed", payload)
        .await
        .unwrap();
    let report = trial.settled().await.unwrap();

    assert_eq!(report.end(&order), Some(End::Applied));
    assert_eq!(stock.0.lock().unwrap().reserved["apple"], 3);
    // Both answers are the same event for whoever receives them.
    let answers = report.follow_ups();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0].id(), answers[1].id());
    assert_eq!(answers[0].kind(), "stock.reserved");
    let answer: Value = answers[0].decode().unwrap();
    assert_eq!(answer, json!({ "order_id": "o1" }));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_cannot_be_read_is_a_dead_letter_and_its_neighbour_passes() {
    let trial = Trial::of(Stock::default()).start();
    let payload = json!({ "order_id": "o1", "product_id": "apple", "quantity": 1 });
    let good = trial.publish("order.placed", payload).await.unwrap();
    let bad = trial
        .publish("order.placed", json!({ "order_id": 1 }))
        .await
        .unwrap();
    let report = trial.settled().await.unwrap();

    assert_eq!(report.end(&good), Some(End::Applied));
    assert_eq!(
        report.end(&bad),
        Some(End::DeadLettered("payload-invalid".to_owned()))
    );
    // Hopeless at once: no stage, no second try.
    assert_eq!(report.tries(&bad).len(), 1);
}
