//! Straight to the broker: what it does not confirm is not taken.

use std::sync::Arc;

use fanout::broker::{Broker, Message};
use fanout::publish::{Accepted, Backlog, Intake, NotAccepted};
use futures::FutureExt;
use futures::future::BoxFuture;

/// An intake that keeps nothing.
pub(super) struct Unspooled {
    broker: Arc<dyn Broker>,
}

impl Unspooled {
    pub(super) fn new(broker: Arc<dyn Broker>) -> Self {
        Self { broker }
    }
}

impl Intake for Unspooled {
    fn accept(&self, message: Message) -> BoxFuture<'_, Result<Accepted, NotAccepted>> {
        async move {
            self.broker.publish(message).await?;
            Ok(Accepted::Confirmed)
        }
        .boxed()
    }

    fn backlog(&self) -> Backlog {
        Backlog::default()
    }
}
