//! The laws of the seam, kept by RabbitMQ through `AmqpBroker`.

use std::sync::Arc;

use fanout::topology::Topology;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::connected;
use crate::support::broker_conformance::{self as laws, Operator, Subject, broker_laws};
use crate::support::rabbitmq::{RabbitMq, Vhost};

impl Operator for Vhost {
    fn delete_queue<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, ()> {
        self.delete_queue(queue).boxed()
    }
}

async fn subject(topology: Topology) -> Subject {
    let vhost = RabbitMq::shared().await.vhost("law").await;
    Subject {
        broker: Arc::new(connected(vhost.config(), topology).await),
        operator: Arc::new(vhost),
    }
}

macro_rules! tests {
    ($($law:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        #[ignore = "needs Docker: run scripts/test"]
        async fn $law() {
            laws::$law(&subject(laws::topology()).await).await;
        }
    )* };
}
broker_laws!(tests);
