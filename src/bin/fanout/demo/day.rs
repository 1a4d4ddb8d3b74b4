//! A shop's day as a stream of messages: the same for the same seed and size.
//!
//! Customers have tastes. Some events come twice, some late, a few are malformed, and one
//! product is described long after the first customers have looked at it.

use fanout::broker::{Message, Properties};
use serde_json::json;

use super::catalogue::{self, Product};

/// Seven in the morning of the day, seconds since the epoch: 2026-01-15.
const OPENS: i64 = 1_768_460_400;
/// Fourteen hours.
const OPEN_FOR: f64 = 50_400.0;
/// One event in so many comes a second time.
const TWICE: usize = 33;
/// One event in so many comes late.
const LATE: usize = 20;
/// One event in so many is malformed.
const MALFORMED: usize = 200;
/// What comes twice or late comes after so much of the day more, at most.
const DELAY: f64 = 0.05;
/// When the product that was known late is described.
const DESCRIBED: f64 = 0.8;
/// Interactions of a customer, about.
const PER_USER: usize = 20;

/// What customers do, and how often in a hundred.
const DEEDS: [(&str, u32); 4] = [
    ("product.viewed", 80),
    ("product.carted", 12),
    ("product.uncarted", 3),
    ("product.purchased", 5),
];

/// A day.
#[derive(Debug)]
pub(super) struct Day {
    seed: u64,
    exchange: String,
    pub(super) products: Vec<Product>,
    /// In the order in which they are published.
    stream: Vec<Item>,
    pub(super) facts: Facts,
}

/// How much of what is in a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(super) struct Facts {
    /// Messages in all.
    pub(super) published: usize,
    /// Events that are well-formed, each once.
    pub(super) events: usize,
    /// Interactions among them.
    pub(super) interactions: usize,
    /// Messages that repeat an event.
    pub(super) repeated: usize,
    /// Events that came late.
    pub(super) late: usize,
    /// Messages that are no events.
    pub(super) malformed: usize,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    /// When it is published: 0 opening, 1 closing.
    when: f64,
    number: usize,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Product(usize),
    Deed {
        kind: &'static str,
        user: usize,
        product: usize,
        at: f64,
    },
    Malformed,
}

impl Day {
    /// A day of so many events, published to this exchange.
    pub(super) fn new(seed: u64, events: usize, exchange: &str) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let count = (events / 50).clamp(catalogue::COUNT * 2, 500);
        let products = catalogue::products(u32::try_from(count).unwrap_or(500), &mut random);
        let mut stream: Vec<Item> = (0..count)
            .map(|n| Item {
                when: if n + 1 == count { DESCRIBED } else { 0.0 },
                number: n,
                what: What::Product(n),
            })
            .collect();
        let users = (events / PER_USER).max(5);
        let mut facts = Facts::default();
        for number in count..events.max(count) {
            let what = if number % MALFORMED == MALFORMED / 2 {
                facts.malformed += 1;
                What::Malformed
            } else {
                facts.interactions += 1;
                deed(&mut random, users, count)
            };
            let item = on_time(what, &mut random, number);
            facts.late += usize::from(is_late(item));
            stream.push(item);
            if random.usize(0..TWICE) == 0 && !matches!(what, What::Malformed) {
                let when = item.when + random.f64() * DELAY;
                stream.push(Item { when, ..item });
                facts.repeated += 1;
            }
        }
        stream.sort_by(|a, b| a.when.total_cmp(&b.when));
        facts.published = stream.len();
        facts.events = count + facts.interactions;
        Self {
            seed,
            exchange: exchange.to_owned(),
            products,
            stream,
            facts,
        }
    }

    /// The messages in the order in which they are published.
    pub(super) fn messages(&self) -> impl Iterator<Item = Message> + '_ {
        self.stream.iter().map(|item| self.message(item))
    }

    fn message(&self, item: &Item) -> Message {
        let id = format!("demo-{}-{}", self.seed, item.number);
        let (kind, body) = match item.what {
            What::Malformed => ("product.viewed", self.malformed(&id, item.number)),
            What::Product(n) => ("product.upserted", self.described(&id, n)),
            What::Deed {
                kind,
                user,
                product,
                at,
            } => {
                let payload = json!({
                    "userId": user + 1,
                    "productId": self.products.get(product).map(|p| p.id),
                    "session": format!("s{user}"),
                });
                (kind, envelope(&id, kind, at, &payload))
            }
        };
        let properties = Properties {
            message_id: Some(id),
            kind: Some(kind.to_owned()),
            content_type: Some("application/json".to_owned()),
            app_id: Some("fanout-demo".to_owned()),
            persistent: true,
            ..Properties::default()
        };
        Message {
            exchange: self.exchange.clone(),
            routing_key: kind.to_owned(),
            properties,
            body: body.into(),
        }
    }

    fn described(&self, id: &str, number: usize) -> String {
        let product = self.products.get(number);
        let payload = product.map(|p| {
            let vector: Vec<_> = p.vector.iter().map(|x| (x * 1e4).round() / 1e4).collect();
            json!({
                "productId": p.id, "name": p.name, "category": p.category(),
                "price": p.price, "vector": vector,
            })
        });
        envelope(id, "product.upserted", 0.0, &payload.unwrap_or_default())
    }

    /// What goes wrong in the field: cut off, of another time, of another shape.
    fn malformed(&self, id: &str, number: usize) -> String {
        match number / MALFORMED % 3 {
            0 => format!(r#"{{"eventId":"{id}","version":"v1","eventType":"product.vie"#),
            1 => json!({"eventId": id, "version": "v9", "eventType": "product.viewed", "payload": {}})
                .to_string(),
            _ => envelope(id, "product.viewed", 0.5, &json!({"userId": ["?"], "productId": 1})),
        }
    }
}

