//! The usual hand-written worker: one delivery, one transaction, one acknowledgement; in Python
//! as it stands beside services, and in Rust with the ledger.

use std::error::Error;
use std::time::Instant;

use fanout_neo4j::cypher::{LEDGER, VIEWED};
use futures::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use neo4rs::{BoltList, BoltType, ConfigBuilder, Graph, Query};

use crate::raw_writer::{Server, now};
use crate::report::Measured;

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    event_id: String,
    timestamp: String,
    payload: Payload,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    user_id: i64,
    product_id: i64,
    session: String,
}

/// Runs the worker in Python, with the interpreter that has its two drivers.
pub async fn python(queue: &str, events: usize) -> Result<Measured, Box<dyn Error>> {
    let python = std::env::var("BENCH_PYTHON")
        .map_err(|_| "BENCH_PYTHON is not set; scripts/bench makes an environment for it")?;
    let output = tokio::process::Command::new(python)
        .args(["benches/usual_worker.py", queue, &events.to_string()])
        .stderr(std::process::Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Consumes `events` messages with the prefetch such workers use.
pub async fn run(
    url: &str,
    queue: &str,
    server: &Server,
    events: usize,
) -> Result<Measured, Box<dyn Error>> {
    let config = ConfigBuilder::default()
        .uri(&server.uri)
        .user("neo4j")
        .password(&server.password)
        .build()?;
    let graph = Graph::connect(config)?;
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(20, BasicQosOptions::default()).await?;
    let mut deliveries = channel
        .basic_consume(
            queue.into(),
            "usual".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    let started = Instant::now();
    for _ in 0..events {
        let Some(delivery) = deliveries.next().await.transpose()? else {
            break;
        };
        apply(&graph, serde_json::from_slice(&delivery.data)?).await?;
        channel
            .basic_ack(delivery.delivery_tag, BasicAckOptions::default())
            .await?;
    }
    let measured = Measured::since(started, events);
    connection.close(0, "done".into()).await?;
    Ok(measured)
}

async fn apply(graph: &Graph, body: Body) -> Result<(), Box<dyn Error>> {
    let at = chrono::DateTime::parse_from_rfc3339(&body.timestamp)?;
    let mut txn = graph.start_txn().await?;
    let ledger = Query::new(LEDGER.to_owned())
        .param("ids", vec![body.event_id])
        .param("nonce", uuid::Uuid::new_v4().to_string())
        .param("at", now());
    txn.run(ledger).await?;
    let columns: Vec<BoltType> = vec![
        body.payload.user_id.into(),
        body.payload.product_id.into(),
        1_i64.into(),
        at.into(),
        at.into(),
        body.payload.session.into(),
    ];
    let row = BoltType::List(BoltList::from(columns));
    let rows = BoltType::List(BoltList::from(vec![row]));
    txn.run(Query::new(VIEWED.to_owned()).param("rows", rows))
        .await?;
    txn.commit().await?;
    Ok(())
}
