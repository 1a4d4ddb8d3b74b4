//! The users of docs/operations/security.md, each with the permissions that stand there.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::program::Program;
use crate::support::neo4j::{Neo4j, PASSWORD};
use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::{eventually, unique};
use crate::worker::views;
use crate::worker_program::Program as WorkerProgram;

const SOON: Duration = Duration::from_secs(60);

/// Role → configure, write, read.
fn documented() -> BTreeMap<String, [String; 3]> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations/security.md");
    let text = std::fs::read_to_string(page).unwrap();
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("rabbitmqctl set_permissions --vhost / "));
    lines
        .map(|line| {
            let role = line.split(' ').next().unwrap().to_owned();
            let patterns: Vec<_> = line.split('\'').skip(1).step_by(2).collect();
            let [configure, write, read] = patterns[..] else {
                panic!("not three patterns: {line}");
            };
            (role, [configure, write, read].map(str::to_owned))
        })
        .collect()
}

/// A vhost with a user for each role; the names of users are of the whole broker.
struct Roles {
    vhost: Vhost,
    suffix: String,
}

impl Roles {
    async fn new() -> Self {
        let vhost = RabbitMq::shared().await.vhost("roles").await;
        let suffix = unique("");
        for (role, [configure, write, read]) in documented() {
            let user = format!("{role}{suffix}");
            let tags = if role == "monitor" { "monitoring" } else { "" };
            let body = json!({ "password": "s3cret", "tags": tags });
            let management = vhost.management();
            management.put(&format!("/api/users/{user}"), &body).await;
            let body = json!({ "configure": configure, "write": write, "read": read });
            let path = format!("/api/permissions/{}/{user}", vhost.name());
            management.put(&path, &body).await;
        }
        Self { vhost, suffix }
    }

    fn url(&self, role: &str) -> String {
        let user = format!("{role}{}:s3cret@", self.suffix);
        self.vhost.url().expose().replace("guest:guest@", &user)
    }

    fn fanout(&self, role: &str) -> Program {
        Program::new()
            .env("RABBITMQ_URL", &self.url(role))
            .env("FANOUT_BROKER_TOPOLOGY", "verify")
    }

    async fn worker(&self, role: &str, neo4j: &Neo4j) -> WorkerProgram {
        let bolt = neo4j.bolt_port().await;
        WorkerProgram::new()
            .env("RABBITMQ_URL", &self.url(role))
            .env("FANOUT_BROKER_TOPOLOGY", "verify")
            .env("NEO4J_URI", &format!("bolt://127.0.0.1:{bolt}"))
            .env("NEO4J_PASSWORD", PASSWORD)
    }

    /// The management API tells the monitor what AMQP does not.
    async fn statistics(&self) {
        let port = RabbitMq::shared().await.container().host_port(15672).await;
        let user = format!("monitor{}:s3cret", self.suffix);
        let url = format!("http://{user}@127.0.0.1:{port}");
        let asking = self.fanout("operator").env("RABBITMQ_MANAGEMENT_URL", &url);
        eventually("unacknowledged messages are known", SOON, async || {
            let listed = asking.run(&["queue", "list", "--json"]).json();
            listed[0]["messages_unacknowledged"].as_u64()
        })
        .await;
    }

    async fn ready(&self, queue: &str, messages: u64) {
        let path = self.vhost.path("queues", queue);
        eventually("the statistics are up to date", SOON, async || {
            let queue = self.vhost.management().get(&path).await;
            (queue["messages"] == messages).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn each_role_does_its_work_with_the_documented_permissions_and_nothing_else() {
    let neo4j = Neo4j::shared().await;
    let roles = Roles::new().await;
    let verify = ["topology", "apply"];
    assert_ne!(roles.fanout("publisher").run(&verify).code, Some(0));
    roles
        .fanout("operator")
        .env("FANOUT_BROKER_TOPOLOGY", "declare")
        .run(&verify)
        .good();

    let user = unique("role");
    let good = json!({ "user_id": user, "product_id": 1, "event_type": "view" });
    let events = format!("{good}\n{{\"event_type\":\"view\"}}\n");
    let publisher = roles.fanout("publisher").file("events.ndjson", events);
    let published = publisher.run(&["publish", "events.ndjson"]);
    assert_eq!(published.code, Some(0), "{published:?}");

    let take = ["queue", "purge", "events.neo4j", "--yes"];
    assert_ne!(roles.fanout("publisher").run(&take).code, Some(0));
    let worker = roles.worker("worker-neo4j", neo4j).await;
    let done = worker.run(&["--queue", "neo4j", "--until-empty"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(views(neo4j, &user).await, 1);
    roles.ready("events.dlq", 1).await;
    roles.ready("events.qdrant", 2).await;

    let letters = roles.fanout("gateway").run(&["dlq", "list", "--json"]);
    let letters = letters.json().to_string();
    assert!(letters.contains("payload-invalid"), "{letters}");
    let replay = ["dlq", "replay", "--all"];
    assert_ne!(roles.fanout("worker-neo4j").run(&replay).code, Some(0));
    let replayed = roles.fanout("gateway").run(&replay);
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    roles.ready("events.neo4j", 1).await;
    roles.statistics().await;

    let purge = ["queue", "purge", "events.qdrant", "--yes"];
    assert_ne!(roles.fanout("worker-neo4j").run(&purge).code, Some(0));
    assert_ne!(roles.fanout("monitor").run(&purge).code, Some(0));
    roles.fanout("operator").run(&purge).good();
    roles.ready("events.qdrant", 0).await;
}
