//! Puts the topology in place, or looks whether it is there.

use std::time::Duration;

use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::convert::short;
use super::error::{reply, within};
use super::link::Link;
use crate::broker::BrokerError;
use crate::config::{self, TopologyMode};
use crate::topology::{Argument, BoundQueue, Exchange, Queue, Topology};

/// Declares or verifies everything, on a channel of its own: a refusal closes it.
///
/// # Errors
/// The first refusal, naming what was refused and the way out.
pub(super) async fn establish(
    link: &Link,
    topology: &Topology,
    mode: TopologyMode,
    deadline: Duration,
) -> Result<(), BrokerError> {
    let passive = match mode {
        TopologyMode::None => return Ok(()),
        TopologyMode::Verify => true,
        TopologyMode::Declare => false,
    };
    let session = Session {
        channel: link.channel(deadline).await?,
        deadline,
        passive,
    };
    for exchange in &topology.exchanges {
        session.exchange(exchange).await?;
    }
    for queue in &topology.queues {
        session.queue(queue).await?;
    }
    // AMQP cannot look whether a binding exists.
    if !passive {
        for binding in &topology.bindings {
            session.bind(binding).await?;
        }
    }
    let _ = within(deadline, session.channel.close(200, "OK".into())).await;
    Ok(())
}

struct Session {
    channel: lapin::Channel,
    deadline: Duration,
    passive: bool,
}

impl Session {
    async fn exchange(&self, exchange: &Exchange) -> Result<(), BrokerError> {
        let what = format!("exchange '{}'", exchange.name);
        let kind = match exchange.kind {
            config::ExchangeKind::Fanout => ExchangeKind::Fanout,
            config::ExchangeKind::Topic => ExchangeKind::Topic,
        };
        let options = ExchangeDeclareOptions {
            passive: self.passive,
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let call = self.channel.exchange_declare(
            name(&what, &exchange.name)?,
            kind,
            options,
            FieldTable::default(),
        );
        self.call(&what, call).await
    }

    async fn queue(&self, queue: &Queue) -> Result<(), BrokerError> {
        let what = format!("queue '{}'", queue.name);
        let options = QueueDeclareOptions {
            passive: self.passive,
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let call = self
            .channel
            .queue_declare(name(&what, &queue.name)?, options, arguments(queue));
        self.call(&what, async { call.await.map(drop) }).await
    }

    async fn bind(&self, binding: &BoundQueue) -> Result<(), BrokerError> {
        let BoundQueue {
            exchange,
            queue,
            key,
        } = binding;
        let what = format!("binding of queue '{queue}' to exchange '{exchange}' with '{key}'");
        let call = self.channel.queue_bind(
            name(&what, queue)?,
            name(&what, exchange)?,
            name(&what, key)?,
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        self.call(&what, call).await
    }

    async fn call(
        &self,
        what: &str,
        call: impl Future<Output = lapin::Result<()>>,
    ) -> Result<(), BrokerError> {
        let mut refusal = None;
        let result = within(self.deadline, async {
            call.await.inspect_err(|e| {
                refusal = reply(e).map(|(code, text)| (code, text.to_owned()));
            })
        })
        .await;
        match refusal {
            Some((code, text)) => Err(explain(what, code, &text)),
            None => result,
        }
    }
}

fn name(what: &str, text: &str) -> Result<ShortString, BrokerError> {
    short(what, text).map_err(BrokerError::TopologyMismatch)
}

fn explain(what: &str, code: u16, text: &str) -> BrokerError {
    match code {
        406 => BrokerError::TopologyMismatch(format!(
            "{what} is at the broker already, made otherwise ({text}); to migrate, configure a \
             new name, or drain and delete the old one and start again"
        )),
        404 => BrokerError::NotFound(format!(
            "{what} ({text}); declare it with 'fanout topology apply' or topology = \"declare\""
        )),
        403 => BrokerError::AccessRefused(format!(
            "{what} ({text}); declaring needs the permissions configure, write and read: grant \
             them, or set topology = \"verify\" where somebody else declares"
        )),
        _ => BrokerError::NotConnected(format!("{what}: {code} {text}")),
    }
}

fn arguments(queue: &Queue) -> FieldTable {
    let mut table = FieldTable::default();
    let queue_type = queue.queue_type.as_str();
    table.insert(
        "x-queue-type".into(),
        AMQPValue::LongString(queue_type.into()),
    );
    for (name, argument) in &queue.arguments {
        let value = match argument {
            Argument::Text(text) => AMQPValue::LongString(text.as_str().into()),
            Argument::Int(number) => AMQPValue::LongLongInt(*number),
        };
        table.insert((*name).into(), value);
    }
    table
}
