//! In memory, on paused time.

use std::sync::Arc;

use fanout::broker::local::LocalServer;
use fanout::topology::Topology;

use super::Server;
use crate::support::broker_conformance::{self as laws, Subject, broker_laws};

fn subject(topology: Topology) -> Subject {
    let server = LocalServer::start(topology);
    Subject {
        broker: Arc::new(server.connect()),
        operator: Arc::new(Server(server)),
    }
}

macro_rules! tests {
    ($($law:ident)*) => { $(
        #[tokio::test(start_paused = true)]
        async fn $law() {
            laws::$law(&subject(laws::topology())).await;
        }
    )* };
}
broker_laws!(tests);
