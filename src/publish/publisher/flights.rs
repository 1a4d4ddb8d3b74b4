//! Messages on their way to the broker, each until its confirm or its patience is over.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use super::lanes::Item;
use crate::broker::{Broker, PublishError};

type Landing = (u64, Result<(), PublishError>);

pub(super) struct Flights {
    broker: Arc<dyn Broker>,
    under_way: FuturesUnordered<BoxFuture<'static, Landing>>,
    items: HashMap<u64, Item>,
    /// In the order of departure, and of patience.
    due: VecDeque<(Instant, u64)>,
    last: u64,
    patience: Duration,
}

impl Flights {
    pub(super) fn new(broker: Arc<dyn Broker>, patience: Duration) -> Self {
        Self {
            broker,
            under_way: FuturesUnordered::new(),
            items: HashMap::new(),
            due: VecDeque::new(),
            last: 0,
            patience,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether anything may still be heard of.
    pub(super) fn any(&self) -> bool {
        !self.under_way.is_empty()
    }

    pub(super) fn start(&mut self, item: Item, now: Instant) {
        self.last += 1;
        let (id, broker) = (self.last, Arc::clone(&self.broker));
        let message = item.message().clone();
        self.items.insert(id, item);
        self.due.push_back((now + self.patience, id));
        let publish = async move { (id, broker.publish(message).await) };
        self.under_way.push(publish.boxed());
    }

    /// Waits for the next outcome; pending where there is nothing. Cancel by dropping.
    pub(super) async fn settled(&mut self) -> (Item, Result<(), PublishError>) {
        loop {
            match self.under_way.next().await {
                None => std::future::pending().await,
                Some((id, result)) => {
                    // What has lost patience is with the spool: a late answer changes nothing.
                    if let Some(item) = self.items.remove(&id) {
                        return (item, result);
                    }
                }
            }
        }
    }

    /// An outcome that is there already.
    pub(super) fn settled_now(&mut self) -> Option<(Item, Result<(), PublishError>)> {
        self.settled().now_or_never()
    }

    /// When the next one loses patience.
    pub(super) fn next_due(&mut self) -> Option<Instant> {
        while let Some((at, id)) = self.due.front() {
            if self.items.contains_key(id) {
                return Some(*at);
            }
            self.due.pop_front();
        }
        None
    }

    /// Takes out what was not confirmed in time.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<(Item, PublishError)> {
        let mut found = Vec::new();
        while let Some((at, id)) = self.due.front().copied() {
            if at > now {
                break;
            }
            self.due.pop_front();
            if let Some(item) = self.items.remove(&id) {
                found.push((item, PublishError::TimedOut(self.patience)));
            }
        }
        found
    }

    /// Takes out all, in the order of departure, and stops waiting: they may have arrived.
    pub(super) fn abandon(&mut self) -> Vec<Item> {
        self.under_way = FuturesUnordered::new();
        let due = std::mem::take(&mut self.due);
        due.into_iter()
            .filter_map(|(_, id)| self.items.remove(&id))
            .collect()
    }
}
