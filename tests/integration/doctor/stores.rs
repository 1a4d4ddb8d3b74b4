//! The doctor at Neo4j and Qdrant.

use serde_json::{Value, json};

use crate::program::Program;
use crate::support::neo4j::{Neo4j, PASSWORD};
use crate::support::qdrant::Qdrant;
use crate::support::unique;

/// Exit code and ids of what was found; with `--fix` where asked for.
fn destinations(program: &Program, more: &[&str]) -> (Option<i32>, Vec<String>) {
    let mut args = vec!["doctor", "--json", "--only", "destinations"];
    args.extend(more);
    let ended = program.run(&args);
    let report: Value =
        serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{e}: {ended:?}"));
    let findings = report["findings"].as_array().unwrap().iter();
    let ids = findings.map(|f| f["check"].as_str().unwrap().to_owned());
    (ended.code, ids.collect())
}

async fn neo4j(server: &Neo4j, query_timeout: &str) -> Program {
    let port = server.bolt_port().await;
    let text = format!("[queues.neo4j]\n[neo4j]\nquery_timeout = \"{query_timeout}\"\n");
    Program::new()
        .env("NEO4J_URI", &format!("bolt://127.0.0.1:{port}"))
        .env("NEO4J_PASSWORD", PASSWORD)
        .file("fanout.toml", text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn missing_constraints_a_lost_ledger_and_timeouts_of_neo4j_are_found() {
    let server = Neo4j::own_with(&[
        ("NEO4J_db_lock_acquisition_timeout", "10s"),
        ("NEO4J_db_transaction_timeout", "15s"),
    ])
    .await;
    let program = neo4j(&server, "25s").await;
    let (code, found) = destinations(&program, &[]);
    let missing = ["neo4j-constraint-missing"; 3].into_iter();
    let missing: Vec<_> = missing.chain(["neo4j-index-missing"]).collect();
    assert_eq!(
        (code, found),
        (Some(1), missing.iter().map(|id| (*id).to_owned()).collect())
    );

    let fixed = destinations(&program, &["--fix", "--yes"]);
    assert_eq!(fixed, (Some(0), Vec::new()));

    server.rows("DROP CONSTRAINT user_id", json!({})).await;
    server.rows("CREATE (:User {id: 1})", json!({})).await;
    let (code, found) = destinations(&program, &[]);
    assert_eq!(code, Some(1));
    assert_eq!(found, ["neo4j-constraint-missing", "neo4j-ledger-empty"]);

    let (_, found) = destinations(&neo4j(&server, "8s").await, &[]);
    for id in ["neo4j-lock-timeout", "neo4j-transaction-timeout"] {
        assert!(found.iter().any(|found| found == id), "{found:?}");
    }

    let refused = neo4j(&server, "25s").await.env("NEO4J_PASSWORD", "wr0ng");
    assert_eq!(destinations(&refused, &[]).1, ["neo4j-login-refused"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn missing_collections_and_another_dimension_of_qdrant_are_found() {
    let server = Qdrant::shared().await;
    let url = server.url().await;
    let prefix = unique("doctor");
    let program = |dimension: usize| {
        let text = format!(
            "[queues.qdrant]\n[qdrant]\ncollection_prefix = \"{prefix}_\"\ndimension = {dimension}\n"
        );
        Program::new()
            .env("QDRANT_URL", &url)
            .file("fanout.toml", text)
    };
    let (code, found) = destinations(&program(4), &[]);
    assert_eq!(
        (code, found),
        (Some(1), vec!["qdrant-collection-missing".to_owned(); 4])
    );
    let fixed = destinations(&program(4), &["--fix", "--yes"]);
    assert_eq!(fixed, (Some(0), Vec::new()));
    let (code, found) = destinations(&program(8), &[]);
    assert_eq!(
        (code, found),
        (Some(1), vec!["qdrant-collection-differs".to_owned(); 2])
    );
}
