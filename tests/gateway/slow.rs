//! Slow clients cost themselves time and nobody else.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::client::{Answer, Request, SOON};
use crate::intake::Answers;
use crate::rig::{Rig, event, eventually};

#[tokio::test]
async fn clients_that_dribble_do_not_stall_others() {
    let rig = Rig::with(|config| {
        config.gateway.max_requests = 2;
        config.gateway.body_timeout = SOON;
    });
    let rig = rig.await;
    let mut slow = Vec::new();
    for n in 0..300 {
        let mut stream = TcpStream::connect(rig.addr).await.unwrap();
        let request = Request::events(event("view", "slow")).head();
        // A third stops in the head, a third before the body, a third is a stream.
        let sent = match n % 3 {
            0 => b"POST /events HTTP/1.1\r\nho".to_vec(),
            1 => request,
            _ => Request::lines(vec![b' '; 100]).head(),
        };
        stream.write_all(&sent).await.unwrap();
        slow.push(stream);
    }
    let started = Instant::now();
    for n in 0..50 {
        rig.post(&event("view", &format!("quick-{n}"))).await.ids();
    }
    let took = started.elapsed();
    assert!(took < Duration::from_secs(10), "50 events took {took:?}");
    assert_eq!(rig.queue("neo4j").len(), 50);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_in_time_is_408() {
    let rig = Rig::with(|config| config.gateway.body_timeout = Duration::from_millis(100)).await;
    for request in [
        Request::events("x".repeat(100)),
        Request::lines("x".repeat(100)),
    ] {
        let mut stream = TcpStream::connect(rig.addr).await.unwrap();
        let mut sent = request.header("connection", "close").head();
        sent.extend_from_slice(b"{\"event");
        stream.write_all(&sent).await.unwrap();
        Answer::read(&mut stream).await.problem(408);
    }
}

#[tokio::test]
async fn a_head_that_does_not_arrive_in_time_ends_the_connection() {
    let rig = Rig::limited(
        |_| {},
        |limits| limits.headers_within = Duration::from_millis(100),
    );
    let rig = rig.await;
    let mut stream = TcpStream::connect(rig.addr).await.unwrap();
    stream
        .write_all(b"POST /events HTTP/1.1\r\n")
        .await
        .unwrap();
    let mut rest = Vec::new();
    let ended = timeout(SOON, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection is still open");
}

#[tokio::test]
async fn a_connection_that_has_lived_long_enough_ends_after_its_next_answer() {
    let rig = Rig::limited(
        |_| {},
        |limits| limits.lifetime = Duration::from_millis(100),
    );
    let rig = rig.await;
    let mut stream = TcpStream::connect(rig.addr).await.unwrap();
    // The answer comes after the lifetime is over.
    rig.intake.answer(Answers::Held);
    let request = Request::events(event("view", "a"));
    stream
        .write_all(&[request.head(), event("view", "a").into_bytes()].concat())
        .await
        .unwrap();
    eventually("it is being accepted", || rig.intake.begun().len() == 1).await;
    // sleep: the lifetime passes while the request is under way
    tokio::time::sleep(Duration::from_millis(300)).await;
    rig.intake.answer(Answers::Broker);
    assert_eq!(Answer::read(&mut stream).await.ids(), ["a"]);
}
