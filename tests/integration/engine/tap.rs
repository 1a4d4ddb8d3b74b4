//! A broker between the engine and the real one, to reach into what they do.

use std::sync::{Arc, Mutex, Weak};

use fanout::broker::{
    Broker, BrokerError, BrokerStatus, Channel, Message, PublishError, QueueDepth, Subscription,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;

/// When a publish is stopped for ever, as it is where the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Nothing is sent.
    Before,
    /// It is sent and confirmed, and the engine never learns of it.
    After,
}

type Stops = dyn Fn(&Message) -> Option<Stop> + Send + Sync;

pub struct Tap {
    inner: Arc<dyn Broker>,
    stops: Box<Stops>,
    stopped: watch::Sender<usize>,
    /// Weak: a channel closes with its last handle.
    channels: Mutex<Vec<Weak<dyn Channel>>>,
}

impl Tap {
    /// Lets everything through.
    pub fn open(inner: Arc<dyn Broker>) -> Arc<Self> {
        Self::stopping(inner, |_| None)
    }

    /// Stops the publishes that the function names.
    pub fn stopping(
        inner: Arc<dyn Broker>,
        stops: impl Fn(&Message) -> Option<Stop> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            inner,
            stops: Box::new(stops),
            stopped: watch::Sender::new(0),
            channels: Mutex::default(),
        })
    }

    /// Resolves once so many publishes are stopped.
    pub async fn stopped(&self, count: usize) {
        let mut stopped = self.stopped.subscribe();
        stopped.wait_for(|n| *n >= count).await.unwrap();
    }

    /// How many channels the engine has opened for its consumers.
    pub fn opened(&self) -> usize {
        self.channels.lock().unwrap().len()
    }

    /// Those of them that are still in use.
    pub fn channels(&self) -> Vec<Arc<dyn Channel>> {
        let channels = self.channels.lock().unwrap();
        channels.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Broker for Tap {
    fn consume<'a>(
        &'a self,
        queue: &'a str,
        prefetch: u16,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>> {
        async move {
            let subscription = self.inner.consume(queue, prefetch).await?;
            if !queue.ends_with(".suspect") {
                let channel = Arc::downgrade(&subscription.channel);
                self.channels.lock().unwrap().push(channel);
            }
            Ok(subscription)
        }
        .boxed()
    }

    fn publish(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        async move {
            let stop = (self.stops)(&message);
            if stop != Some(Stop::Before) {
                self.inner.publish(message).await?;
            }
            if stop.is_some() {
                self.stopped.send_modify(|n| *n += 1);
                std::future::pending::<()>().await;
            }
            Ok(())
        }
        .boxed()
    }

    fn depth<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Option<QueueDepth>, BrokerError>> {
        self.inner.depth(queue)
    }

    fn status(&self) -> watch::Receiver<BrokerStatus> {
        self.inner.status()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}
