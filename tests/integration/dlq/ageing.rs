//! The age of the oldest dead letter in the gateway's metrics.

use std::sync::Arc;
use std::time::Duration;

use fanout::config::Config;
use fanout::operate::dlq::Workbench;
use fanout::operate::queues::Oldest;
use fanout::publish::Publisher;
use fanout::publish::gateway::Gateway;
use jiff::{SignedDuration, Timestamp};

use super::rig::{Rig, dead_at};
use super::{DLQ, SOON};
use crate::support::eventually;
use crate::support::queues::look_into;

const HOUR: u64 = 3600;

struct Sampled {
    gateway: Gateway,
    oldest: Oldest,
}

impl Sampled {
    async fn new(rig: &Rig) -> Self {
        let mut config = Config::default();
        config.spool.dir = rig.program.folder().join("spool");
        let publisher = Publisher::with_broker(rig.broker.clone(), &config).await;
        let intake = Arc::new(publisher.unwrap());
        Self {
            gateway: Gateway::new(config, "test", intake, rig.broker.clone()),
            oldest: Oldest::default(),
        }
    }

    /// Hours, as one more look has it.
    async fn age(&mut self) -> Option<u64> {
        self.gateway.look_at_queues(&mut self.oldest).await.unwrap();
        let age = self.oldest.age(DLQ, Timestamp::now());
        age.map(|age| age.as_secs() / HOUR)
    }

    async fn becomes(&mut self, hours: u64) {
        eventually("the age of the next", SOON, async || {
            (self.age().await == Some(hours)).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn the_age_is_that_of_the_first_dead_letter_and_asking_for_it_moves_none() {
    let rig = Rig::new("dlq-age").await;
    let hours_ago = |hours| Timestamp::now() - SignedDuration::from_hours(hours);
    let letters = (0..5).map(|id| dead_at(&id.to_string(), hours_ago(50 - 10 * id)));
    for letter in letters {
        rig.publish([letter]).await;
    }
    // Now all of them stand in the line of what was given back.
    assert_eq!(rig.ids(DLQ).await, ["0", "1", "2", "3", "4"]);
    let counts = async || -> Vec<_> {
        let found = look_into(&rig.broker, DLQ).await.into_iter();
        found.map(|letter| letter.delivery_count.unwrap()).collect()
    };
    let before = counts().await;
    let mut sampled = Sampled::new(&rig).await;
    for _ in 0..30 {
        assert_eq!(sampled.age().await, Some(50));
    }
    rig.ready_is(DLQ, 5).await;
    let handed_out: Vec<_> = counts()
        .await
        .iter()
        .zip(&before)
        .map(|(a, b)| a - b)
        .collect();
    // This look and, once, that of the sampler.
    assert!(handed_out.iter().all(|n| *n <= 2), "{handed_out:?}");

    let bench = Workbench::new(rig.broker.clone(), &Config::default(), "test");
    for _ in 0..5 {
        let first = bench.first(DLQ).await.unwrap().give_back().await.unwrap();
        assert_eq!(first.unwrap().id, "0");
    }
    assert_eq!(rig.ids(DLQ).await, ["0", "1", "2", "3", "4"]);
    rig.ready_is(DLQ, 5).await;

    assert_eq!(rig.json(&["replay", "--id", "0", "--force"])["done"], 1);
    sampled.becomes(40).await;
    // What the look took is back a moment after the answer.
    rig.ready_is(DLQ, 4).await;
    assert_eq!(rig.json(&["purge", "--id", "1", "--yes"])["done"], 1);
    sampled.becomes(30).await;
    rig.ready_is(DLQ, 3).await;
    assert_eq!(rig.ids(DLQ).await, ["2", "3", "4"]);
    assert_eq!(rig.json(&["purge", "--all", "--yes"])["done"], 3);
    sampled.becomes(0).await;
    assert_eq!(
        sampled.oldest.age(DLQ, Timestamp::now()),
        Some(Duration::ZERO)
    );
}
