use super::*;
use std::collections::BTreeSet;

fn note(attempt: u32) -> FailureNote<'static> {
    FailureNote {
        queue: "events.neo4j",
        attempt,
        code: ReasonCode::new("some-code"),
        error: "it broke",
        at: Timestamp::UNIX_EPOCH,
    }
}

fn foreign() -> Message {
    let headers = [
        ("CC", HeaderValue::List(vec!["copy".into()])),
        ("BCC", HeaderValue::List(vec!["blind".into()])),
        ("x-death", HeaderValue::List(vec![])),
        ("x-first-death-queue", "q".into()),
        ("x-delivery-count", HeaderValue::Int(3)),
        ("traceparent", "00-a-b-01".into()),
        ("cloudEvents:id", "7".into()),
        ("tenant", "acme".into()),
    ];
    Message {
        exchange: "events".to_owned(),
        routing_key: "order.placed".to_owned(),
        properties: Properties {
            message_id: Some("m1".to_owned()),
            reply_to: Some("r".to_owned()),
            expiration: Some("10".to_owned()),
            user_id: Some("guest".to_owned()),
            persistent: false,
            headers: headers.map(|(k, v)| (k.to_owned(), v)).into(),
            ..Properties::default()
        },
        body: bytes::Bytes::from_static(b"\xff\x00body"),
    }
}

#[test]
fn what_would_be_refused_multiplied_or_expired_does_not_carry_over() {
    let message = retry(&foreign(), None, "q.retry.5s".to_owned(), &note(1));
    let p = &message.properties;
    assert_eq!(
        (&p.reply_to, &p.expiration, &p.user_id),
        (&None, &None, &None)
    );
    assert!(p.persistent);
    let names: BTreeSet<_> = p.headers.keys().map(String::as_str).collect();
    let expected = BTreeSet::from([
        "cloudEvents:id",
        "fanout-attempt",
        "fanout-error",
        "fanout-exchange",
        "fanout-first-failed-at",
        "fanout-history",
        "fanout-origin-queue",
        "fanout-reason",
        "fanout-routing-key",
        "tenant",
        "traceparent",
    ]);
    assert_eq!(names, expected);
    assert_eq!(
        (message.exchange.as_str(), message.routing_key.as_str()),
        ("", "q.retry.5s")
    );
    assert_eq!(message.body, foreign().body);
}

#[test]
fn the_attempt_grows_with_each_retry_and_the_first_failure_stays() {
    let first = retry(&foreign(), None, "q".to_owned(), &note(1));
    let later = FailureNote {
        at: Timestamp::from_second(60).unwrap(),
        ..note(2)
    };
    let second = retry(&first, None, "q".to_owned(), &later);
    let headers = &second.properties.headers;
    assert_eq!(headers.get(names::ATTEMPT), Some(&HeaderValue::Int(3)));
    assert_eq!(
        headers.get(names::FIRST_FAILED_AT),
        Some(&"1970-01-01T00:00:00Z".into())
    );
    let history = headers
        .get(names::HISTORY)
        .and_then(HeaderValue::as_str)
        .unwrap();
    assert_eq!(
        serde_json::from_str::<Vec<serde_json::Value>>(history)
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        headers.get(names::ROUTING_KEY),
        Some(&"order.placed".into())
    );
}

#[test]
fn an_assigned_id_becomes_the_message_id_and_a_given_one_stays() {
    let id = EventId::new("assigned");
    let mut bare = foreign();
    assert_eq!(
        suspect(&bare, Some(&id), "q".to_owned())
            .properties
            .message_id
            .as_deref(),
        Some("m1")
    );
    bare.properties.message_id = None;
    let message = suspect(&bare, Some(&id), "q".to_owned());
    assert_eq!(message.properties.message_id.as_deref(), Some("assigned"));
}

#[test]
fn a_thousand_failures_and_a_long_error_stay_below_eight_kibibytes() {
    let error = "é".repeat(100_000);
    let mut message = foreign();
    for attempt in 1..1000 {
        message = retry(
            &message,
            None,
            "q".to_owned(),
            &FailureNote {
                error: &error,
                ..note(attempt)
            },
        );
    }
    let own: usize = message
        .properties
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("fanout-"))
        .map(|(name, value)| name.len() + size(value))
        .sum();
    assert!(own < 8 * 1024, "{own} bytes");
}

#[test]
fn headers_of_a_mebibyte_are_cut_and_counted() {
    let mut message = foreign();
    message
        .properties
        .headers
        .insert("huge".to_owned(), "h".repeat(1 << 20).into());
    let kept = dead_letter(&message, None, "dlq".to_owned(), &note(1))
        .properties
        .headers;
    assert_eq!(kept.get(names::HEADERS_DROPPED), Some(&HeaderValue::Int(1)));
    assert!(kept.contains_key("tenant"));
}
