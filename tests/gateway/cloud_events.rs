//! CloudEvents 1.0 over HTTP: structured, batched, binary.

use fanout::broker::Message;
use fanout::codec::Codec;
use fanout::config::CodecConfig;

use crate::client::Request;
use crate::rig::Rig;

const STRUCTURED: &str =
    r#"{"specversion":"1.0","id":"1","source":"/shop","type":"order.placed","data":{"total":5}}"#;

/// The event as a worker reads it.
fn read(message: &Message) -> fanout_contract::Event {
    let codec = Codec::new(CodecConfig::default());
    codec.decode(message).unwrap().event
}

#[tokio::test]
async fn a_structured_cloudevent_is_taken_under_source_and_id() {
    let rig = Rig::start().await;
    let request = Request::events(STRUCTURED);
    let request = request.header(
        "content-type",
        "application/cloudevents+json; charset=utf-8",
    );
    assert_eq!(rig.send(request).await.ids(), ["/shop 1"]);
    let message = rig.queue("neo4j").remove(0);
    let media = message.properties.content_type.as_deref();
    assert_eq!(media, Some("application/cloudevents+json"));
    assert_eq!(read(&message).kind(), "order.placed");
}

#[tokio::test]
async fn a_batch_of_cloudevents_is_an_array() {
    let rig = Rig::start().await;
    let batch = |body: String| {
        Request::events(body).header("content-type", "application/cloudevents-batch+json")
    };
    let second = STRUCTURED.replace("\"1\"", "\"2\"");
    let answer = rig.send(batch(format!("[{STRUCTURED},{second}]"))).await;
    assert_eq!(answer.ids(), ["/shop 1", "/shop 2"]);
    rig.send(batch(STRUCTURED.to_owned())).await.problem(422);
}

#[tokio::test]
async fn a_binary_cloudevent_keeps_its_attributes_and_its_bytes() {
    let rig = Rig::start().await;
    let request = Request::events(r#"{"total":5}"#)
        .header("content-type", "application/json")
        .header("ce-specversion", "1.0")
        .header("ce-id", "42")
        .header("ce-source", "/shop/caf%C3%A9")
        .header("ce-type", "order.placed")
        .header("ce-time", "2026-01-01T00:00:00Z")
        .header("ce-subject", "o-1");
    assert_eq!(rig.send(request).await.ids(), ["/shop/café 42"]);
    let message = rig.queue("qdrant").remove(0);
    assert_eq!(message.body, r#"{"total":5}"#.as_bytes());
    let event = read(&message);
    assert_eq!(event.id().as_str(), "/shop/café 42");
    assert_eq!(
        (event.kind(), event.source()),
        ("order.placed", Some("/shop/café"))
    );
    assert_eq!(event.subject(), Some("o-1"));
    assert_eq!(event.payload(), r#"{"total":5}"#.as_bytes());
}

#[tokio::test]
async fn the_data_of_a_binary_cloudevent_may_be_anything() {
    let rig = Rig::start().await;
    let request = Request::events(b"\xff\xd8[".to_vec())
        .header("content-type", "image/jpeg")
        .header("ce-specversion", "1.0")
        .header("ce-id", "1")
        .header("ce-source", "/camera")
        .header("ce-type", "photo.taken");
    rig.send(request).await.ids();
    let message = rig.queue("neo4j").remove(0);
    assert_eq!(
        message.properties.content_type.as_deref(),
        Some("image/jpeg")
    );
    assert_eq!(message.body.as_ref(), b"\xff\xd8[");
}

#[tokio::test]
async fn an_unknown_version_of_cloudevents_is_refused_with_its_code() {
    let rig = Rig::start().await;
    let request = Request::events("{}")
        .header("ce-specversion", "2.0")
        .header("ce-type", "x");
    let problem = rig.send(request).await.problem(422);
    assert_eq!(problem["code"], "unknown-version");
}
