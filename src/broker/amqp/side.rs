//! Questions beside the stream of messages: depth, purge, existence of an exchange.
//!
//! They share one channel and take turns on it: a refusal closes the channel, and must not hit
//! somebody else's question.

use std::sync::Arc;
use std::time::Duration;

use lapin::ExchangeKind;
use lapin::options::{
    ExchangeDeclareOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use tokio::sync::Mutex;

use super::convert::short;
use super::error::within;
use super::link::Link;
use crate::broker::{BrokerError, QueueDepth};

pub(super) struct Side {
    link: Arc<Link>,
    deadline: Duration,
    channel: Mutex<Option<lapin::Channel>>,
}

impl Side {
    pub(super) fn new(link: Arc<Link>, deadline: Duration) -> Self {
        Self {
            link,
            deadline,
            channel: Mutex::default(),
        }
    }

    /// `None` where the queue does not exist.
    pub(super) async fn depth(&self, queue: &str) -> Result<Option<QueueDepth>, BrokerError> {
        let name = short("the name of the queue", queue).map_err(BrokerError::NotFound)?;
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let depth = self
            .ask(async |c| c.queue_declare(name, options, FieldTable::default()).await)
            .await;
        existing(depth.map(|queue| QueueDepth {
            ready: queue.message_count().into(),
            consumers: queue.consumer_count(),
        }))
    }

    /// Messages removed; `None` where the queue does not exist.
    pub(super) async fn purge(&self, queue: &str) -> Result<Option<u64>, BrokerError> {
        let name = short("the name of the queue", queue).map_err(BrokerError::NotFound)?;
        let purged = self
            .ask(async |c| c.queue_purge(name, QueuePurgeOptions::default()).await)
            .await;
        existing(purged.map(u64::from))
    }

    /// Messages lost with it.
    pub(super) async fn delete(&self, queue: &str) -> Result<u64, BrokerError> {
        let name = short("the name of the queue", queue).map_err(BrokerError::NotFound)?;
        self.ask(async |c| c.queue_delete(name, QueueDeleteOptions::default()).await)
            .await
            .map(u64::from)
    }

    pub(super) async fn exchange_exists(&self, exchange: &str) -> Result<bool, BrokerError> {
        let name = short("the name of the exchange", exchange).map_err(BrokerError::NotFound)?;
        let options = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        let found = self
            .ask(async |c| {
                let kind = ExchangeKind::Direct;
                c.exchange_declare(name, kind, options, FieldTable::default())
                    .await
            })
            .await;
        Ok(existing(found)?.is_some())
    }

    async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&lapin::Channel) -> lapin::Result<T>,
    ) -> Result<T, BrokerError> {
        let mut kept = self.channel.lock().await;
        // Taken out meanwhile: a channel whose question was cut off is not asked again.
        let channel = match kept.take() {
            Some(channel) if channel.status().connected() => channel,
            _ => self.link.channel(self.deadline).await?,
        };
        let answer = within(self.deadline, question(&channel)).await;
        if answer.is_ok() {
            *kept = Some(channel);
        }
        answer
    }
}

fn existing<T>(answer: Result<T, BrokerError>) -> Result<Option<T>, BrokerError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(BrokerError::NotFound(_)) => Ok(None),
        Err(e) => Err(e),
    }
}
