//! `fanout ledger` against Neo4j.

use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::program::{Ended, Program};
use crate::support::neo4j::{Neo4j, PASSWORD};
use crate::support::{eventually, unique};

const SOON: Duration = Duration::from_secs(60);
/// Two full transactions and a half.
const OLD: u64 = 25_000;

/// Ids of one test, in the shared server. Those of all others are of today.
struct Entries {
    neo4j: &'static Neo4j,
    name: String,
}

impl Entries {
    async fn make(neo4j: &'static Neo4j) -> Self {
        let name = unique("pruned");
        let make = "UNWIND range(0, $old - 1) AS i
            CREATE (:AppliedEvent {id: $name + '-old-' + i, nonce: 0, follow_ups: '[]',
                at: datetime('2001-01-01T00:00:00Z') + duration({seconds: i})})
            WITH count(*) AS done UNWIND range(1, 3) AS i
            CREATE (:AppliedEvent {id: $name + '-young-' + i, nonce: 0, at: datetime()})";
        for schema in [
            "CREATE CONSTRAINT applied_event_id IF NOT EXISTS \
             FOR (n:AppliedEvent) REQUIRE n.id IS UNIQUE",
            "CREATE INDEX applied_event_at IF NOT EXISTS FOR (n:AppliedEvent) ON (n.at)",
        ] {
            neo4j.rows(schema, json!({})).await;
        }
        neo4j.rows(make, json!({"name": name, "old": OLD})).await;
        Self { neo4j, name }
    }

    /// How many are left of the old ones, and of the young ones.
    async fn left(&self) -> (u64, u64) {
        let count = "MATCH (e:AppliedEvent) WHERE e.id STARTS WITH $start RETURN count(e)";
        let left = async |age: &str| {
            let start = format!("{}-{age}-", self.name);
            self.neo4j.number(count, json!({ "start": start })).await
        };
        (left("old").await, left("young").await)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn old_entries_go_in_bounded_steps_that_can_be_interrupted_and_young_ones_stay() {
    let neo4j = Neo4j::shared().await;
    let entries = Entries::make(neo4j).await;
    let program = Program::new()
        .env(
            "NEO4J_URI",
            &format!("bolt://127.0.0.1:{}", neo4j.bolt_port().await),
        )
        .env("NEO4J_PASSWORD", PASSWORD);
    let prune = |args: &[&str]| program.run(&[&["ledger", "prune", "--json"], args].concat());

    let stats = program.run(&["ledger", "stats", "--json"]).json();
    assert_eq!(stats["prunable"], OLD);
    assert_eq!(stats["oldest"], "2001-01-01T00:00:00Z");
    let would = prune(&["--dry-run"]).json();
    assert_eq!(
        (&would["removed"], &would["prunable"]),
        (&json!(OLD), &json!(0))
    );
    assert_eq!(entries.left().await, (OLD, 3));

    let some = prune(&["--limit", "5"]).json();
    assert_eq!(
        (&some["removed"], &some["prunable"]),
        (&json!(5), &json!(OLD - 5))
    );
    // the oldest first
    assert_eq!(some["oldest"], "2001-01-01T00:00:05Z");
    assert_eq!(entries.left().await, (OLD - 5, 3));

    let stopped = interrupted(&entries, &program).await;
    let stopped_at: Value = serde_json::from_str(&stopped.stdout).unwrap();
    assert_eq!(
        (stopped.code, &stopped_at["stopped"]),
        (Some(1), &json!(true))
    );
    assert_eq!(stopped_at["removed"], 20_000);
    assert_eq!(entries.left().await, (OLD - 20_005, 3));

    let rest = prune(&[]).json();
    assert_eq!(
        (&rest["removed"], &rest["stopped"]),
        (&json!(OLD - 20_005), &json!(false))
    );
    assert_eq!(entries.left().await, (0, 3));
    let none = program.run(&["ledger", "prune"]).good();
    assert!(none.starts_with("0 entries older than "), "{none}");
}

/// Ctrl-C while the second transaction waits for a lock: it is finished, and nothing after it.
async fn interrupted(entries: &Entries, program: &Program) -> Ended {
    let lock = "MATCH (e:AppliedEvent {id: $id}) SET e._lock = true";
    let id = format!("{}-old-15000", entries.name);
    let lock = entries.neo4j.hold(lock, json!({ "id": id })).await;
    let mut command = program.command(&["ledger", "prune", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let pruning = command.spawn().unwrap();
    eventually("the first ones are gone", SOON, async || {
        (entries.left().await.0 == OLD - 10_005).then_some(())
    })
    .await;
    let pid = Pid::from_raw(i32::try_from(pruning.id()).unwrap());
    kill(pid, Signal::SIGINT).unwrap();
    // Still there, since it waits for the lock: it did not give up what is under way.
    assert_eq!(entries.left().await.0, OLD - 10_005);
    lock.release().await;
    Ended::of(pruning.wait_with_output().unwrap())
}
