//! Events of a shop by seed, and what the graph must say after them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fanout::broker::{Message, Properties};
use serde_json::{Value, json};

use crate::support::ledger::Ledger;
use crate::support::neo4j::Neo4j;
use crate::support::unique;

pub const QUEUE: &str = "events.neo4j";

/// 2024-01-01, so never in the future.
const START: i64 = 1_704_067_200;
const USERS: u64 = 100;
const PRODUCTS: u64 = 50;
const KINDS: [(&str, &str); 4] = [
    ("product.viewed", "VIEWED"),
    ("product.carted", "CARTED"),
    ("product.uncarted", "UNCARTED"),
    ("product.purchased", "PURCHASED"),
];

/// User, product, type of relationship.
type Pair = (String, u64, String);

/// What a relationship holds; times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Interaction {
    count: u64,
    first: i64,
    last: i64,
}

/// A shop with users that nobody else has.
pub struct Shop {
    name: String,
    rng: fastrand::Rng,
    ledger: Ledger,
    expected: BTreeMap<Pair, Interaction>,
    /// Id, code and body of what is no event.
    malformed: Vec<(String, &'static str, Bytes)>,
}

impl Shop {
    /// Prints its seed.
    pub fn new(name: &str) -> Self {
        let seed = fastrand::u64(..);
        println!("{name}: seed {seed}");
        Self {
            name: unique(name),
            rng: fastrand::Rng::with_seed(seed),
            ledger: Ledger::default(),
            expected: BTreeMap::new(),
            malformed: Vec::new(),
        }
    }

    pub fn rng(&mut self) -> &mut fastrand::Rng {
        &mut self.rng
    }

    /// How many different events so far.
    pub fn len(&self) -> u64 {
        self.ledger.len() as u64
    }

    /// New events, each once.
    pub fn events(&mut self, count: usize) -> Vec<Message> {
        (0..count).map(|_| self.event()).collect()
    }

    /// New events, so many in a hundred of them twice, shuffled.
    pub fn with_repeats(&mut self, count: usize, in_hundred: usize) -> Vec<Message> {
        let mut messages = self.events(count);
        for n in self.rng.choose_multiple(0..count, count * in_hundred / 100) {
            messages.push(messages[n].clone());
        }
        self.rng.shuffle(&mut messages);
        messages
    }

    /// So many messages that are no events, for places of their own among others.
    pub fn malformed(&mut self, count: usize) -> Vec<Message> {
        (0..count).map(|n| self.no_event(n)).collect()
    }

    pub fn shuffle(&mut self, messages: &mut [Message]) {
        self.rng.shuffle(messages);
    }

    fn event(&mut self) -> Message {
        let id = format!("{}-{}", self.name, self.ledger.len());
        let user = format!("{}-u{}", self.name, self.rng.u64(0..USERS));
        let product = self.rng.u64(0..PRODUCTS);
        let (kind, relationship) = KINDS[self.rng.usize(0..KINDS.len())];
        let second = START + self.rng.i64(0..10_000_000);
        let body = json!({
            "eventId": id,
            "version": "v1",
            "eventType": kind,
            "timestamp": second,
            "payload": {"userId": user, "productId": product, "session": "s"},
        });
        self.ledger.published([id.as_str()]);
        let at = second * 1000;
        self.expected
            .entry((user, product, relationship.to_owned()))
            .and_modify(|known| {
                known.count += 1;
                known.first = known.first.min(at);
                known.last = known.last.max(at);
            })
            .or_insert(Interaction {
                count: 1,
                first: at,
                last: at,
            });
        message(&id, body.to_string().into())
    }

    fn no_event(&mut self, n: usize) -> Message {
        let id = format!("{}-m{n}", self.name);
        let (code, body): (_, Vec<u8>) = match n % 5 {
            0 => ("body-not-json", format!("{{\"eventId\":\"{id}\",").into()),
            1 => ("body-not-utf8", [id.as_bytes(), b"\xff\x00"].concat()),
            2 => ("body-not-object", json!([id]).to_string().into()),
            3 => {
                let body =
                    json!({"eventId": id, "version": "v7", "eventType": "view", "payload": {}});
                ("unknown-version", body.to_string().into())
            }
            _ => {
                let payload = json!({"userId": {"nested": 1}, "productId": 1});
                let body = json!({"eventId": id, "version": "v1", "eventType": "view", "payload": payload});
                ("payload-invalid", body.to_string().into())
            }
        };
        let body = Bytes::from(body);
        self.malformed.push((id.clone(), code, body.clone()));
        message(&id, body)
    }

    /// Counts, times, and the ledger of the graph are what they must be.
    pub async fn check(&self, neo4j: &Neo4j) {
        let entries = "MATCH (e:AppliedEvent) WHERE e.id STARTS WITH $name RETURN e.id";
        let parameters = json!({"name": format!("{}-", self.name)});
        let ids = neo4j.rows(entries, parameters.clone()).await;
        let ids = ids.iter().map(|row| row[0].as_str().unwrap());
        self.ledger.compare(ids).assert_exact();

        let relationships = "MATCH (u:User)-[x]->(p:Product) WHERE u.id STARTS WITH $name \
             RETURN u.id, p.id, type(x), x.count, x.first_at.epochMillis, x.last_at.epochMillis";
        let rows = neo4j.rows(relationships, parameters).await;
        let found: BTreeMap<Pair, Interaction> = rows.iter().map(interaction).collect();
        assert_eq!(rows.len(), found.len(), "one relationship a pair");
        let pairs: BTreeSet<_> = self.expected.keys().chain(found.keys()).collect();
        let wrong: Vec<_> = pairs
            .into_iter()
            .map(|pair| (pair, self.expected.get(pair), found.get(pair)))
            .filter(|(_, expected, found)| expected != found)
            .collect();
        let first = &wrong[..wrong.len().min(10)];
        assert!(
            wrong.is_empty(),
            "{} wrong (expected, found): {first:?}",
            wrong.len()
        );
    }

    /// Ids, codes and bodies that must be in the dead-letter queue.
    pub fn dead(&self) -> Vec<(String, String, Bytes)> {
        let own = |(id, code, body): &(String, &str, Bytes)| {
            (id.clone(), (*code).to_owned(), body.clone())
        };
        let mut dead: Vec<_> = self.malformed.iter().map(own).collect();
        dead.sort();
        dead
    }
}

fn message(id: &str, body: Bytes) -> Message {
    let properties = Properties {
        message_id: Some(id.to_owned()),
        persistent: true,
        ..Properties::default()
    };
    Message {
        exchange: String::new(),
        routing_key: QUEUE.to_owned(),
        properties,
        body,
    }
}

fn interaction(row: &Value) -> (Pair, Interaction) {
    let text = |n: usize| row[n].as_str().unwrap().to_owned();
    let interaction = Interaction {
        count: row[3].as_u64().unwrap(),
        first: row[4].as_i64().unwrap(),
        last: row[5].as_i64().unwrap(),
    };
    ((text(0), row[1].as_u64().unwrap(), text(2)), interaction)
}