fn deed(random: &mut fastrand::Rng, users: usize, products: usize) -> What {
    let user = random.usize(0..users);
    let favourite = match random.u8(0..10) {
        0..7 => user % catalogue::COUNT,
        7..9 => (user / catalogue::COUNT) % catalogue::COUNT,
        _ => random.usize(0..catalogue::COUNT),
    };
    let of_category = products
        .saturating_sub(favourite)
        .div_ceil(catalogue::COUNT);
    let product = favourite + catalogue::COUNT * random.usize(0..of_category.max(1));
    let mut chance = random.u32(0..100);
    let kind = DEEDS.iter().find(|(_, share)| {
        let hit = chance < *share;
        chance = chance.saturating_sub(*share);
        hit
    });
    What::Deed {
        kind: kind.map_or("product.viewed", |(kind, _)| kind),
        user,
        product,
        at: random.f64(),
    }
}

/// When it is published: as it happens, or late.
fn on_time(what: What, random: &mut fastrand::Rng, number: usize) -> Item {
    let at = match what {
        What::Deed { at, .. } => at,
        _ => random.f64(),
    };
    let late = random.usize(0..LATE) == 0 && matches!(what, What::Deed { .. });
    let delay = if late {
        f64::EPSILON + random.f64() * DELAY
    } else {
        0.0
    };
    Item {
        when: at + delay,
        number,
        what,
    }
}

fn is_late(item: Item) -> bool {
    matches!(item.what, What::Deed { at, .. } if item.when > at)
}

fn envelope(id: &str, kind: &str, at: f64, payload: &serde_json::Value) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "seconds of a day")]
    let second = OPENS + (at * OPEN_FOR) as i64;
    let at = jiff::Timestamp::from_second(second).unwrap_or_default();
    json!({
        "eventId": id, "version": "v1", "eventType": kind,
        "timestamp": at.to_string(), "payload": payload,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanout::codec::Codec;
    use std::collections::BTreeSet;

    #[test]
    fn a_day_is_the_same_for_the_same_seed_and_another_for_another() {
        let bodies = |seed| -> Vec<_> {
            Day::new(seed, 2_000, "events")
                .messages()
                .map(|m| m.body)
                .collect()
        };
        assert_eq!(bodies(1), bodies(1));
        assert_ne!(bodies(1), bodies(2));
    }

    #[test]
    fn what_a_day_says_of_itself_is_what_a_worker_finds_in_it() {
        let day = Day::new(7, 5_000, "events");
        let codec = Codec::new(fanout::config::CodecConfig::default());
        let (mut ids, mut unreadable) = (BTreeSet::new(), 0);
        for message in day.messages() {
            match codec.decode(&message) {
                Ok(decoded) => drop(ids.insert(decoded.event.id().to_string())),
                Err(_) => unreadable += 1,
            }
        }
        let facts = day.facts;
        assert_eq!(facts.published, day.messages().count());
        assert_eq!(facts.events + facts.malformed, 5_000);
        assert_eq!(facts.published, 5_000 + facts.repeated);
        assert!(
            facts.repeated > 100 && facts.late > 150 && facts.malformed > 20,
            "{facts:?}"
        );
        // A third of the malformed is readable, and wrong only for who projects it.
        assert_eq!(ids.len() + unreadable, 5_000);
        assert!(
            unreadable * 2 > facts.malformed,
            "{unreadable} of {facts:?}"
        );
    }

    #[test]
    fn one_product_is_described_late_and_looked_at_before() {
        let day = Day::new(3, 5_000, "events");
        let late = day.products.last().unwrap().id;
        let mentions = |m: &Message, key: &str| {
            serde_json::from_slice::<serde_json::Value>(&m.body)
                .is_ok_and(|body| body["payload"]["productId"] == late && body["eventType"] == key)
        };
        let place = |key| day.messages().position(|m| mentions(&m, key)).unwrap();
        assert!(place("product.viewed") < place("product.upserted"));
    }
}
