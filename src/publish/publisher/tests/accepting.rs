//! A broker that is there.

use futures::StreamExt;

use super::*;
use crate::topology::names::headers;

#[tokio::test(start_paused = true)]
async fn a_message_is_answered_once_the_broker_has_confirmed_it() {
    let rig = Rig::new();
    rig.broker.state().latency = Duration::from_millis(30);
    let start = Instant::now();
    assert_eq!(rig.accept("a.1").await, CONFIRMED);
    assert_eq!(start.elapsed(), Duration::from_millis(30));
    assert_eq!(rig.broker.arrived(), ["a.1"]);
    assert_eq!(rig.publisher.backlog(), Backlog::default());
}

#[tokio::test(start_paused = true)]
async fn messages_about_different_subjects_go_side_by_side_up_to_the_window() {
    let rig = Rig::with(|c| c.broker.confirm_window = 7);
    let messages = (0..100).map(|n| message(&format!("s{n}.1")));
    let answers = rig.publisher.accept_all(messages).await;
    assert!(answers.iter().all(|a| *a == CONFIRMED), "{answers:?}");
    assert_eq!(rig.broker.state().most_in_flight, 7);
    assert_eq!(rig.broker.arrived().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_answered_in_its_order() {
    let rig = Rig::new();
    let refused = PublishError::Unroutable {
        exchange: "events".to_owned(),
        routing_key: String::new(),
    };
    rig.broker.answers("s3.1", vec![refused.clone()]);
    let messages = futures::stream::iter((0..2_000).map(|n| message(&format!("s{n}.1"))));
    let answers: Vec<_> = rig.publisher.accept_stream(messages).collect().await;
    let wrong: Vec<_> = (0..)
        .zip(&answers)
        .filter(|(_, answer)| answer.is_err())
        .collect();
    assert_eq!(wrong, [(3, &Err(NotAccepted::Broker(refused)))]);
    assert_eq!(answers.len(), 2_000);
}

#[tokio::test(start_paused = true)]
async fn a_message_without_id_gets_one_that_sorts_by_time_and_is_persistent() {
    let rig = Rig::new();
    let mut bare = message("a.1");
    bare.properties.message_id = None;
    assert_eq!(rig.publisher.accept(bare).await, CONFIRMED);
    let properties = rig.broker.state().arrived[0].properties.clone();
    let id = uuid::Uuid::parse_str(properties.message_id.as_deref().unwrap()).unwrap();
    assert_eq!(id.get_version_num(), 7);
    assert!(properties.persistent && properties.timestamp.is_some());
    assert_eq!(properties.priority, None);
}

#[tokio::test(start_paused = true)]
async fn purchases_go_first_and_a_priority_of_the_caller_counts() {
    let rig = Rig::new();
    let mut purchase = message("a.1");
    purchase.properties.kind = Some("product.purchased".to_owned());
    rig.publisher.accept(purchase.clone()).await.unwrap();
    purchase.properties.priority = Some(0);
    rig.publisher.accept(purchase).await.unwrap();
    let priorities: Vec<_> = rig
        .broker
        .state()
        .arrived
        .iter()
        .map(|m| m.properties.priority)
        .collect();
    assert_eq!(priorities, [Some(9), Some(0)]);
}

#[tokio::test(start_paused = true)]
async fn an_event_of_a_service_becomes_an_envelope_with_its_trace() {
    let rig = Rig::new();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let event = Draft::new("order.placed", &serde_json::json!({"total": 3}))
        .unwrap()
        .subject("order-7")
        .trace_parent(trace);
    let (id, accepted) = rig.publisher.publish(event).await.unwrap();
    assert_eq!(accepted, Accepted::Confirmed);
    let message = rig.broker.state().arrived.remove(0);
    let codec = crate::codec::Codec::new(crate::config::CodecConfig::default());
    let event = codec.decode(&message).unwrap().event;
    assert_eq!(event.id().as_str(), id);
    assert_eq!(
        (event.kind(), event.subject()),
        ("order.placed", Some("order-7"))
    );
    assert_eq!(
        (event.source(), event.trace_parent()),
        (Some("fanout"), Some(trace))
    );
    assert_eq!(event.payload(), r#"{"total":3}"#);
    assert_eq!(
        (message.exchange, message.routing_key),
        ("events".to_owned(), "order.placed".to_owned())
    );
    assert!(
        message
            .properties
            .headers
            .contains_key(headers::TRACEPARENT)
    );
}

#[tokio::test(start_paused = true)]
async fn what_no_broker_takes_is_refused_at_once_and_nobody_is_asked() {
    let rig = Rig::new();
    rig.broker.leave();
    let mut large = message("a.1");
    large.body = vec![b' '; rig.config.broker.max_message_bytes + 1].into();
    let mut long = message("a.2");
    long.routing_key = "k".repeat(256);
    for (message, code) in [(large, "publish-too-large"), (long, "publish-invalid")] {
        let refused = rig.publisher.accept(message).await.unwrap_err();
        assert_eq!(refused.code(), code);
    }
    assert_eq!(rig.publisher.backlog(), Backlog::default());
    assert_eq!(rig.broker.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_caller_hears_at_once_of_what_waiting_does_not_mend_and_nothing_is_kept() {
    let rig = Rig::new();
    let unroutable = PublishError::Unroutable {
        exchange: "events".to_owned(),
        routing_key: "k".to_owned(),
    };
    let errors = [
        unroutable,
        PublishError::NoExchange("events".to_owned()),
        PublishError::AccessRefused("no".to_owned()),
        PublishError::HeadersTooLarge { bytes: 2, limit: 1 },
    ];
    for error in errors {
        rig.broker.answers("a.1", vec![error.clone()]);
        assert_eq!(rig.accept("a.1").await, Err(NotAccepted::Broker(error)));
        assert_eq!(rig.accept("a.2").await, CONFIRMED);
    }
    assert_eq!(rig.publisher.backlog(), Backlog::default());
}

#[tokio::test(start_paused = true)]
async fn messages_whose_callers_wait_take_a_bounded_memory() {
    let rig = Rig::with(|c| c.publisher.memory = 1 << 20);
    rig.broker.mood(fake::Mood::Hangs);
    let large = |n: usize| Message {
        body: vec![b' '; 400 << 10].into(),
        ..message(&format!("s{n}.1"))
    };
    let mut tasks = Vec::new();
    for n in 0..2 {
        tasks.push(rig.begin(large(n)).await);
    }
    let refused = rig.publisher.accept(large(3)).await.unwrap_err();
    assert_eq!(refused.code(), "intake-full");
    rig.broker.leave();
    for task in tasks {
        assert_eq!(task.await.unwrap(), SPOOLED);
    }
    // Answered, they take none.
    assert_eq!(rig.publisher.accept(large(4)).await, SPOOLED);
}

#[tokio::test(start_paused = true)]
async fn a_single_message_larger_than_the_memory_is_taken() {
    let rig = Rig::with(|c| c.publisher.memory = 1 << 10);
    assert_eq!(rig.accept("a.1").await, CONFIRMED);
}
