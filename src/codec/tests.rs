use super::*;
use crate::broker::{Headers, Properties};
use crate::config::MissingId;
use bytes::Bytes;
use fanout_contract::{EventId, FollowUp, ReasonCode};
use serde_json::json;

fn codec() -> Codec {
    Codec::new(CodecConfig::default())
}

fn message(body: impl Into<Bytes>) -> Message {
    Message {
        exchange: "events".to_owned(),
        body: body.into(),
        ..Message::default()
    }
}

fn decoded(message: &Message) -> Decoded {
    codec().decode(message).unwrap()
}

fn code(body: impl Into<Bytes>) -> ReasonCode {
    codec().decode(&message(body)).unwrap_err().failure.code()
}

const ENVELOPE: &str = r#"{"eventId":"e-1","version":"v1","eventType":"product.viewed","timestamp":"2026-01-01T00:00:00Z","payload":{"userId":1,"productId":100,"session":"s1"}}"#;
const BARE: &str = r#"{"user_id":1,"product_id":100,"event_type":"view","user_session":"s1","event_time":"2019-10-01 00:00:00 UTC"}"#;

#[test]
fn an_envelope_says_everything() {
    let body = Bytes::from_static(ENVELOPE.as_bytes());
    let Decoded {
        event,
        id_origin,
        form,
    } = decoded(&message(body.clone()));
    assert_eq!((event.id().as_str(), id_origin), ("e-1", IdOrigin::Body));
    assert_eq!((event.kind(), form), ("product.viewed", Form::Envelope));
    assert_eq!(
        event.occurred_at().unwrap().to_string(),
        "2026-01-01T00:00:00Z"
    );
    assert_eq!(event.schema_version(), Some("v1"));
    assert_eq!(
        &event.payload()[..],
        br#"{"userId":1,"productId":100,"session":"s1"}"#
    );
    assert!(inside(event.payload(), &body), "the payload is copied");
    assert_eq!((event.attempt(), event.hops()), (1, 0));
}

#[test]
fn a_bare_event_is_its_own_payload() {
    let body = Bytes::from_static(BARE.as_bytes());
    let Decoded { event, form, .. } = decoded(&message(body.clone()));
    assert_eq!((event.kind(), form), ("view", Form::Bare));
    assert_eq!(event.payload(), &body);
    assert_eq!(
        event.occurred_at().unwrap().to_string(),
        "2019-10-01T00:00:00Z"
    );
}

