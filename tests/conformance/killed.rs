//! `kill -9` at any moment, again and again: what was confirmed is never lost, and only what
//! was not settled comes again.
//!
//! The victim is this test binary, started anew with [`DIR`] set. It publishes, consumes and
//! settles as fast as it can and says on its standard output what it knows.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fanout::broker::local::{LocalBroker, LocalStore};
use fanout::broker::{Broker, Delivery, Message, Properties};
use fanout::config::QueueType;
use fanout::topology::{Argument, Queue, Role, Topology};
use futures::StreamExt;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::support::ledger::Ledger;
use crate::support::within;

/// Tells the victim which folder, and from which number on it publishes.
const DIR: &str = "FANOUT_KILLED_DIR";
const FROM: &str = "FANOUT_KILLED_FROM";

const ROUNDS: u64 = 25;
/// Publishers of the victim, each with one message under way.
const PUBLISHERS: u64 = 20;
const SOON: Duration = Duration::from_secs(60);

fn topology() -> Topology {
    let arguments = [("x-delivery-limit", Argument::Int(1_000_000))];
    let main = Queue {
        name: "main".to_owned(),
        role: Role::Main,
        queue_type: QueueType::Quorum,
        arguments: arguments.into(),
    };
    Topology {
        queues: vec![main],
        ..Topology::default()
    }
}

async fn open(dir: &Path) -> LocalBroker {
    LocalBroker::open(dir, topology(), LocalStore::default())
        .await
        .unwrap()
}

fn id(delivery: &Delivery) -> String {
    delivery.message.properties.message_id.clone().unwrap()
}

/// One line in one write: it is either said or not.
fn say(what: &str, id: &str) {
    let _ = std::io::stdout().write_all(format!("\n@{what} {id}\n").as_bytes());
}

async fn publish_for_ever(broker: Arc<LocalBroker>, next: Arc<AtomicU64>) {
    loop {
        let id = next.fetch_add(1, Ordering::Relaxed).to_string();
        let message = Message {
            routing_key: "main".to_owned(),
            properties: Properties {
                message_id: Some(id.clone()),
                ..Properties::default()
            },
            body: "x".repeat(200).into(),
            ..Message::default()
        };
        say("published", &id);
        broker.publish(message).await.unwrap();
        say("confirmed", &id);
    }
}

/// Every third delivery is settled only much later, every seventh comes back.
async fn consume_for_ever(broker: Arc<LocalBroker>) {
    let mut subscription = broker.consume("main", 50).await.unwrap();
    let mut held = Vec::new();
    for n in 0_u64.. {
        let delivery = subscription.deliveries.next().await.unwrap().unwrap();
        say(
            "received",
            &format!("{} {}", id(&delivery), delivery.delivery_count.unwrap()),
        );
        match n % 21 {
            7 | 14 => subscription.channel.requeue(delivery.tag).await.unwrap(),
            r if r % 3 == 0 => held.push(delivery),
            _ => {
                say("settling", &id(&delivery));
                subscription.channel.ack(delivery.tag, false).await.unwrap();
            }
        }
        if held.len() > 30 {
            let settled: Vec<_> = held.drain(..10).collect();
            for delivery in &settled {
                say("settling", &id(delivery));
                subscription.channel.ack(delivery.tag, false).await.unwrap();
            }
            broker.server().flushed().await;
            for delivery in &settled {
                say("settled", &id(delivery));
            }
        }
    }
}

/// The victim. Does nothing where it was not asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn victim() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let from: u64 = std::env::var(FROM).unwrap().parse().unwrap();
    let broker = Arc::new(open(Path::new(&dir)).await);
    let next = Arc::new(AtomicU64::new(from));
    for _ in 0..PUBLISHERS {
        tokio::spawn(publish_for_ever(broker.clone(), next.clone()));
    }
    consume_for_ever(broker).await;
}

