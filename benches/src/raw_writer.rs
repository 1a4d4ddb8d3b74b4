//! The best bare writer: neo4rs, one connection, the processor's own statements, rows in
//! requests below 8 KiB, 1,000 events a transaction, no broker.

use std::error::Error;
use std::time::Instant;

use chrono::{DateTime, FixedOffset};
use fanout_neo4j::cypher::{LEDGER, VIEWED};
use neo4rs::{BoltList, BoltType, ConfigBuilder, Graph, Query, Txn};

use crate::event::{Interaction, interactions};
use crate::report::Measured;

/// Events of a transaction; what our batches hold at most.
const TRANSACTION: usize = 1_000;
/// Rows of a request: with the statement, both kinds stay below 8 KiB.
const REQUEST: usize = 150;

/// Where Neo4j is.
#[derive(Clone, Debug)]
pub struct Server {
    /// Bolt address.
    pub uri: String,
    /// Password of `neo4j`.
    pub password: String,
}

impl Server {
    async fn graph(&self) -> Result<Graph, Box<dyn Error>> {
        let config = ConfigBuilder::default()
            .uri(&self.uri)
            .user("neo4j")
            .password(&self.password)
            .build()?;
        Ok(Graph::connect(config)?)
    }
}

/// Writes `events` interactions in bulk.
pub async fn bulk(server: &Server, seed: u64, events: usize) -> Result<Measured, Box<dyn Error>> {
    let graph = server.graph().await?;
    let all: Vec<_> = interactions(seed, events).collect();
    let started = Instant::now();
    for chunk in all.chunks(TRANSACTION) {
        transaction(&graph, chunk).await?;
    }
    Ok(Measured::since(started, events))
}

/// One transaction with ledger and relationships.
pub async fn transaction(graph: &Graph, events: &[Interaction]) -> Result<(), Box<dyn Error>> {
    let mut txn = graph.start_txn().await?;
    let mut ids: Vec<_> = events.iter().map(|e| e.id.clone()).collect();
    ids.sort_unstable();
    for ids in ids.chunks(REQUEST) {
        let nonce = uuid::Uuid::new_v4().to_string();
        let query = Query::new(LEDGER.to_owned())
            .param("ids", ids.to_vec())
            .param("nonce", nonce)
            .param("at", now());
        drain(&mut txn, query).await?;
    }
    let mut rows: Vec<_> = events.iter().collect();
    rows.sort_unstable_by_key(|e| (e.user, e.product));
    for rows in rows.chunks(REQUEST) {
        let rows: Vec<BoltType> = rows.iter().map(|event| row(event)).collect();
        let query =
            Query::new(VIEWED.to_owned()).param("rows", BoltType::List(BoltList::from(rows)));
        drain(&mut txn, query).await?;
    }
    txn.commit().await?;
    Ok(())
}

async fn drain(txn: &mut Txn, query: Query) -> Result<(), Box<dyn Error>> {
    let mut stream = txn.execute(query).await?;
    while stream.next(txn.handle()).await?.is_some() {}
    Ok(())
}

fn row(event: &Interaction) -> BoltType {
    let at: DateTime<FixedOffset> = DateTime::from_timestamp_millis(event.at)
        .unwrap_or_default()
        .fixed_offset();
    let columns: Vec<BoltType> = vec![
        i64::from(event.user).into(),
        i64::from(event.product).into(),
        1_i64.into(),
        at.into(),
        at.into(),
        format!("s{}", event.user).into(),
    ];
    BoltType::List(BoltList::from(columns))
}

/// The wall clock in the driver's type.
pub fn now() -> DateTime<FixedOffset> {
    let now = jiff::Timestamp::now().as_millisecond();
    DateTime::from_timestamp_millis(now)
        .unwrap_or_default()
        .fixed_offset()
}
