//! The publisher on a paused clock, a broker that does what it is told, a disk in memory.

#![allow(clippy::float_cmp)]

mod accepting;
mod closing;
mod connecting;
mod fake;
mod order;
mod random;
mod refusing;
mod setting_aside;
mod spooling;
#[cfg(feature = "cli")]
mod telling;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use self::fake::Fake;
use super::*;
use crate::broker::{Message, Properties, PublishError};
use crate::publish::spool::{open_inline, tests::Disk};

type Answer = Result<Accepted, NotAccepted>;

/// A publisher and what is around it.
struct Rig {
    publisher: Arc<Publisher>,
    broker: Arc<Fake>,
    disk: Disk,
    config: Config,
}

impl Rig {
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// With this configuration changed.
    fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        Self::on(Disk::default(), config)
    }

    fn on(disk: Disk, config: Config) -> Self {
        let broker = Arc::new(Fake::default());
        let opened = open_inline(&config.spool, disk.opener()).unwrap();
        let seam: Arc<dyn Broker> = Arc::clone(&broker) as _;
        let publisher = Arc::new(Publisher::around(seam, &config, opened));
        Self {
            publisher,
            broker,
            disk,
            config,
        }
    }

    /// The same folder after `kill -9`, with a broker that is there.
    fn after_kill(&self) -> Self {
        Self::on(self.disk.after_kill(), self.config.clone())
    }

    /// Accepts in a task of its own; the broker has been asked when this returns, if it is.
    async fn begin(&self, message: Message) -> JoinHandle<Answer> {
        let publisher = Arc::clone(&self.publisher);
        let task = tokio::spawn(async move { publisher.accept(message).await });
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        task
    }

    async fn accept(&self, name: &str) -> Answer {
        self.publisher.accept(message(name)).await
    }

    /// Waits until nothing is in the spool.
    async fn drained(&self) {
        self.until(|rig| rig.publisher.backlog() == Backlog::default())
            .await;
    }

    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !holds(self) {
                // sleep: the clock is paused; between two looks
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(600), waiting)
            .await
            .expect("in time");
    }
}

/// A message named `SUBJECT.NUMBER`, about its subject.
fn message(name: &str) -> Message {
    let (subject, _) = name.split_once('.').unwrap_or((name, ""));
    Message {
        exchange: "events".to_owned(),
        properties: Properties {
            message_id: Some(name.to_owned()),
            kind: Some("product.viewed".to_owned()),
            ..Properties::default()
        },
        body: format!("{{\"user_id\":\"{subject}\"}}").into(),
        ..Message::default()
    }
}

const CONFIRMED: Answer = Ok(Accepted::Confirmed);
const SPOOLED: Answer = Ok(Accepted::Spooled);