/// What the victims have said.
#[derive(Default)]
struct Said {
    published: BTreeSet<String>,
    confirmed: BTreeSet<String>,
    /// Asked for; may have been lost with its victim.
    settling: BTreeSet<String>,
    /// On disk.
    settled: BTreeSet<String>,
    /// Last delivery count of what a victim had in its hands, and not given back or settled.
    received: BTreeMap<String, u64>,
    lines: u64,
}

impl Said {
    fn note(&mut self, line: &str) {
        let Some((what, id)) = line.strip_prefix('@').and_then(|l| l.split_once(' ')) else {
            return;
        };
        self.lines += 1;
        match what {
            "published" => drop(self.published.insert(id.to_owned())),
            "confirmed" => drop(self.confirmed.insert(id.to_owned())),
            "settling" => drop(self.settling.insert(id.to_owned())),
            "settled" => drop(self.settled.insert(id.to_owned())),
            "received" => {
                let (id, count) = id.split_once(' ').unwrap();
                assert!(
                    !self.settled.contains(id),
                    "{id} came again after it was settled"
                );
                assert!(self.published.contains(id), "{id} was never published");
                let count = count.parse().unwrap();
                let before = self.received.insert(id.to_owned(), count);
                let counted = before.is_none_or(|before| count > before);
                assert!(counted, "{id}: count {count} after {before:?}");
            }
            other => panic!("{other}"),
        }
    }
}

/// Starts a victim, lets it say so much, and kills it.
async fn one_life(dir: &Path, said: &mut Said, lines: u64) {
    let from = said
        .published
        .iter()
        .filter_map(|id| id.parse::<u64>().ok());
    let from = from.max().map_or(0, |last| last + 1);
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([
            "killed::victim",
            "--exact",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DIR, dir)
        .env(FROM, from.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(victim.stdout.take().unwrap()).lines();
    let until = said.lines + lines;
    let reading = async {
        while said.lines < until {
            let line = output.next_line().await.unwrap();
            said.note(&line.expect("the victim lives"));
        }
    };
    within("a victim at work", SOON, reading).await;
    victim.start_kill().unwrap();
    // What it had said before it died.
    while let Some(line) = output.next_line().await.unwrap() {
        said.note(&line);
    }
    let status = victim.wait().await.unwrap();
    assert!(!status.success(), "it was killed: {status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_confirmed_is_lost_and_nothing_settled_comes_again_through_many_kills() {
    let dir = tempfile::tempdir().unwrap();
    let mut said = Said::default();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..ROUNDS {
        one_life(dir.path(), &mut said, random.u64(1..3_000)).await;
    }
    let broker = open(dir.path()).await;
    let left = broker.server().recovery().messages;
    let mut subscription = broker.consume("main", u16::MAX).await.unwrap();
    let mut found = Vec::new();
    for _ in 0..left {
        let next = within("the rest", SOON, subscription.deliveries.next()).await;
        let delivery = next.unwrap().unwrap();
        let count = delivery.delivery_count.unwrap();
        said.note(&format!("@received {} {count}", id(&delivery)));
        found.push(id(&delivery));
    }
    let mut ledger = Ledger::default();
    ledger.published(&said.confirmed);
    let settling = said
        .settling
        .iter()
        .filter(|id| !found.contains(id))
        .cloned();
    let ends: Vec<_> = settling.chain(found.clone()).collect();
    let findings = ledger.compare(ends);
    assert!(findings.missing.is_empty(), "{findings}");
    assert!(findings.duplicated.is_empty(), "{findings}");
    // Written, and killed before the publisher could be told.
    let unknown: Vec<_> = findings
        .extra
        .iter()
        .filter(|id| !said.published.contains(*id))
        .collect();
    assert!(unknown.is_empty(), "never published: {unknown:?}");
    assert!(
        said.confirmed.len() > 500,
        "{} confirmed",
        said.confirmed.len()
    );
    assert!(said.settled.len() > 50, "{} settled", said.settled.len());
}
