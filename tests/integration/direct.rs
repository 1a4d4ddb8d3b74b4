//! `USE_RABBITMQ=false` and the questions to the stores, against a real Neo4j and Qdrant.

use serde_json::{Value, json};

use crate::gateway_program::Gateway;
use crate::program::Program;
use crate::support::neo4j::{Neo4j, PASSWORD};
use crate::support::qdrant::Qdrant;
use crate::support::{eventually, unique};

const SOON: std::time::Duration = std::time::Duration::from_secs(60);

/// Ids that nobody else has.
struct Shop {
    user: String,
    lamp: String,
    chair: String,
    desk: String,
}

impl Shop {
    fn new() -> Self {
        Self {
            user: unique("user"),
            lamp: unique("lamp"),
            chair: unique("chair"),
            desk: unique("desk"),
        }
    }

    /// Three products, what the user did with two of them, some of it twice, and two lines
    /// that end otherwise.
    fn lines(&self) -> String {
        let product = |id: &str, vector: [f32; 2]| {
            let payload =
                json!({"productId": id, "name": format!("name of {id}"), "vector": vector});
            json!({"eventId": format!("{id}-1"), "version": "v1", "eventType": "product.upserted",
                "timestamp": "2026-01-01T00:00:00Z", "payload": payload})
        };
        let view = |n: u32, kind: &str, id: &str| {
            json!({"eventId": format!("{}-{n}", self.user), "version": "v1", "eventType": kind,
                "timestamp": format!("2026-01-0{n}T00:00:00Z"),
                "payload": {"userId": self.user, "productId": id, "session": "s"}})
        };
        let mut lines: Vec<Value> = vec![
            product(&self.lamp, [1.0, 0.0]),
            product(&self.chair, [0.9, 0.1]),
            product(&self.desk, [0.0, 1.0]),
            view(1, "product.viewed", &self.lamp),
            view(2, "product.viewed", &self.lamp),
            view(3, "product.purchased", &self.chair),
        ];
        lines.extend(lines.clone());
        lines.push(
            json!({"eventId": unique("bad"), "version": "v1", "eventType": "product.viewed",
            "timestamp": "2026-01-01T00:00:00Z", "payload": {"userId": self.user}}),
        );
        let text: Vec<_> = lines.iter().map(Value::to_string).collect();
        format!("{}\nno event\n", text.join("\n"))
    }
}

