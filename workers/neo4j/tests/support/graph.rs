//! What stands in the graph, asked over a connection of the test's own.

use jiff::Timestamp;
use neo4rs::{Graph, query};
use serde_json::Value;

use super::server::PASSWORD;

/// A connection that only asks.
pub struct Probe(Graph);

/// A relationship between a user and a product.
#[derive(Debug, PartialEq, Eq)]
pub struct Edge {
    pub count: i64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub last_session: Option<String>,
}

impl Probe {
    pub fn new(port: u16) -> Self {
        Self(Graph::new(format!("bolt://127.0.0.1:{port}"), "neo4j", PASSWORD).unwrap())
    }

    /// The relationship of this kind, if there is exactly one.
    pub async fn edge(
        &self,
        kind: &str,
        user: impl Into<Value>,
        product: impl Into<Value>,
    ) -> Option<Edge> {
        let cypher = format!(
            "MATCH (u:User {{id: {}}})-[x:{kind}]->(p:Product {{id: {}}}) RETURN x.count AS count, \
             toString(x.first_at) AS first_at, toString(x.last_at) AS last_at, x.last_session AS session",
            user.into(),
            product.into()
        );
        let mut rows = self.rows(&cypher).await;
        assert!(
            rows.len() <= 1,
            "{} relationships of one kind between a pair",
            rows.len()
        );
        let row = rows.pop()?;
        Some(Edge {
            count: row.get("count").unwrap(),
            first_at: row.get::<String>("first_at").unwrap().parse().unwrap(),
            last_at: row.get::<String>("last_at").unwrap().parse().unwrap(),
            last_session: row.get("session").unwrap(),
        })
    }

    /// The only number that a query returns as `n`.
    pub async fn number(&self, cypher: &str) -> i64 {
        self.rows(cypher).await[0].get("n").unwrap()
    }

    pub async fn rows(&self, cypher: &str) -> Vec<neo4rs::Row> {
        let mut stream = self.0.execute(query(cypher)).await.unwrap();
        let mut rows = Vec::new();
        while let Some(row) = stream.next().await.unwrap() {
            rows.push(row);
        }
        rows
    }

    /// Runs a statement of the test's own.
    pub async fn run(&self, cypher: &str) {
        self.0.run(query(cypher)).await.unwrap();
    }

    pub fn graph(&self) -> &Graph {
        &self.0
    }
}
