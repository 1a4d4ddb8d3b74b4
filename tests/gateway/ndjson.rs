//! An event a line, taken while the rest is still on its way.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{Answer, Request};
use crate::rig::{Rig, event, eventually};

fn chunked() -> Vec<u8> {
    Request::new("POST", "/events")
        .header("content-type", "application/x-ndjson")
        .header("transfer-encoding", "chunked")
        .header("connection", "close")
        .head()
}

async fn chunk(stream: &mut TcpStream, text: &str) {
    let chunk = format!("{:x}\r\n{text}\r\n", text.len());
    stream.write_all(chunk.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn lines_are_events_and_empty_ones_are_passed_over() {
    let rig = Rig::start().await;
    let body = format!(
        "{}\r\n\r\n  \n{}\nnot json\n{}",
        event("view", "a"),
        event("view", "b"),
        event("view", "c")
    );
    let answer = rig.send(Request::lines(body)).await.with_status(202);
    assert_eq!(answer["ids"], serde_json::json!(["a", "b", "c"]));
    assert_eq!(answer["rejected"][0]["index"], 2);
    assert_eq!(answer["rejected"][0]["problem"]["code"], "body-not-json");
    assert_eq!(rig.queued(), ["a", "b", "c"]);
}

#[tokio::test]
async fn events_arrive_while_the_stream_is_still_open() {
    let rig = Rig::start().await;
    let mut stream = TcpStream::connect(rig.addr).await.unwrap();
    stream.write_all(&chunked()).await.unwrap();
    let line = format!("{}\n", event("view", "a"));
    let (head, tail) = line.split_at(20);
    chunk(&mut stream, head).await;
    chunk(&mut stream, tail).await;
    eventually("the first event is queued", || rig.queued() == ["a"]).await;
    chunk(&mut stream, &event("view", "b")).await;
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(Answer::read(&mut stream).await.ids(), ["a", "b"]);
}

#[tokio::test]
async fn a_stream_that_breaks_off_has_delivered_its_whole_lines() {
    let rig = Rig::start().await;
    let mut stream = TcpStream::connect(rig.addr).await.unwrap();
    stream.write_all(&chunked()).await.unwrap();
    let text = format!("{}\n{{\"event_type\":\"vi", event("view", "a"));
    chunk(&mut stream, &text).await;
    eventually("the whole line is queued", || rig.queued() == ["a"]).await;
    drop(stream);
    rig.post(&event("view", "z")).await.ids();
    assert_eq!(rig.queued(), ["a", "z"]);
}

#[tokio::test]
async fn a_line_that_is_too_long_is_named_and_its_neighbours_are_taken() {
    let rig = Rig::with(|config| config.broker.max_message_bytes = 1024).await;
    let long = format!(
        "{{\"event_type\":\"view\",\"x\":\"{}\"}}",
        "y".repeat(200_000)
    );
    let body = format!("{}\n{long}\n{}\n", event("view", "a"), event("view", "b"));
    let answer = rig.send(Request::lines(body)).await.with_status(202);
    assert_eq!(answer["ids"], serde_json::json!(["a", "b"]));
    assert_eq!(answer["rejected"][0]["index"], 1);
    assert_eq!(answer["rejected"][0]["problem"]["status"], 413);
}

#[tokio::test]
async fn a_stream_with_too_many_events_says_where_to_go_on() {
    let rig = Rig::with(|config| config.gateway.max_events = 3).await;
    let body: String = (0..5)
        .map(|n| event("view", &n.to_string()) + "\n")
        .collect();
    let answer = rig.send(Request::lines(body)).await.with_status(202);
    assert_eq!(answer["accepted"], 3);
    assert_eq!(answer["rejected"][0]["index"], 3);
    assert_eq!(answer["rejected"][0]["problem"]["status"], 413);
    assert_eq!(answer["rejected"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_stream_without_any_event_is_422() {
    let rig = Rig::start().await;
    let problem = rig.send(Request::lines("\n\n")).await.problem(422);
    assert_eq!(problem["detail"], "the body holds no event");
}
