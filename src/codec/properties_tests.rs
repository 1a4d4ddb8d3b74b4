//! Properties over arbitrary bodies.

use super::tests::inside;
use super::*;
use crate::broker::Properties;
use crate::config::CodecConfig;
use bytes::Bytes;
use fanout_contract::FailureClass;
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::Value;

/// Keys that mean something, so that random objects hit the interesting paths.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "eventId",
            "event_id",
            "id",
            "version",
            "specversion",
            "eventType",
            "event_type",
            "type",
            "timestamp",
            "event_time",
            "time",
            "payload",
            "data",
            "data_base64",
            "source",
            "subject",
            "subjectVersion",
            "traceparent",
        ])
        .prop_map(str::to_owned),
        ".{0,4}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(vec!["v1", "v2", "1.0", "2019-10-01 00:00:00 UTC", "eyJ9"])
            .prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let object = proptest::collection::btree_map(key(), value(), 0..8)
        .prop_map(|map| {
            Value::Object(map.into_iter().collect())
                .to_string()
                .into_bytes()
        })
        .boxed();
    let cut = (object.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(
        |(mut body, place, byte)| {
            let place = place.index(body.len());
            body[place] = byte;
            body
        },
    );
    prop_oneof![object, cut, proptest::collection::vec(any::<u8>(), 0..200)]
}

fn properties() -> impl Strategy<Value = Properties> {
    let text = || proptest::option::of(".{0,8}");
    let headers = proptest::collection::btree_map(
        prop_oneof![
            proptest::sample::select(vec![
                "cloudEvents:specversion",
                "ce-type",
                "ce-id",
                "ce-source",
                "ce-time",
                "fanout-attempt",
                "fanout-hops",
                "traceparent",
            ])
            .prop_map(str::to_owned),
            ".{0,6}",
        ],
        prop_oneof![
            any::<i64>().prop_map(HeaderValue::Int),
            Just(HeaderValue::Void),
            ".{0,6}".prop_map(HeaderValue::Text),
            Just(HeaderValue::Text("1.0".to_owned())),
        ],
        0..5,
    );
    (
        text(),
        text(),
        proptest::option::of(any::<u64>()),
        text(),
        headers,
    )
        .prop_map(
            |(message_id, kind, timestamp, content_type, headers)| Properties {
                message_id,
                kind,
                timestamp,
                content_type,
                headers,
                ..Properties::default()
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_message_is_an_event_or_a_permanent_failure(body in body(), properties in properties()) {
        let message = Message { body: Bytes::from(body), properties, ..Message::default() };
        let codec = Codec::new(CodecConfig::default());
        match codec.decode(&message) {
            Ok(Decoded { event, form, .. }) => {
                prop_assert!(!event.kind().is_empty() && event.kind().len() <= 255);
                prop_assert!(!event.id().as_str().is_empty() && event.id().as_str().len() <= 255);
                prop_assert!(event.attempt() >= 1);
                // Well-formed, that is; a number like 1e309 is JSON and fits into no type.
                // Only the data of a CloudEvent may be decoded, or be missing.
                if form != Form::CloudEventStructured {
                    prop_assert!(inside(event.payload(), &message.body));
                    prop_assert!(event.decode::<IgnoredAny>().is_ok() || form == Form::CloudEventBinary);
                }
            }
            Err(refused) => {
                prop_assert_eq!(refused.failure.class(), FailureClass::Permanent);
                prop_assert!(codes::ALL.contains(&refused.failure.code()));
            }
        }
    }

    #[test]
    fn what_is_encoded_is_decoded_again(
        id in "\\PC{1,40}",
        kind in "\\PC{1,40}",
        seconds in -1_000_000_000_i64..4_000_000_000,
        source in proptest::option::of("\\PC{1,20}"),
        subject in proptest::option::of("\\PC{1,20}"),
        subject_version in any::<Option<u64>>(),
        payload in value(),
    ) {
        let raw = serde_json::value::to_raw_value(&payload).unwrap();
        let envelope = Envelope {
            id: &id,
            kind: &kind,
            occurred_at: jiff::Timestamp::from_second(seconds).ok(),
            source: source.as_deref(),
            subject: subject.as_deref(),
            subject_version,
            payload: &raw,
        };
        let message = Message { body: encode(&envelope), ..Message::default() };
        let event = Codec::new(CodecConfig::default()).decode(&message).unwrap().event;
        prop_assert_eq!(event.id().as_str(), &id);
        prop_assert_eq!(event.kind(), &kind);
        prop_assert_eq!(event.occurred_at(), envelope.occurred_at);
        prop_assert_eq!(event.source(), source.as_deref());
        prop_assert_eq!(event.subject(), subject.as_deref());
        prop_assert_eq!(event.subject_version(), subject_version);
        prop_assert_eq!(&event.payload()[..], raw.get().as_bytes());
    }
}
