//! Publishing with confirms: the one task that owns the confirm channel.
//!
//! lapin numbers confirms under one lock and queues frames under another, so two tasks on one
//! channel would mix them up.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::AMQPValue;
use lapin::{BasicProperties, Confirmation};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::confirms::{Confirms, Settled};
use super::error::{self, within};
use super::link::Link;
use super::names;
use super::publisher::Job;
use crate::broker::{BrokerError, PublishError};
use crate::config::BrokerConfig;
use crate::telemetry::{Outages, log};

/// Bodies in the window at most, bytes; a larger single one goes alone. lapin copies each.
const WINDOW_BYTES: usize = 16 * 1024 * 1024;
/// Wait before a confirm channel that could not be opened is tried again.
const REOPEN_AFTER: Duration = Duration::from_millis(100);

type Outcome = lapin::Result<Confirmation>;

struct Pending {
    exchange: String,
    routing_key: String,
    bytes: usize,
    reply: oneshot::Sender<Result<(), PublishError>>,
}

struct Task {
    link: Arc<Link>,
    channel: lapin::Channel,
    jobs: mpsc::Receiver<Job>,
    /// Taken from `jobs`, waiting for room.
    backlog: VecDeque<Job>,
    confirms: Confirms<Pending, Outcome>,
    bytes: usize,
    returned: HashSet<i64>,
    window: usize,
    deadline: Duration,
}

/// Opens the channel and starts the task; it ends with `lost` or with the last sender.
pub(super) async fn spawn(
    link: Arc<Link>,
    jobs: mpsc::Receiver<Job>,
    config: &BrokerConfig,
    lost: CancellationToken,
) -> Result<(), BrokerError> {
    let deadline = config.call_timeout;
    let task = Task {
        channel: open(&link, deadline).await?,
        link,
        jobs,
        backlog: VecDeque::new(),
        confirms: Confirms::new(),
        bytes: 0,
        returned: HashSet::new(),
        window: config.confirm_window.max(1),
        deadline,
    };
    tokio::spawn(async move { lost.run_until_cancelled(task.run()).await });
    Ok(())
}

async fn open(link: &Link, deadline: Duration) -> Result<lapin::Channel, BrokerError> {
    let channel = link.channel(deadline).await?;
    within(
        deadline,
        channel.confirm_select(ConfirmSelectOptions::default()),
    )
    .await?;
    Ok(channel)
}

impl Task {
    async fn run(mut self) {
        let mut taken = Vec::new();
        let mut wanted = true;
        while wanted || self.confirms.len() > 0 {
            if !self.channel.status().connected() && !self.reopen().await {
                return;
            }
            self.send_backlog();
            let room = self.room();
            tokio::select! {
                count = self.jobs.recv_many(&mut taken, room), if wanted && room > 0 => {
                    wanted = count > 0;
                    self.backlog.extend(taken.drain(..));
                }
                settled = self.confirms.settled() => self.settle(settled),
            }
        }
    }

    /// How many more to take in.
    fn room(&self) -> usize {
        if self.backlog.is_empty() && self.bytes < WINDOW_BYTES {
            self.window.saturating_sub(self.confirms.len())
        } else {
            0
        }
    }

    fn send_backlog(&mut self) {
        while self.bytes < WINDOW_BYTES && self.confirms.len() < self.window {
            let Some(job) = self.backlog.pop_front() else {
                return;
            };
            self.send(job);
        }
    }

    fn send(&mut self, job: Job) {
        let pending = Pending {
            exchange: job.exchange.to_string(),
            routing_key: job.routing_key.to_string(),
            bytes: job.body.len(),
            reply: job.reply,
        };
        // The caller has given up: sending it now would only make a duplicate.
        if pending.reply.is_closed() {
            return;
        }
        self.bytes += pending.bytes;
        let channel = self.channel.clone();
        let confirm = async move {
            let options = BasicPublishOptions {
                mandatory: true,
                immediate: false,
            };
            channel
                .basic_publish(
                    job.exchange,
                    job.routing_key,
                    options,
                    &job.body,
                    job.properties,
                )
                .await?
                .await
        };
        self.confirms.insert(job.id, pending, confirm.boxed());
    }

    fn settle(&mut self, settled: Vec<Settled<Pending, Outcome>>) {
        let mut answers = Vec::with_capacity(settled.len());
        for Settled {
            id,
            payload,
            result,
        } in settled
        {
            self.bytes -= payload.bytes;
            let answer = match result {
                Ok(confirmation) => {
                    let refused = confirmation.is_nack();
                    // Not necessarily this one's: all of them are known before any is answered.
                    if let Some(message) = confirmation.take_message() {
                        self.returned.extend(publish_id(&message.properties));
                    }
                    if refused {
                        Err(PublishError::Refused)
                    } else {
                        Ok(())
                    }
                }
                Err(e) => Err(error::publish(&e, &payload.exchange, payload.bytes)),
            };
            answers.push((id, payload, answer));
        }
        for (id, pending, answer) in answers {
            let answer = if self.returned.remove(&id) {
                Err(PublishError::Unroutable {
                    exchange: pending.exchange,
                    routing_key: pending.routing_key,
                })
            } else {
                answer
            };
            // Nobody listens where the caller's deadline has passed.
            let _ = pending.reply.send(answer);
        }
    }

    /// `false` where the connection has gone too.
    async fn reopen(&mut self) -> bool {
        let trouble = Outages::default();
        while self.link.is_connected() {
            match open(&self.link, self.deadline).await {
                Ok(channel) => {
                    self.channel = channel;
                    if let Some(told) = trouble.over("") {
                        log::reopened(told);
                    }
                    return true;
                }
                Err(error) => {
                    if let Some(told) = trouble.failed("") {
                        log::cannot_reopen(&error, told);
                    }
                    tokio::time::sleep(REOPEN_AFTER).await;
                }
            }
        }
        false
    }
}

fn publish_id(properties: &BasicProperties) -> Option<i64> {
    match properties
        .headers()
        .as_ref()?
        .inner()
        .get(names::PUBLISH_ID)?
    {
        AMQPValue::LongLongInt(id) => Some(*id),
        _ => None,
    }
}
