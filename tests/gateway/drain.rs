//! What was begun is answered; nothing new is taken.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{Answer, Request, SOON};
use crate::intake::Answers;
use crate::rig::{Rig, event, eventually};

#[tokio::test]
async fn requests_under_way_are_answered_and_no_new_connection_is_taken() {
    let rig = Rig::start().await;
    rig.intake.answer(Answers::Held);
    let accepting = tokio::spawn(Request::events(event("view", "a")).send(rig.addr));
    eventually("the event is being accepted", || {
        rig.intake.begun().len() == 1
    })
    .await;
    // This one has sent half of its body.
    let body = event("view", "b");
    let mut arriving = TcpStream::connect(rig.addr).await.unwrap();
    arriving
        .write_all(&Request::events(body.clone()).head())
        .await
        .unwrap();
    arriving.write_all(&body.as_bytes()[..10]).await.unwrap();
    // And this one idles between two requests.
    let mut idle = TcpStream::connect(rig.addr).await.unwrap();
    idle.write_all(&Request::get("/live").head()).await.unwrap();
    eventually("the idle one was answered", || {
        idle.try_read(&mut [0; 64]).is_ok()
    })
    .await;

    rig.draining.cancel();
    eventually("no connection is taken", || {
        std::net::TcpStream::connect(rig.addr).is_err()
    })
    .await;
    assert!(!rig.served.is_finished());
    rig.intake.answer(Answers::Broker);
    arriving.write_all(&body.as_bytes()[10..]).await.unwrap();
    accepting.await.unwrap().ids();
    assert_eq!(Answer::read(&mut arriving).await.ids(), ["b"]);
    assert_eq!(rig.broker.server().count("events.neo4j"), Some(2));
    timeout(SOON, rig.served)
        .await
        .expect("serving ends")
        .unwrap();
}

#[tokio::test]
async fn a_draining_gateway_is_not_ready() {
    let rig = Rig::start().await;
    let mut probe = TcpStream::connect(rig.addr).await.unwrap();
    // The head is not complete, so the connection is not idle.
    let head = Request::get("/ready").head();
    let (last, first) = head.split_last().unwrap();
    probe.write_all(first).await.unwrap();
    rig.get("/live").await.with_status(200);
    rig.draining.cancel();
    probe.write_all(&[*last]).await.unwrap();
    let problem = Answer::read(&mut probe).await.problem(503);
    assert_eq!(problem["draining"], true);
}
