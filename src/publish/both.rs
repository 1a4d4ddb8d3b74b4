//! Parallel mode: what is accepted goes to the broker inside the program and to RabbitMQ.

use std::sync::Arc;

use futures::future::{BoxFuture, join};
use tokio::sync::watch;

use super::intake::{Accepted, Backlog, Intake, NotAccepted};
use crate::broker::{
    Broker, BrokerError, BrokerStatus, Message, PublishError, QueueDepth, Subscription,
};

/// Two ways for every message. It is accepted once both have it: a client that repeats what
/// only one of them took repeats its id.
pub struct Both {
    direct: Arc<dyn Broker>,
    through: Arc<dyn Intake>,
}

impl std::fmt::Debug for Both {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Both")
    }
}

impl Both {
    /// `direct` is the broker inside the program, `through` leads to RabbitMQ.
    pub fn new(direct: Arc<dyn Broker>, through: Arc<dyn Intake>) -> Self {
        Self { direct, through }
    }
}

impl Intake for Both {
    fn accept(&self, message: Message) -> BoxFuture<'_, Result<Accepted, NotAccepted>> {
        Box::pin(async move {
            // Both are begun at once, so that each keeps the order of its messages.
            let direct = self.direct.publish(message.clone());
            let (direct, through) = join(direct, self.through.accept(message)).await;
            direct?;
            through
        })
    }

    fn backlog(&self) -> Backlog {
        self.through.backlog()
    }

    fn issues(&self) -> Vec<String> {
        self.through.issues()
    }

    fn observe(&self) {
        self.through.observe();
    }
}

/// A broker whose publications go to another one, too; all else is its own.
pub struct Twice<B> {
    broker: B,
    direct: Arc<dyn Broker>,
}

impl<B> std::fmt::Debug for Twice<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Twice")
    }
}

impl<B: Broker> Twice<B> {
    /// What is published to `broker` goes to `direct` as well.
    pub fn new(broker: B, direct: Arc<dyn Broker>) -> Self {
        Self { broker, direct }
    }
}

impl<B: Broker> Broker for Twice<B> {
    fn consume<'a>(
        &'a self,
        queue: &'a str,
        prefetch: u16,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>> {
        self.broker.consume(queue, prefetch)
    }

    fn publish(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        Box::pin(async move {
            let direct = self.direct.publish(message.clone());
            let (direct, through) = join(direct, self.broker.publish(message)).await;
            direct.and(through)
        })
    }

    fn depth<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Option<QueueDepth>, BrokerError>> {
        self.broker.depth(queue)
    }

    fn status(&self) -> watch::Receiver<BrokerStatus> {
        self.broker.status()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.broker.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::local::LocalBroker;
    use crate::config::Config;
    use crate::topology::Topology;

    /// Says what it is told to.
    struct Says(Result<Accepted, NotAccepted>);

    impl Intake for Says {
        fn accept(&self, _: Message) -> BoxFuture<'_, Result<Accepted, NotAccepted>> {
            let said = self.0.clone();
            Box::pin(async { said })
        }

        fn backlog(&self) -> Backlog {
            Backlog::default()
        }
    }

    fn message(exchange: &str) -> Message {
        Message {
            exchange: exchange.to_owned(),
            ..Message::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_accepted_once_both_ways_have_it() {
        let direct = Arc::new(LocalBroker::start(
            Topology::from_config(&Config::default()),
        ));
        let both = |said| Both::new(direct.clone(), Arc::new(Says(said)));
        let spooled = both(Ok(Accepted::Spooled));
        let spooled = spooled.accept(message("events")).await;
        assert_eq!(spooled, Ok(Accepted::Spooled));
        let away = both(Err(NotAccepted::ShuttingDown));
        let away = away.accept(message("events")).await;
        assert_eq!(away, Err(NotAccepted::ShuttingDown));
        let nowhere = both(Ok(Accepted::Confirmed));
        let nowhere = nowhere.accept(message("nowhere")).await;
        assert_eq!(nowhere.unwrap_err().code(), "publish-no-exchange");
        assert_eq!(direct.server().count("events.neo4j"), Some(2));
    }
}
