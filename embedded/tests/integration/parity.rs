//! The embedded graph and a Neo4j server hold the same after the same events.

use std::sync::LazyLock;
use std::time::Duration;

use fanout_contract::{Batch, Event, EventBuilder, EventId, Outcome, Processor};
use fanout_embedded::graph::{EmbeddedGraph, GraphId};
use fanout_neo4j::mapping::Interactions;
use fanout_neo4j::{Neo4jConfig, Neo4jProcessor, Value as Property};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::neo4j::{Neo4j, PASSWORD};

const SEEDS: u64 = 12;

/// What an interaction may say of its product.
static SAID: LazyLock<[(&str, Vec<Value>); 4]> = LazyLock::new(|| {
    [
        ("price", vec![json!(1), json!(2.5), json!("3"), Value::Null]),
        ("category_id", vec![json!(7), json!("7")]),
        ("category_code", vec![json!("a"), json!("")]),
        ("brand", vec![json!("b"), json!("c"), json!({})]),
    ]
});

/// Few subjects, so that events meet: four users and four products of both types of id.
struct Cast(i64);

impl Cast {
    fn id(&self, role: &str, n: i64) -> Value {
        if n % 2 == 0 {
            json!(self.0 * 1_000 + n)
        } else {
            json!(format!("{role}-{}-{n}", self.0))
        }
    }

    fn all(&self, role: &str) -> Vec<Value> {
        (0..4).map(|n| self.id(role, n)).collect()
    }
}

fn random_event(random: &mut fastrand::Rng, cast: &Cast) -> Event {
    const KINDS: [&str; 7] = [
        "product.viewed",
        "product.carted",
        "product.uncarted",
        "product.purchased",
        "product.upserted",
        "product.deleted",
        "user.deleted",
    ];
    // users are deleted seldom: their end is final
    let kind = KINDS[if random.u8(..20) == 0 {
        6
    } else {
        random.usize(..6)
    }];
    let mut payload = json!({
        "userId": cast.id("u", random.i64(0..4)),
        "productId": cast.id("p", random.i64(0..4)),
    });
    match random.u8(..3) {
        0 => payload["session"] = json!("a"),
        1 => payload["session"] = json!("b"),
        _ => {}
    }
    for (name, values) in SAID.iter() {
        if random.u8(..3) == 0 {
            payload[*name] = values[random.usize(..values.len())].clone();
        }
    }
    if kind == "product.upserted" {
        payload["name"] = json!(format!("n{}", random.u8(..9)));
        payload["price"] = json!(f64::from(random.u8(..)) / 7.0);
        payload["tags"] = json!(["x", "y"]);
    }
    // a small space of ids: some events are repeats of others with another body
    let id = EventId::new(format!("e{}-{}", cast.0, random.u16(..400)));
    let second = 1_767_225_600 + random.i64(0..8);
    EventBuilder::new(id, kind, payload.to_string().into())
        .occurred_at(Timestamp::from_second(second).unwrap())
        .build()
}

fn text_of(outcomes: Vec<Outcome>) -> Vec<String> {
    outcomes
        .iter()
        .map(|outcome| format!("{outcome:?}"))
        .collect()
}

async fn on_server(server: &Neo4j, cast: &Cast) -> Value {
    let relations = "UNWIND range(0, 3) AS i MATCH (u:User {id: $users[i]})-[x]->(p:Product) \
        RETURN i, type(x), p.id, x.count, x.first_at.epochSeconds, x.last_at.epochSeconds, \
        x.last_session";
    let products = "UNWIND range(0, 3) AS i MATCH (p:Product {id: $products[i]}) \
        RETURN i, p:Deleted, p._version, p.name, p.price, p.tags, p.category_id, \
        p.category_code, p.brand ORDER BY i";
    let parameters = json!({"users": cast.all("u"), "products": cast.all("p")});
    let mut relations = server.rows(relations, parameters.clone()).await;
    relations.sort_by_key(Value::to_string);
    json!([relations, server.rows(products, parameters).await])
}

fn id(value: &Value) -> GraphId {
    match value.as_i64() {
        Some(number) => number.into(),
        None => value.as_str().unwrap().into(),
    }
}

fn plain(property: Option<&Property>) -> Value {
    match property {
        Some(Property::Text(text)) => json!(text),
        Some(Property::Float(number)) => json!(number),
        Some(Property::Int(number)) => json!(number),
        Some(Property::List(items)) => items.iter().map(|item| plain(Some(item))).collect(),
        _ => Value::Null,
    }
}

fn embedded(graph: &EmbeddedGraph, cast: &Cast) -> Value {
    let mut relations = Vec::new();
    for (i, user) in cast.all("u").iter().enumerate() {
        for relation in graph.relations_of(&id(user), 1_000).unwrap() {
            relations.push(json!([
                i,
                relation.kind.relationship(),
                relation.product,
                relation.count,
                relation.first_at.as_second(),
                relation.last_at.as_second(),
                relation.last_session,
            ]));
        }
    }
    relations.sort_by_key(Value::to_string);
    let mut products = Vec::new();
    for (i, product) in cast.all("p").iter().enumerate() {
        if let Some(product) = graph.product(&id(product)).unwrap() {
            let property = |name: &str| plain(product.properties.get(name));
            products.push(json!([
                i,
                product.deleted,
                product.version,
                property("name"),
                property("price"),
                property("tags"),
                property("category_id"),
                property("category_code"),
                property("brand"),
            ]));
        }
    }
    json!([relations, products])
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn random_events_lead_to_the_same_graph_and_the_same_outcomes() {
    let server = Neo4j::shared().await;
    let config = Neo4jConfig {
        uri: format!("bolt://127.0.0.1:{}", server.bolt_port().await),
        password: PASSWORD.to_owned(),
        query_timeout: Duration::from_secs(60),
        ..Neo4jConfig::default()
    };
    let bolt = Neo4jProcessor::new(config.clone()).unwrap();
    bolt.prepare().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let graph = EmbeddedGraph::open(&folder.path().join("graph")).unwrap();
    let own = Neo4jProcessor::with_store(graph.clone(), &config, Interactions);

    let mut relations = 0;
    for seed in 0..SEEDS {
        let mut random = fastrand::Rng::with_seed(seed);
        let cast = Cast(i64::try_from(seed).unwrap() + 1);
        for _ in 0..12 {
            let count = random.usize(1..25);
            let events = (0..count).map(|_| random_event(&mut random, &cast));
            let batch = Batch::from_events(events.collect()).unwrap();
            let theirs = text_of(bolt.process(&batch).await.unwrap().into_vec());
            let ours = text_of(own.process(&batch).await.unwrap().into_vec());
            assert_eq!(ours, theirs, "seed {seed}");
        }
        let theirs = on_server(server, &cast).await;
        assert_eq!(embedded(&graph, &cast), theirs, "seed {seed}");
        relations += theirs[0].as_array().unwrap().len();
    }
    assert!(
        relations > 50,
        "too little happened to compare: {relations}"
    );
}
