//! The intake is full, fails, or is slow: the client learns what to do.

use std::time::Duration;

use fanout::broker::PublishError;
use serde_json::json;

use crate::client::Request;
use crate::intake::Answers;
use crate::rig::{Rig, event, eventually};

#[tokio::test]
async fn a_full_intake_is_503_with_the_time_to_wait() {
    let rig = Rig::start().await;
    rig.intake.answer(Answers::Full);
    let answer = rig.post(&event("view", "a")).await;
    let problem = answer.problem(503);
    assert_eq!(answer.header("retry-after"), Some("7"));
    assert_eq!(
        (&problem["code"], &problem["retry_after"]),
        (&json!("intake-full"), &json!(7))
    );
    assert_eq!(problem["rejected"][0]["id"], "a");
    rig.get("/ready").await.problem(503);
    let health = rig.get("/health").await.with_status(200);
    assert_eq!(health["status"], "degraded");
    assert!(
        health["issues"][0]
            .as_str()
            .unwrap()
            .starts_with("intake-full: 3 events")
    );
    rig.intake.answer(Answers::Broker);
    rig.post(&event("view", "a")).await.ids();
    assert_eq!(rig.get("/ready").await.status, 200);
}

#[tokio::test]
async fn what_comes_behind_an_event_that_found_no_room_does_not_overtake_it() {
    let rig = Rig::start().await;
    rig.intake.answer(Answers::FullFor("cart"));
    let mut events = vec![event("view", "a"), event("cart", "b")];
    events.extend((0..1000).map(|n| event("view", &format!("later-{n}"))));
    let answer = rig
        .post(&format!("[{}]", events.join(",")))
        .await
        .with_status(202);
    assert_eq!(answer["ids"][0], "a");
    let rejected = answer["rejected"].as_array().unwrap();
    assert_eq!(
        (&rejected[0]["index"], &rejected[0]["problem"]["status"]),
        (&json!(1), &json!(503))
    );
    let begun = rig.intake.begun().len();
    assert!(begun < 300, "{begun} of 1,002 were begun");
    assert_eq!(
        answer["accepted"].as_u64().unwrap() as usize + rejected.len(),
        1002
    );
}

#[tokio::test]
async fn what_the_broker_refuses_has_the_status_that_fits() {
    let rig = Rig::start().await;
    let unroutable = PublishError::Unroutable {
        exchange: "events".to_owned(),
        routing_key: "view".to_owned(),
    };
    for (error, status) in [
        (unroutable, 422),
        (PublishError::TooLarge { bytes: 9 }, 413),
        (PublishError::Refused, 503),
        (PublishError::NotConnected("gone".to_owned()), 503),
        (PublishError::NoExchange("events".to_owned()), 503),
    ] {
        let code = error.code();
        rig.intake.answer(Answers::Refused(error));
        let answer = rig.post(&event("view", "a")).await;
        assert_eq!(answer.problem(status)["code"], code);
        assert_eq!(
            answer.header("retry-after").is_some(),
            status == 503,
            "{code}"
        );
    }
}

#[tokio::test]
async fn an_event_that_is_not_accepted_in_time_is_503_and_its_id_is_told() {
    let rig = Rig::with(|config| config.gateway.accept_timeout = Duration::from_millis(50)).await;
    rig.intake.answer(Answers::Held);
    let problem = rig.post(&event("view", "a")).await.problem(503);
    assert_eq!(problem["code"], "publish-timeout");
    assert_eq!(problem["rejected"][0]["id"], "a");
}

#[tokio::test]
async fn more_requests_than_allowed_at_once_are_429() {
    let rig = Rig::with(|config| config.gateway.max_requests = 2).await;
    rig.intake.answer(Answers::Held);
    let send = |id: &str| {
        let request = Request::events(event("view", id));
        tokio::spawn(request.send(rig.addr))
    };
    let (one, two) = (send("a"), send("b"));
    eventually("both are being accepted", || rig.intake.begun().len() == 2).await;
    let answer = rig.post(&event("view", "c")).await;
    answer.problem(429);
    assert_eq!(answer.header("retry-after"), Some("1"));
    rig.intake.answer(Answers::Broker);
    one.await.unwrap().ids();
    two.await.unwrap().ids();
    rig.post(&event("view", "c")).await.ids();
}

#[tokio::test]
async fn bodies_beyond_the_memory_there_is_are_503() {
    let rig = Rig::with(|config| {
        config.gateway.max_body = 1 << 20;
        config.gateway.max_buffered = 1 << 20;
    });
    let rig = rig.await;
    rig.intake.answer(Answers::Held);
    let large = |id: &str| {
        format!(
            "{{\"event_type\":\"view\",\"event_id\":\"{id}\",\"x\":\"{}\"}}",
            "y".repeat(700_000)
        )
    };
    let first = tokio::spawn(Request::events(large("a")).send(rig.addr));
    eventually("the first is being accepted", || {
        rig.intake.begun().len() == 1
    })
    .await;
    let answer = rig.post(&large("b")).await;
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    rig.intake.answer(Answers::Broker);
    first.await.unwrap().ids();
    rig.post(&large("b")).await.ids();
}
