use super::super::tests::inside;
use super::super::*;
use crate::broker::Headers;
use crate::config::CodecConfig;
use bytes::Bytes;
use fanout_contract::ReasonCode;

const STRUCTURED: &str = r#"{"specversion":"1.0","id":"42","source":"/shop","type":"order.placed","time":"2026-01-01T00:00:00Z","subject":"o-1","datacontenttype":"application/json","data":{"total":5}}"#;

fn structured(body: &str) -> Result<Decoded, Undecodable> {
    let message = Message {
        body: Bytes::from(body.to_owned()),
        ..Message::default()
    };
    Codec::new(CodecConfig::default()).decode(&message)
}

fn binary(prefix: &str, body: &'static [u8], content_type: Option<&str>) -> Message {
    let attributes = [
        ("specversion", "1.0"),
        ("id", "42"),
        ("source", "/shop"),
        ("type", "order.placed"),
        ("time", "2026-01-01T00:00:00Z"),
        ("subject", "o-1"),
    ];
    let headers: Headers = attributes
        .map(|(name, value)| (format!("{prefix}{name}"), value.into()))
        .into();
    let mut message = Message {
        body: Bytes::from_static(body),
        ..Message::default()
    };
    message.properties.headers = headers;
    message.properties.content_type = content_type.map(str::to_owned);
    message
}

fn refused(body: &str) -> ReasonCode {
    structured(body).unwrap_err().failure.code()
}

#[test]
fn a_structured_cloudevent_is_decoded() {
    let Decoded {
        event,
        form,
        id_origin,
    } = structured(STRUCTURED).unwrap();
    assert_eq!(
        (form, id_origin),
        (Form::CloudEventStructured, IdOrigin::Body)
    );
    assert_eq!(
        (event.id().as_str(), event.kind()),
        ("/shop 42", "order.placed")
    );
    assert_eq!(
        (event.source(), event.subject()),
        (Some("/shop"), Some("o-1"))
    );
    assert_eq!(
        event.occurred_at().unwrap().to_string(),
        "2026-01-01T00:00:00Z"
    );
    assert_eq!(&event.payload()[..], br#"{"total":5}"#);
}

#[test]
fn a_binary_cloudevent_is_the_same_event_in_each_spelling() {
    let want = structured(STRUCTURED).unwrap().event;
    for prefix in ["cloudEvents:", "cloudEvents_", "ce-"] {
        let message = binary(
            prefix,
            br#"{"total":5}"#,
            Some("application/json; charset=utf-8"),
        );
        let Decoded { event, form, .. } =
            Codec::new(CodecConfig::default()).decode(&message).unwrap();
        assert_eq!(form, Form::CloudEventBinary, "{prefix}");
        assert_eq!((event.id(), event.kind()), (want.id(), want.kind()));
        assert_eq!(
            (event.source(), event.subject()),
            (want.source(), want.subject())
        );
        assert_eq!(
            (event.occurred_at(), event.payload()),
            (want.occurred_at(), want.payload())
        );
        assert!(inside(event.payload(), &message.body));
    }
}

#[test]
fn the_same_id_of_two_sources_is_two_events() {
    let other = STRUCTURED.replace("/shop", "/app");
    let (one, two) = (structured(STRUCTURED).unwrap(), structured(&other).unwrap());
    assert_ne!(one.event.id(), two.event.id());
}

#[test]
fn data_comes_as_json_as_base64_or_not_at_all() {
    let data = |data: &str| {
        let body = STRUCTURED.replace(r#""data":{"total":5}"#, data);
        structured(&body).map(|decoded| decoded.event.payload().clone())
    };
    assert_eq!(
        &data(r#""data_base64":"eyJhIjoxfQ==""#).unwrap()[..],
        br#"{"a":1}"#
    );
    assert_eq!(&data(r#""data":"text""#).unwrap()[..], br#""text""#);
    assert_eq!(&data(r#""x":1"#).unwrap()[..], b"null");
    let refused = data(r#""data_base64":"?""#).unwrap_err();
    assert_eq!(refused.failure.code(), codes::UNSUPPORTED_ENCODING);
}

#[test]
fn data_that_is_no_json_passes_only_under_its_own_type() {
    let codec = Codec::new(CodecConfig::default());
    let text = binary("ce-", b"\xffplain", Some("application/octet-stream"));
    assert_eq!(
        &codec.decode(&text).unwrap().event.payload()[..],
        b"\xffplain"
    );
    let refused = codec.decode(&binary("ce-", b"plain", None)).unwrap_err();
    assert_eq!(refused.failure.code(), codes::BODY_NOT_JSON);
    assert_eq!(refused.id.unwrap().as_str(), "/shop 42");
}

#[test]
fn another_version_of_cloudevents_is_not_guessed_at() {
    assert_eq!(
        refused(&STRUCTURED.replace("\"1.0\"", "\"2.0\"")),
        codes::UNKNOWN_VERSION
    );
    assert_eq!(
        refused(&STRUCTURED.replace("\"1.0\"", "1.0")),
        codes::UNKNOWN_VERSION
    );
    assert_eq!(
        refused(&STRUCTURED.replace("2026-01-01T", "soon")),
        codes::TIMESTAMP_INVALID
    );
    assert_eq!(
        refused(&STRUCTURED.replace("order.placed", "")),
        codes::MISSING_KIND
    );
}
