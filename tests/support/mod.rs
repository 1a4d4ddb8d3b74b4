//! What tests against real servers share. A test binary takes it in with
//! `#[path = "../support/mod.rs"] mod support;`.
//!
//! * [`rabbitmq::RabbitMq`]: a container per binary (or one of your own, to break), a vhost
//!   per test, so that every test may use the default names.
//! * [`neo4j::Neo4j`]: a container per binary, or one of your own.
//! * [`postgres::Postgres`]: a container per binary (or one of your own, to break), a database
//!   per test.
//! * [`qdrant::Qdrant`]: a container per binary, or one of your own.
//! * [`proxy::Proxy`]: a TCP proxy on a fixed port that can be cut, swallow or delay.
//! * [`eventually`]: polls instead of sleeping.
//! * [`ledger::Ledger`]: an oracle of what must have happened to every published id.
//! * [`lines::Lines`]: log records, held against what `docs/operations/logs.md` promises.
//! * [`collector`]: takes traces over OTLP.
//! * [`broker_conformance`]: the laws every broker behind the seam keeps.
//!
//! Containers end with the test process, however that ends (see [`docker`]).
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    unused_macros,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

pub mod broker_conformance;
#[cfg(feature = "otlp")]
pub mod collector;
pub mod docker;
pub mod ledger;
pub mod lines;
pub mod management;
pub mod neo4j;
#[cfg(feature = "outbox")]
pub mod postgres;
pub mod proxy;
pub mod qdrant;
pub mod queues;
pub mod rabbitmq;

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How often [`eventually`] looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until `look` finds something, and returns it; panics after `deadline`.
///
/// ```ignore
/// let depth = eventually("the queue is full", SECONDS_10, async || {
///     broker.depth("q").await.ok().flatten().filter(|d| d.ready == 100)
/// }).await;
/// ```
pub async fn eventually<T>(
    what: &str,
    deadline: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "not within {deadline:?}: {what}");
        // sleep: between two looks; the deadline is above
        sleep(LOOK_EVERY).await;
    }
}

/// Waits at most `deadline` for `future`; panics beyond.
pub async fn within<F: Future>(what: &str, deadline: Duration, future: F) -> F::Output {
    tokio::time::timeout(deadline, future)
        .await
        .unwrap_or_else(|_| panic!("not within {deadline:?}: {what}"))
}

/// `name` with a random end, for whatever shares a server with other tests.
pub fn unique(name: &str) -> String {
    format!("{name}-{:08x}", fastrand::u32(..))
}
