//! Bytes that are no event.

use bytes::Bytes;

use super::fake::Fake;
use super::rig::Rig;
use super::{DLQ, QUEUE, event, message};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn every_malformed_body_is_in_the_dlq_with_its_code_and_byte_for_byte_and_good_ones_are_not()
{
    let bodies: [(&str, &[u8]); 8] = [
        ("body-not-utf8", b"\xff\xfe{\"eventId\":\"1\"}\x00"),
        ("body-not-json", b"{\"eventId\":\"1\","),
        ("body-not-json", b""),
        ("body-not-object", b"[1,2,3]"),
        ("body-not-object", b"\"text\""),
        (
            "missing-payload",
            br#"{"eventId":"1","version":"v1","eventType":"view"}"#,
        ),
        (
            "unknown-version",
            br#"{"eventId":"1","version":"v9","eventType":"view","payload":{}}"#,
        ),
        (
            "kind-invalid",
            br#"{"eventId":"1","version":"v1","eventType":7,"payload":{}}"#,
        ),
    ];
    let rig = Rig::new("malformed", |_| {}).await;
    let fake = Fake::applies();
    let running = rig.start(fake.clone());
    let bad = bodies
        .iter()
        .enumerate()
        .map(|(n, (_, body))| message("", QUEUE, &format!("m{n}"), Bytes::from_static(body)));
    let mut encoded = event("gzip", "view");
    encoded.properties.content_encoding = Some("gzip".to_owned());
    let good = (0..100).map(|n| event(&n.to_string(), "view"));
    rig.publish(good.chain(bad).chain([encoded])).await;
    let all = bodies.len() as u64 + 1;
    running
        .shows("all settled", |s| {
            s.counts.dead_lettered == all && s.counts.applied == 100
        })
        .await;
    running.drain().await;

    let dead = rig.look_into(DLQ).await;
    assert_eq!(dead.len() as u64, all);
    let mut found: Vec<_> = dead
        .iter()
        .map(|d| {
            let headers = &d.message.properties.headers;
            assert_eq!(headers["fanout-origin-queue"].as_str(), Some(QUEUE));
            assert!(!headers["fanout-error"].as_str().unwrap().is_empty());
            let reason = headers["fanout-reason"].as_str().unwrap().to_owned();
            (reason, d.message.body.clone())
        })
        .collect();
    let mut expected: Vec<_> = bodies
        .iter()
        .map(|(code, body)| ((*code).to_owned(), Bytes::from_static(body)))
        .chain([(
            "unsupported-encoding".to_owned(),
            super::body("gzip", "view"),
        )])
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(rig.ready(QUEUE).await, 0);
}
