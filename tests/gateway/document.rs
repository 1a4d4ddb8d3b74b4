//! `/openapi.json` says what there is, no more and no less.

use std::collections::BTreeSet;

use fanout::publish::gateway::ROUTES;
use serde_json::Value;

use crate::client::Request;
use crate::dlq::with_dead;
use crate::rig::{Rig, VERSION, event};

async fn document(rig: &Rig) -> Value {
    rig.get("/openapi.json").await.with_status(200)
}

#[tokio::test]
async fn the_document_has_exactly_the_routes_there_are() {
    let rig = Rig::start().await;
    let document = document(&rig).await;
    assert_eq!(document["info"]["version"], VERSION);
    let methods = ["get", "post", "put", "delete", "patch", "head", "options"];
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let known = item
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| methods.contains(&key.as_str()));
            known.map(|method| (method.clone(), path.clone()))
        })
        .collect();
    let routes = ROUTES.map(|(method, path)| (method.to_owned(), path.to_owned()));
    assert_eq!(described, BTreeSet::from(routes));
    for (method, path) in ROUTES {
        let path = path.replace("{name}", "neo4j").replace("{id}", "e-1");
        let request = Request::new(&method.to_uppercase(), &path).body("");
        let answer = rig.send(request).await;
        let unknown = answer.text.contains("no such path") || answer.status == 405;
        assert!(!unknown, "{method} {path}: {answer:?}");
    }
}

/// Follows `#/components/…`.
fn resolved<'d>(document: &'d Value, node: &'d Value) -> &'d Value {
    match node["$ref"].as_str() {
        Some(path) => document
            .pointer(path.trim_start_matches('#'))
            .unwrap_or_else(|| panic!("{path} leads nowhere")),
        None => node,
    }
}

/// Every `$ref` below a node.
fn references(node: &Value, found: &mut Vec<String>) {
    match node {
        Value::Object(members) => {
            found.extend(
                members
                    .get("$ref")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            );
            members
                .values()
                .for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_reference_in_the_document_leads_somewhere() {
    let rig = Rig::start().await;
    let document = document(&rig).await;
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for path in found {
        let target = document.pointer(path.trim_start_matches('#'));
        assert!(target.is_some(), "{path} leads nowhere");
    }
}

/// The answer has what its schema requires, and nothing that the schema does not know.
fn conforms(document: &Value, schema: &str, answer: &Value) {
    let schema = &document["components"]["schemas"][schema];
    let answer = answer.as_object().unwrap();
    for name in schema["required"].as_array().unwrap() {
        assert!(
            answer.contains_key(name.as_str().unwrap()),
            "{name} is missing in {answer:?}"
        );
    }
    for (name, value) in answer {
        let described = resolved(document, &schema["properties"][name]);
        assert!(described.is_object(), "{name} is not described");
        let Some(kinds) = described.get("type") else {
            continue;
        };
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let fits = kinds == kind
            || kinds
                .as_array()
                .is_some_and(|kinds| kinds.contains(&kind.into()));
        assert!(fits, "{name} is {value}, not {kinds}");
    }
}

#[tokio::test]
async fn answers_have_the_shape_that_the_document_gives_them() {
    let rig = Rig::start().await;
    let document = document(&rig).await;
    let accepted = rig
        .post(&format!("[{},{{}}]", event("view", "a")))
        .await
        .json();
    conforms(&document, "Accepted", &accepted);
    conforms(&document, "Rejected", &accepted["rejected"][0]);
    conforms(&document, "Whereabouts", &rig.get("/events/a").await.json());
    conforms(&document, "Health", &rig.get("/health").await.json());
    conforms(
        &document,
        "BrokerHealth",
        &rig.get("/rabbitmq/health").await.json(),
    );
    conforms(
        &document,
        "Queue",
        &rig.get("/rabbitmq/queues/neo4j").await.json(),
    );
    conforms(
        &document,
        "Queue",
        &rig.get("/rabbitmq/queues/events.dlq").await.json(),
    );
    let purge = Request::new("POST", "/rabbitmq/queues/neo4j/purge").body("");
    conforms(&document, "Purged", &rig.send(purge).await.json());
}

#[tokio::test]
async fn the_workbench_answers_as_the_document_says() {
    let (rig, _folder) = with_dead(2, |_| {}).await;
    let document = document(&rig).await;
    let page = rig.get("/dlq").await.with_status(200);
    conforms(&document, "DeadLetters", &page);
    conforms(&document, "DeadLetter", &page["dead_letters"][0]);
    let groups = rig.get("/dlq/groups").await.with_status(200);
    conforms(&document, "DeadLetterGroups", &groups);
    conforms(&document, "DeadLetterGroup", &groups["groups"][0]);
    conforms(
        &document,
        "DeadLetterDetail",
        &rig.get("/dlq/0").await.json(),
    );
    let replay = Request::new("POST", "/dlq/replay").body("{\"all\":true}");
    conforms(
        &document,
        "ReplayReport",
        &rig.send(replay).await.with_status(200),
    );
    conforms(
        &document,
        "ReplayState",
        &rig.get("/dlq/replay").await.json(),
    );
}
