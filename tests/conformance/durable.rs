//! On disk, in real time.

use std::sync::Arc;

use fanout::broker::local::{LocalServer, LocalStore};

use super::Server;
use crate::support::broker_conformance::{self as laws, Subject, broker_laws};

macro_rules! tests {
    ($($law:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $law() {
            let dir = tempfile::tempdir().unwrap();
            let opening = LocalServer::open(dir.path(), laws::topology(), LocalStore::default());
            let server = opening.await.unwrap();
            let subject = Subject {
                broker: Arc::new(server.connect()),
                operator: Arc::new(Server(server)),
            };
            laws::$law(&subject).await;
        }
    )* };
}
broker_laws!(tests);
