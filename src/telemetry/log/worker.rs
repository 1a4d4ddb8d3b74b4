//! The life of a worker.

use std::net::SocketAddr;

use crate::engine::Counts;
use crate::operate::Vitals;

super::records! { "fanout::worker";
    /// A worker starts.
    pub(crate) fn worker_starts(vitals: &Vitals, lanes: usize, prefetch: u16, http: SocketAddr)
        INFO "worker starts" {
            queue = vitals.queue,
            processor = vitals.processor,
            version = vitals.version,
            lanes = lanes,
            prefetch = prefetch,
            http = display(http),
        }

    /// Broker, destination and consumers are there for the first time.
    pub(crate) fn worker_is_ready(queue: &str)
        INFO "worker is ready" { queue = queue }

    /// A worker has ended, drained or not.
    pub(crate) fn worker_ended(queue: &str, counts: Counts)
        INFO "worker ended" {
            queue = queue,
            applied = counts.applied,
            skipped = counts.skipped,
            retried = counts.retried,
            dead_lettered = counts.dead_lettered,
            given_back = counts.given_back,
            suspects = counts.suspects,
        }
}
