//! Waking up, ending, cleaning, and what an operator sees.

use std::net::{SocketAddr, TcpListener};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::rig::{Rig, SOON, row};
use crate::support::{eventually, within};

/// An address that is free at this moment.
fn free() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap()
}

/// Status and body of a `GET`; `None` while nobody listens.
async fn get(addr: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(addr).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_commit_wakes_the_relay_long_before_it_would_look() {
    let mut rig = Rig::new("woken").await;
    rig.program = rig.program.env("FANOUT_OUTBOX_POLL_EVERY", "60s");
    let relay = rig.relay();
    let rows = async {
        for n in 1..=3 {
            rig.insert("order-1", n).await;
            rig.ready_is(n.unsigned_abs()).await;
        }
    };
    within("three rows", SOON / 2, rows).await;
    assert_eq!(relay.stop().await["published"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn without_notifications_the_relay_looks_by_itself() {
    let mut rig = Rig::new("polled").await;
    rig.program
        .run(&["outbox", "init", "--apply", "--no-notify"])
        .good();
    rig.program = rig.program.env("FANOUT_OUTBOX_POLL_EVERY", "100ms");
    let relay = rig.relay();
    for n in 1..=3 {
        rig.insert("order-1", n).await;
        rig.ready_is(n.unsigned_abs()).await;
    }
    assert_eq!(relay.stop().await["published"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn published_rows_are_deleted_with_the_confirm_or_after_a_while_and_others_never() {
    for (keep, name) in [("0s", "deleted"), ("100ms", "cleaned")] {
        let mut rig = Rig::new(name).await;
        rig.program = rig.program.env("FANOUT_OUTBOX_KEEP", keep);
        rig.database
            .run("INSERT INTO fanout_outbox (aggregate, payload) VALUES ('order-1', '{}')")
            .await;
        let rows = (1..=1500).map(|n| row(&format!("order-{}", n % 150), n));
        rig.database.run(&rows.collect::<Vec<_>>().join(";")).await;
        let relay = rig.relay();
        eventually("only the row set aside is there", SOON, async || {
            let left = "SELECT count(*) FROM fanout_outbox";
            (rig.database.number(left).await == 1).then_some(())
        })
        .await;
        assert_eq!(relay.stop().await["published"], 1500);
        let refused = "SELECT count(*) FROM fanout_outbox WHERE refused_at IS NOT NULL";
        assert_eq!(rig.database.number(refused).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn health_and_metrics_show_the_lag_and_what_is_set_aside() {
    let mut rig = Rig::new("health").await;
    let addr = free();
    rig.program = rig.program.env("FANOUT_HTTP_ADDR", &addr.to_string());
    rig.database
        .run("INSERT INTO fanout_outbox (aggregate, payload) VALUES ('order-1', '{}')")
        .await;
    let lock = rig.database.session().await;
    lock.run("BEGIN; SELECT FROM fanout_outbox FOR UPDATE")
        .await;
    let relay = rig.relay();
    eventually("the relay is ready", SOON, async || {
        let (status, body) = get(addr, "/ready").await?;
        (status == 200).then_some(body)
    })
    .await;
    let metrics = eventually("the row that waits is counted", SOON, async || {
        let (_, metrics) = get(addr, "/metrics").await?;
        metrics
            .contains("fanout_outbox_waiting_rows 1\n")
            .then_some(metrics)
    })
    .await;
    let oldest = metrics
        .lines()
        .find_map(|line| line.strip_prefix("fanout_outbox_oldest_age_seconds "))
        .unwrap();
    assert!(oldest.parse::<f64>().unwrap() > 0.0, "{oldest}");
    lock.run("ROLLBACK").await;
    let report = eventually("the row is set aside", SOON, async || {
        let (_, health) = get(addr, "/health").await?;
        let health: Value = serde_json::from_str(&health).ok()?;
        (health["progress"]["set_aside"] == 1).then_some(health)
    })
    .await;
    assert_eq!(report["status"], "degraded", "{report}");
    assert_eq!(
        (&report["db"], &report["rabbitmq"]),
        (&true.into(), &true.into())
    );
    assert!(!report.to_string().contains("fanout-test"), "{report}");
    assert_eq!(get(addr, "/live").await.unwrap().0, 200);
    relay.stop().await;
}
