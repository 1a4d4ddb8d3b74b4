use fanout::broker::Message;
use serde_json::{Value, json};

use super::rig::{Rig, dead, dead_with};
use super::{DLQ, NEO4J, QDRANT};

fn ids(list: &Value) -> Vec<&str> {
    let letters = list["dead_letters"].as_array().unwrap();
    letters
        .iter()
        .map(|letter| letter["id"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn looking_consumes_nothing_and_keeps_the_order() {
    let rig = Rig::new("dlq-look").await;
    rig.dead(600).await;
    let before = rig.ids(DLQ).await;
    for _ in 0..2 {
        assert_eq!(ids(&rig.json(&["list", "--limit", "3"])), before[..3]);
        rig.ready_is(DLQ, 600).await;
        let groups = rig.json(&["group"]);
        assert_eq!(
            (&groups["ready"], &groups["looked_at"]),
            (&json!(600), &json!(600))
        );
        rig.ready_is(DLQ, 600).await;
        let shown = rig.json(&["show", "300"]);
        assert_eq!(shown["body"]["event_id"], "300");
        rig.ready_is(DLQ, 600).await;
    }
    let far = rig.json(&["list", "--limit", "2", "--offset", "590"]);
    assert_eq!(
        (ids(&far), &far["more"]),
        (vec![&*before[590], &*before[591]], &json!(true))
    );
    assert!(rig.ids(DLQ).await == before, "the order has changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn groups_filters_and_one_letter_show_what_is_wrong() {
    let rig = Rig::new("dlq-group").await;
    rig.dead(5).await;
    rig.publish([
        dead("q", QDRANT, "qdrant-dimension"),
        dead_with(
            "bytes",
            NEO4J,
            "body-not-utf8",
            b"\xff\x00".as_slice().into(),
        ),
    ])
    .await;
    let groups = rig.json(&["group"]);
    let rows = groups["groups"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(
        (
            &rows[0]["count"],
            &rows[0]["reason"],
            &rows[0]["error"],
            &rows[0]["example"]
        ),
        (
            &json!(5),
            &json!("neo4j-value"),
            &json!("value # of '…' is wrong"),
            &json!("0")
        )
    );
    let group = rows[0]["id"].as_str().unwrap();
    let of = |args: &[&str]| {
        let args: Vec<_> = ["list"].iter().chain(args).copied().collect();
        ids(&rig.json(&args)).join(" ")
    };
    assert_eq!(of(&["--group", group]), "0 1 2 3 4");
    assert_eq!(of(&["--queue", "qdrant"]), "q");
    assert_eq!(of(&["--kind", "view", "--reason", "qdrant-dimension"]), "q");
    assert_eq!(of(&["--text", "\"u3\""]), "3");
    assert_eq!(of(&["--since", "1h", "--id", "4"]), "4");
    assert_eq!(of(&["--until", "1h"]), "");
    let shown = rig.json(&["show", "bytes"]);
    assert_eq!(
        (&shown["body_base64"], &shown["size"]),
        (&json!("/wA="), &json!(2))
    );
    let shown = rig.json(&["show", "0"]);
    assert_eq!(shown["history"][0]["reason"], "neo4j-value");
    assert_eq!(shown["headers"]["fanout-origin-queue"], NEO4J);
    assert_eq!(
        (&shown["attempt"], &shown["queue"]),
        (&json!(4), &json!(NEO4J))
    );
    let table = rig.program.run(&["dlq", "group"]).good();
    assert!(
        table.contains(group) && table.contains("value # of '…'"),
        "{table}"
    );
    assert!(
        rig.program
            .run(&["dlq", "show", "none"])
            .bad(1)
            .contains("no dead letter")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn what_the_configuration_names_is_masked() {
    let rig = Rig::new("dlq-mask").await;
    rig.dead(1).await;
    let masked = ["dlq", "show", "0", "--json"];
    let program = rig.program.env("FANOUT_DLQ_REDACT", "/user_id");
    let shown = program.run(&masked).json();
    assert_eq!(
        (&shown["body"]["user_id"], &shown["redacted"]),
        (&json!("***"), &json!(true))
    );
    assert_eq!(shown["body"]["product_id"], 1);
    let shown = program
        .run(&["dlq", "show", "0", "--json", "--unredacted"])
        .json();
    assert_eq!(shown["body"]["user_id"], "u0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn what_the_broker_dead_lettered_has_a_reason_and_goes_back() {
    let rig = Rig::new("dlq-broker").await;
    let policy = json!({"pattern": "^events\\.neo4j$", "apply-to": "queues",
        "definition": {"message-ttl": 100}});
    let path = rig.vhost.path("policies", "short");
    rig.vhost.management().put(&path, &policy).await;
    rig.publish([Message {
        exchange: "events".to_owned(),
        body: r#"{"event_id":"late","event_type":"view","user_id":1}"#.into(),
        ..Message::default()
    }])
    .await;
    rig.ready_is(DLQ, 1).await;
    let list = rig.json(&["list"]);
    let letter = &list["dead_letters"][0];
    assert_eq!(
        (
            &letter["id"],
            &letter["reason"],
            &letter["queue"],
            &letter["by_broker"]
        ),
        (
            &json!("late"),
            &json!("expired"),
            &json!(NEO4J),
            &json!(true)
        )
    );
    assert!(letter["dead_lettered_at"].is_string(), "{letter}");
    rig.vhost.management().delete(&path).await;
    let report = rig.json(&["replay", "--reason", "expired"]);
    assert_eq!(report["done"], 1);
    rig.ready_is(DLQ, 0).await;
    let back = rig.take(NEO4J, 1).await.remove(0);
    assert!(!back.properties.headers.contains_key("x-death"));
    let history = back.properties.headers["fanout-history"].as_str().unwrap();
    assert!(history.contains("expired"), "{history}");
    rig.ready_is(QDRANT, 1).await;
}