#[test]
fn properties_fill_what_the_body_leaves_open() {
    let mut message = message(r#"{"user_id":1}"#);
    message.properties = Properties {
        message_id: Some("m-1".to_owned()),
        kind: Some("cart".to_owned()),
        timestamp: Some(1_569_888_000),
        app_id: Some("shop".to_owned()),
        priority: Some(7),
        headers: Headers::from([
            ("traceparent".to_owned(), "00-aa-bb-01".into()),
            ("fanout-attempt".to_owned(), HeaderValue::Int(3)),
            ("fanout-hops".to_owned(), HeaderValue::Int(2)),
        ]),
        ..Properties::default()
    };
    let Decoded {
        event, id_origin, ..
    } = decoded(&message);
    assert_eq!(
        (event.id().as_str(), id_origin),
        ("m-1", IdOrigin::MessageId)
    );
    assert_eq!((event.kind(), event.source()), ("cart", Some("shop")));
    assert_eq!(
        event.occurred_at().unwrap().to_string(),
        "2019-10-01T00:00:00Z"
    );
    assert_eq!(
        (event.attempt(), event.hops(), event.priority()),
        (3, 2, Some(7))
    );
    assert_eq!(event.trace_parent(), Some("00-aa-bb-01"));
}

#[test]
fn the_body_wins_over_the_properties() {
    let mut message = message(ENVELOPE);
    message.properties.message_id = Some("m-1".to_owned());
    message.properties.kind = Some("cart".to_owned());
    message.properties.timestamp = Some(1);
    let Decoded { event, .. } = decoded(&message);
    assert_eq!(
        (event.id().as_str(), event.kind()),
        ("e-1", "product.viewed")
    );
    assert_eq!(
        event.occurred_at().unwrap().to_string(),
        "2026-01-01T00:00:00Z"
    );
}

#[test]
fn subject_and_its_version_are_taken_where_they_are_given() {
    let event = decoded(&message(
        r#"{"id":"1","type":"order.paid","aggregateId":77,"version":4,"total":1}"#,
    ))
    .event;
    assert_eq!(
        (event.subject(), event.subject_version()),
        (Some("77"), Some(4))
    );
    let event = decoded(&message(
        r#"{"eventId":1,"eventType":"a","subject":"o-1","subjectVersion":"9","payload":{}}"#,
    ))
    .event;
    assert_eq!(
        (event.subject(), event.subject_version()),
        (Some("o-1"), Some(9))
    );
}

#[test]
fn a_routing_key_is_a_kind_on_a_topic_exchange_only() {
    let codec = codec().with_topic_exchanges(["app.events".to_owned()]);
    let mut message = message(r#"{"id":1}"#);
    message.routing_key = "order.created".to_owned();
    assert_eq!(
        codec.decode(&message).unwrap_err().failure.code(),
        codes::MISSING_KIND
    );
    message.exchange = "app.events".to_owned();
    assert_eq!(
        codec.decode(&message).unwrap().event.kind(),
        "order.created"
    );

    // Behind a retry stage the headers say where it came from.
    let headers = &mut message.properties.headers;
    headers.insert("fanout-exchange".to_owned(), "app.events".into());
    headers.insert("fanout-routing-key".to_owned(), "order.paid".into());
    message.exchange = String::new();
    message.routing_key = "events.neo4j".to_owned();
    assert_eq!(codec.decode(&message).unwrap().event.kind(), "order.paid");
}

#[test]
fn a_derived_id_is_the_same_for_a_redelivery_and_another_for_another_event() {
    let derived = |body: &'static str, app: &str, timestamp| {
        let mut message = message(body);
        message.properties.app_id = Some(app.to_owned());
        message.properties.timestamp = timestamp;
        let decoded = decoded(&message);
        assert_eq!(decoded.id_origin, IdOrigin::Derived);
        decoded.event.id().clone()
    };
    let one = derived(BARE, "shop", Some(1));
    assert_eq!(one, derived(BARE, "shop", Some(1)));
    assert_ne!(one, derived(BARE, "shop", Some(2)));
    assert_ne!(one, derived(BARE, "app", Some(1)));
    assert_eq!(derived(BARE, "shop", None), derived(BARE, "shop", None));
}

#[test]
fn without_an_id_and_a_time_the_configuration_decides() {
    let message = message(r#"{"user_id":1,"event_type":"view"}"#);
    let (one, two) = (decoded(&message), decoded(&message));
    assert_eq!(one.id_origin, IdOrigin::Assigned);
    assert_ne!(one.event.id(), two.event.id());
    let config = CodecConfig {
        missing_id: MissingId::Reject,
        ..CodecConfig::default()
    };
    let refused = Codec::new(config).decode(&message).unwrap_err();
    assert_eq!(refused.failure.code(), codes::MISSING_ID);
    assert_eq!(refused.kind.as_deref(), Some("view"));
}

#[test]
fn a_business_key_can_be_the_id_in_general_and_per_kind() {
    let codec = Codec::new(CodecConfig {
        id_fields: vec!["reference".to_owned(), "eventId".to_owned()],
        id_fields_by_kind: [("OrderPlaced".to_owned(), vec!["order_id".to_owned()])].into(),
        ..CodecConfig::default()
    });
    let id = |body: &'static str| codec.decode(&message(body)).unwrap().event.id().to_string();
    assert_eq!(
        id(r#"{"order_id":5,"type":"OrderPlaced","reference":"r"}"#),
        "5"
    );
    assert_eq!(
        id(r#"{"order_id":5,"type":"OrderSent","reference":"r"}"#),
        "r"
    );
    assert_eq!(
        id(r#"{"reference":null,"eventId":"e","type":"OrderPlaced"}"#),
        "e"
    );
}

#[test]
fn long_ids_become_their_digest() {
    let id = "x".repeat(300);
    let body = json!({"eventId": id, "type": "t"}).to_string();
    let (one, two) = (decoded(&message(body.clone())), decoded(&message(body)));
    assert_eq!(one.event.id(), two.event.id());
    assert_eq!(one.event.id().as_str().len(), 36);
}

#[test]
fn what_is_no_event_is_permanent_with_a_code() {
    assert_eq!(code(""), codes::BODY_NOT_JSON);
    assert_eq!(code(&ENVELOPE[..60]), codes::BODY_NOT_JSON);
    assert_eq!(code("<event/>"), codes::BODY_NOT_JSON);
    assert_eq!(code(format!("{BARE}{BARE}")), codes::BODY_NOT_JSON);
    assert_eq!(
        code(&b"{\"event_type\":\"caf\xe9\"}"[..]),
        codes::BODY_NOT_UTF8
    );
    assert_eq!(code(&b"\x1f\x8b\x08\0"[..]), codes::BODY_NOT_UTF8);
    assert_eq!(code(format!("[{BARE}]")), codes::BODY_NOT_OBJECT);
    assert_eq!(code("null"), codes::BODY_NOT_OBJECT);
    assert_eq!(code("17"), codes::BODY_NOT_OBJECT);
    let deep = format!(
        r#"{{"type":"t","x":{}{}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    assert_eq!(code(deep), codes::BODY_TOO_DEEP);
    assert_eq!(code(r#"{"user_id":1}"#), codes::MISSING_KIND);
    assert_eq!(code(r#"{"event_type":7}"#), codes::KIND_INVALID);
    assert_eq!(
        code(json!({"type": "x".repeat(256)}).to_string()),
        codes::KIND_INVALID
    );
    assert_eq!(code(r#"{"type":"t","id":[1]}"#), codes::ID_INVALID);
    assert_eq!(code(r#"{"type":"t","id":1.5}"#), codes::ID_INVALID);
    assert_eq!(
        code(r#"{"type":"t","timestamp":"soon"}"#),
        codes::TIMESTAMP_INVALID
    );
    assert_eq!(code(ENVELOPE.replace("v1", "v7")), codes::UNKNOWN_VERSION);
    assert_eq!(
        code(ENVELOPE.replace("\"v1\"", "2")),
        codes::UNKNOWN_VERSION
    );
    assert_eq!(
        code(r#"{"eventId":"1","version":"v2","data":{}}"#),
        codes::UNKNOWN_VERSION
    );
    assert_eq!(
        code(r#"{"eventId":"1","version":"v1","eventType":"t"}"#),
        codes::MISSING_PAYLOAD
    );
}

#[test]
fn brackets_inside_strings_are_no_nesting() {
    let body = json!({"id": 1, "type": "t", "x": "[\"{".repeat(500)}).to_string();
    assert_eq!(decoded(&message(body)).event.kind(), "t");
}

#[test]
fn a_compressed_body_is_refused_by_its_encoding() {
    let mut message = message(ENVELOPE);
    message.properties.content_encoding = Some("gzip".to_owned());
    let refused = codec().decode(&message).unwrap_err();
    assert_eq!(refused.failure.code(), codes::UNSUPPORTED_ENCODING);
    message.properties.content_encoding = Some("UTF-8".to_owned());
    assert_eq!(decoded(&message).event.id().as_str(), "e-1");
}

#[test]
fn a_byte_order_mark_and_blanks_are_no_part_of_the_event() {
    let event = decoded(&message(format!("\u{feff} {BARE}\r\n"))).event;
    assert_eq!(event.payload(), &Bytes::from_static(BARE.as_bytes()));
}

#[test]
fn a_failure_says_what_is_known_for_the_dead_letter() {
    let mut broken = message("{");
    broken.properties.message_id = Some("m-1".to_owned());
    broken.properties.kind = Some("view".to_owned());
    let refused = codec().decode(&broken).unwrap_err();
    assert_eq!(refused.id.as_ref().map(EventId::as_str), Some("m-1"));
    assert_eq!(refused.kind.as_deref(), Some("view"));

    let refused = codec()
        .decode(&message(ENVELOPE.replace("v1", "v7")))
        .unwrap_err();
    assert_eq!(refused.id.as_ref().map(EventId::as_str), Some("e-1"));
    assert_eq!(refused.kind.as_deref(), Some("product.viewed"));
}

#[test]
fn a_version_of_some_software_makes_no_envelope() {
    let body = r#"{"id":1,"event_type":"app.deployed","version":"v2.1","payload":"kept"}"#;
    let Decoded { event, form, .. } = decoded(&message(body));
    assert_eq!((form, event.payload().len()), (Form::Bare, body.len()));
}

#[test]
fn follow_ups_decode_into_what_was_meant_and_repeat_byte_for_byte() {
    let source = decoded(&message(ENVELOPE)).event;
    let follow_up = FollowUp::new("stock.reserved", json!({"b": 1, "a": [true, null]}));
    let body = encode_follow_up(&source, 2, &follow_up);
    assert_eq!(body, encode_follow_up(&source, 2, &follow_up));
    let event = decoded(&message(body)).event;
    assert_eq!(event.id(), &FollowUp::id(&source, 2));
    assert_eq!(event.kind(), "stock.reserved");
    assert_eq!(event.occurred_at(), source.occurred_at());
    assert_eq!(&event.payload()[..], br#"{"a":[true,null],"b":1}"#);
}

#[test]
fn every_code_has_its_page() {
    let pages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors");
    for code in codes::ALL {
        let page = std::fs::read_to_string(pages.join(format!("{code}.md"))).unwrap_or_default();
        assert!(
            page.starts_with(&format!("# {code}\n")),
            "docs/errors/{code}.md is missing"
        );
    }
}

pub(super) fn inside(part: &Bytes, whole: &Bytes) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}
