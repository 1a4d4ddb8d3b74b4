//! What is too much is refused before it costs anything.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{Answer, Request};
use crate::rig::{Rig, event};

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_413_before_it_is_sent() {
    let rig = Rig::with(|config| config.gateway.max_body = 1024).await;
    let mut stream = TcpStream::connect(rig.addr).await.unwrap();
    let head = Request::new("POST", "/events")
        .header("content-length", "1000000000")
        .header("expect", "100-continue")
        .header("connection", "close");
    stream.write_all(&head.head()).await.unwrap();
    Answer::read(&mut stream).await.problem(413);
}

#[tokio::test]
async fn a_client_that_sends_too_much_all_the_same_reads_its_413() {
    let rig = Rig::with(|config| config.gateway.max_body = 1024).await;
    let answer = rig.post(&"x".repeat(20 << 20)).await;
    answer.problem(413);
}

#[tokio::test]
async fn a_body_that_grows_too_large_without_announcing_it_is_413() {
    let rig = Rig::with(|config| config.gateway.max_body = 1024).await;
    let mut stream = TcpStream::connect(rig.addr).await.unwrap();
    let head = Request::new("POST", "/events")
        .header("transfer-encoding", "chunked")
        .header("connection", "close");
    stream.write_all(&head.head()).await.unwrap();
    for _ in 0..3 {
        stream
            .write_all(format!("200\r\n{}\r\n", "x".repeat(512)).as_bytes())
            .await
            .unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    Answer::read(&mut stream).await.problem(413);
}

#[tokio::test]
async fn an_event_larger_than_a_message_is_413_with_its_code() {
    let rig = Rig::with(|config| config.broker.max_message_bytes = 100).await;
    let large = format!("{{\"event_type\":\"view\",\"x\":\"{}\"}}", "y".repeat(100));
    let problem = rig.post(&large).await.problem(413);
    assert_eq!(problem["code"], "publish-too-large");
    let small = event("view", "a");
    let answer = rig
        .post(&format!("[{large},{small}]"))
        .await
        .with_status(202);
    assert_eq!(answer["rejected"][0]["problem"]["status"], 413);
}

#[tokio::test]
async fn an_array_with_too_many_events_is_413_and_none_of_it_is_taken() {
    let rig = Rig::with(|config| config.gateway.max_events = 2).await;
    let one = event("view", "a");
    rig.post(&format!("[{one},{one},{one}]")).await.problem(413);
    assert!(rig.queued().is_empty());
    rig.post(&format!("[{one},{one}]")).await.ids();
}

#[tokio::test]
async fn other_media_types_charsets_and_encodings_are_415() {
    let rig = Rig::start().await;
    for (name, value) in [
        ("content-type", "application/xml"),
        ("content-type", "application/json; charset=ISO-8859-1"),
        ("content-encoding", "gzip"),
    ] {
        let request = Request::events(event("view", "a")).header(name, value);
        rig.send(request).await.problem(415);
    }
}

#[tokio::test]
async fn an_idempotency_key_that_is_empty_or_too_long_is_400() {
    let rig = Rig::start().await;
    for key in ["\"\"", &"k".repeat(256)] {
        let request = Request::events(event("view", "a")).header("idempotency-key", key);
        rig.send(request).await.problem(400);
    }
    assert!(rig.queued().is_empty());
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let rig = Rig::start().await;
    rig.get("/nothing").await.problem(404);
    rig.get("/events").await.problem(405);
}