async fn environment(neo4j: &Neo4j, qdrant: &Qdrant, prefix: &str) -> Vec<(String, String)> {
    let bolt = format!("bolt://127.0.0.1:{}", neo4j.bolt_port().await);
    [
        ("USE_RABBITMQ", "false"),
        // nobody listens there
        ("RABBITMQ_URL", "amqp://127.0.0.1:1/%2f"),
        ("NEO4J_URI", &bolt),
        ("NEO4J_PASSWORD", PASSWORD),
        ("QDRANT_URL", &qdrant.url().await),
        ("FANOUT_QDRANT_COLLECTION_PREFIX", prefix),
        ("FANOUT_QDRANT_DIMENSION", "2"),
        ("FANOUT_RETRY_DELAYS", "100ms"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn program(env: &[(String, String)]) -> Program {
    let set = |program: Program, (name, value): &(String, String)| program.env(name, value);
    env.iter().fold(Program::new(), set)
}

fn answer(program: &Program, args: &[&str]) -> Value {
    serde_json::from_str(&program.run(args).good()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn without_rabbitmq_a_file_is_projected_once_into_both_stores_which_answer_for_it() {
    let (neo4j, qdrant) = tokio::join!(Neo4j::shared(), Qdrant::shared());
    let (shop, prefix) = (Shop::new(), format!("{}_", unique("direct")));
    let program =
        program(&environment(neo4j, qdrant, &prefix).await).file("shop.ndjson", shop.lines());
    for (run, applied) in [(1, 6), (2, 0)] {
        let ended = program.run(&["publish", "shop.ndjson", "--json"]);
        assert_eq!(
            ended.code,
            Some(1),
            "a line and an event are bad: {ended:?}"
        );
        let told: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(
            (&told["published"], &told["refused"]),
            (&json!(13), &json!(1)),
            "{told}"
        );
        assert_eq!(told["waiting"], 0);
        assert_eq!(
            told["queues"]["neo4j"]["applied"], applied,
            "run {run}: {told}"
        );
        for queue in ["neo4j", "qdrant"] {
            assert_eq!(told["queues"][queue]["dead_lettered"], 1, "{told}");
        }
    }

    the_stores_answer_for(&shop, &program);
    for command in ["graph", "recommend", "similar"] {
        let complaint = program.run(&[command, "nobody"]).bad(1);
        assert!(complaint.contains("\"nobody\""), "{complaint}");
    }
}

fn the_stores_answer_for(shop: &Shop, program: &Program) {
    let graph = answer(program, &["graph", &shop.user, "--json"]);
    let relations: Vec<_> = graph["relations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| {
            (
                r["relationship"].as_str().unwrap(),
                r["product_id"].as_str().unwrap(),
                r["count"].as_i64().unwrap(),
            )
        })
        .collect();
    let wanted = [
        ("PURCHASED", shop.chair.as_str(), 1),
        ("VIEWED", shop.lamp.as_str(), 2),
    ];
    assert_eq!(relations, wanted, "the latest first");
    assert_eq!(
        graph["relations"][1]["name"],
        format!("name of {}", shop.lamp)
    );
    assert_eq!(graph["relations"][1]["last_at"], "2026-01-02T00:00:00Z");

    let near = answer(program, &["recommend", &shop.user, "--json", "-n", "2"]);
    let ids: Vec<_> = near["products"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["product_id"].clone())
        .collect();
    assert_eq!(ids.len(), 2, "{near}");
    assert!(!ids.contains(&json!(shop.desk)), "{near}");
    let similar = answer(program, &["similar", &shop.lamp, "--json"]);
    assert_eq!(
        similar["products"][0]["product_id"], shop.chair,
        "{similar}"
    );
    assert!(
        similar["products"][0]["score"].as_f64().unwrap() > 0.99,
        "{similar}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn what_waits_when_a_direct_run_is_stopped_goes_on_with_the_next() {
    let (neo4j, qdrant) = tokio::join!(Neo4j::shared(), Qdrant::shared());
    let (shop, prefix) = (Shop::new(), format!("{}_", unique("stopped")));
    let program =
        program(&environment(neo4j, qdrant, &prefix).await).file("shop.ndjson", shop.lines());
    let away = program
        .command(&["publish", "shop.ndjson", "--json"])
        .env("QDRANT_URL", "http://127.0.0.1:1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    eventually("the graph has its events", SOON, async || {
        program
            .run(&["graph", &shop.user])
            .code
            .filter(|code| *code == 0)
    })
    .await;
    let pid = nix::unistd::Pid::from_raw(i32::try_from(away.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let stopped: Value = serde_json::from_slice(&away.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(stopped["queues"]["qdrant"]["applied"], 0, "{stopped}");
    assert!(stopped["waiting"].as_u64().unwrap() >= 13, "{stopped}");

    let program = program.file("nothing.ndjson", "");
    let next = program.run(&["publish", "nothing.ndjson", "--json"]);
    let told: Value = serde_json::from_str(&next.stdout).unwrap();
    assert_eq!(told["waiting"], 0, "{told}");
    assert_eq!(told["queues"]["qdrant"]["applied"], 6, "{told}");
    assert_eq!(told["queues"]["qdrant"]["dead_lettered"], 1, "{told}");
    answer(&program, &["recommend", &shop.user, "--json"]);
}

#[test]
#[ignore = "needs Docker: run scripts/test"]
fn a_folder_that_another_program_has_exits_3_with_the_way_out() {
    let program = Program::new()
        .env("USE_RABBITMQ", "false")
        .file("a.ndjson", "");
    assert_eq!(program.run(&["publish", "a.ndjson"]).code, Some(0));
    let lock = program.folder().join("fanout-data/broker/lock");
    let held = std::fs::OpenOptions::new().write(true).open(lock).unwrap();
    held.try_lock().unwrap();
    let complaint = program.run(&["publish", "a.ndjson"]).bad(3);
    assert!(complaint.contains("FANOUT_LOCAL_DIR"), "{complaint}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn without_rabbitmq_the_gateway_projects_what_is_posted_into_both_stores() {
    let (neo4j, qdrant) = tokio::join!(Neo4j::shared(), Qdrant::shared());
    let (shop, prefix) = (Shop::new(), format!("{}_", unique("gateway")));
    let env = environment(neo4j, qdrant, &prefix).await;
    let program = program(&env);
    let mut gateway = Gateway::with(env);
    let lines = shop.lines();
    let events: Vec<_> = lines.lines().filter(|line| line.starts_with('{')).collect();
    let waits = "/events?wait=applied&timeout=1s";
    let (status, answer) = gateway
        .post(waits, &format!("[{}]", events.join(",")))
        .await;
    // one of them is a dead letter, and nowhere applied
    assert_eq!((status, &answer["accepted"]), (202, &json!(13)), "{answer}");
    assert_eq!(answer["applied"], false, "{answer}");
    let good = format!("[{}]", events[..6].join(","));
    let (status, answer) = gateway
        .post("/events?wait=applied&timeout=60s", &good)
        .await;
    assert_eq!((status, &answer["pending"]), (200, &json!({})), "{answer}");
    eventually("health knows both stores", SOON, async || {
        let stores = gateway.get("/health").await.1["dependencies"].clone();
        let connected = |store: &str| stores[store]["connected"] == true;
        (connected("neo4j") && connected("qdrant")).then_some(())
    })
    .await;
    eventually("both stores have it", SOON, async || {
        ["graph", "recommend"]
            .iter()
            .all(|command| program.run(&[command, &shop.user]).code == Some(0))
            .then_some(())
    })
    .await;
    gateway.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(gateway.exit_code().await, Some(0));
    the_stores_answer_for(&shop, &program);
}
