//! Connections of clients: lost, back, closed, dead.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::delivery::{Consumer, Deliveries};
use super::faults::Fault;
use super::state::{Published, State};
use crate::broker::{BrokerError, BrokerStatus, ConnectionState, Message, PublishError};

/// A client's connection. It leaves the table when it is closed or its process is killed.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) status: watch::Sender<BrokerStatus>,
    /// When a lost connection is back; `None` while it is there.
    pub(super) up_at: Option<Instant>,
    /// The client's process is dead: nothing it asks is ever answered.
    pub(super) killed: bool,
}

/// What becomes of a publish.
pub(super) struct Confirm {
    pub(super) published: Published,
    /// How long the answer takes.
    pub(super) delay: Duration,
    pub(super) epoch: u64,
}

fn lost() -> PublishError {
    PublishError::NotConnected("connection lost before the confirm".to_owned())
}

impl State {
    pub(super) fn connect(&mut self) -> (u64, watch::Receiver<BrokerStatus>) {
        let id = self.next_id();
        let (status, receiver) = watch::channel(BrokerStatus {
            state: ConnectionState::Connected,
            url: "local:".to_owned(),
            epoch: 1,
            failed_attempts: 0,
            last_error: None,
            blocked: None,
            fatal: None,
        });
        let connection = Connection {
            status,
            up_at: None,
            killed: false,
        };
        self.connections.insert(id, connection);
        (id, receiver)
    }

    pub(super) fn is_killed(&self, id: u64) -> bool {
        self.connections.get(&id).is_some_and(|c| c.killed)
    }

    /// The epoch, while connected.
    pub(super) fn epoch(&self, id: u64) -> Option<u64> {
        let connection = self.connections.get(&id)?;
        let up = connection.up_at.is_none() && !connection.killed;
        up.then(|| connection.status.borrow().epoch)
    }

    /// Publishes for a client, unless a fault is in the way.
    pub(super) fn publish_from(&mut self, id: u64, message: &Message, now: Instant) -> Confirm {
        let away = PublishError::NotConnected("no connection".to_owned());
        let mut confirm = Confirm {
            published: Published::Done(Err(away)),
            delay: Duration::ZERO,
            epoch: self.epoch(id).unwrap_or(0),
        };
        if self.epoch(id).is_none() {
            return confirm;
        }
        if self.faults.strikes(Fault::ConnectionLost) {
            if self.faults.coin() {
                let _ = self.publish(message, now);
            }
            self.lose_connection(id, now);
            confirm.published = Published::Done(Err(lost()));
            return confirm;
        }
        confirm.published = if self.faults.strikes(Fault::PublishLost) {
            Published::Done(Err(lost()))
        } else if self.faults.strikes(Fault::PublishRefused) {
            Published::Done(Err(PublishError::Refused))
        } else {
            let published = self.publish(message, now);
            match self.faults.strikes(Fault::ConfirmLost) {
                true => Published::Done(Err(lost())),
                false => published,
            }
        };
        if self.faults.strikes(Fault::ConfirmDelayed) {
            confirm.delay = self.faults.delay();
        }
        confirm
    }

    /// Opens a consumer; answers its channel.
    pub(super) fn consume(
        &mut self,
        id: u64,
        queue: &str,
        prefetch: u16,
        out: Deliveries,
        now: Instant,
    ) -> Result<u64, BrokerError> {
        if self.epoch(id).is_none() {
            let reason = "while the consumer was opened".to_owned();
            return Err(BrokerError::NotConnected(reason));
        }
        if self.faults.strikes(Fault::ConsumeFailed) {
            let reason = "while the consumer was opened".to_owned();
            return Err(BrokerError::ChannelClosed(reason));
        }
        self.declare();
        let Some((name, _)) = self.queues.get_key_value(queue) else {
            let reason = format!("404 NOT_FOUND - no queue '{queue}'");
            return Err(BrokerError::NotFound(reason));
        };
        let name = Arc::clone(name);
        let channel = self.next_id();
        let consumer = Consumer::new(id, Arc::clone(&name), prefetch, out);
        self.channels.insert(channel, consumer);
        if let Some(slot) = self.queues.get_mut(&name) {
            slot.consumers.push_back(channel);
        }
        self.dirty.insert(name);
        self.run(now);
        Ok(channel)
    }

    pub(super) fn lose_connection_of(&mut self, channel: u64, now: Instant) {
        if let Some(connection) = self.channels.get(&channel).map(|c| c.connection) {
            self.end_connection(connection, now);
        }
    }

    /// Loses a connection for as long as the fault plan says.
    pub(super) fn lose_connection(&mut self, id: u64, now: Instant) {
        self.end_connection(id, now);
        self.run(now);
    }

    fn end_connection(&mut self, id: u64, now: Instant) {
        let downtime = self.faults.downtime();
        self.disconnect(id, downtime, now);
    }

    /// Loses a connection; it is back after `downtime` in a new epoch.
    pub(super) fn disconnect(&mut self, id: u64, downtime: Duration, now: Instant) {
        if let Some(connection) = self.connections.get_mut(&id) {
            let until = now.checked_add(downtime);
            connection.up_at = connection.up_at.max(until);
            connection.status.send_modify(|status| {
                status.state = ConnectionState::Disconnected;
                status.last_error = Some("connection lost".to_owned());
            });
        }
        self.end_channels(id, now);
    }

    fn end_channels(&mut self, connection: u64, now: Instant) {
        let channels: Vec<_> = self
            .channels
            .iter()
            .filter(|(_, c)| c.connection == connection)
            .map(|(id, _)| *id)
            .collect();
        for channel in channels {
            let error = BrokerError::NotConnected("connection lost".to_owned());
            self.end_channel(channel, Some(error), now);
        }
    }

    /// Ends a connection for good; `killed`: its process is dead and hears nothing any more.
    pub(super) fn remove_connection(&mut self, id: u64, killed: bool, now: Instant) {
        self.end_channels(id, now);
        if killed {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.killed = true;
                connection.up_at = None;
            }
        } else if let Some(connection) = self.connections.remove(&id) {
            connection
                .status
                .send_modify(|s| s.state = ConnectionState::Disconnected);
        }
        self.run(now);
    }

    /// Brings back the connections whose time has come.
    pub(super) fn reconnect(&mut self, now: Instant) {
        for connection in self.connections.values_mut() {
            if connection.up_at.is_some_and(|at| at <= now) {
                connection.up_at = None;
                connection.status.send_modify(|status| {
                    status.state = ConnectionState::Connected;
                    status.epoch += 1;
                    status.last_error = None;
                });
            }
        }
    }
}
