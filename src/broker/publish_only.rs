//! A broker in tests of those who do nothing but publish.

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;

use super::{Broker, BrokerError, BrokerStatus, Message, PublishError, QueueDepth, Subscription};

/// What such a broker does; asked for anything else, it panics.
pub(crate) trait PublishOnly: Send + Sync + 'static {
    fn take(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>>;

    fn link(&self) -> watch::Receiver<BrokerStatus> {
        panic!("nobody asks for a status here")
    }
}

impl<T: PublishOnly> Broker for T {
    fn consume<'a>(
        &'a self,
        _: &'a str,
        _: u16,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>> {
        panic!("nobody consumes here")
    }

    fn publish(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        self.take(message)
    }

    fn depth<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<QueueDepth>, BrokerError>> {
        panic!("nobody asks for a depth here")
    }

    fn status(&self) -> watch::Receiver<BrokerStatus> {
        self.link()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }
}
