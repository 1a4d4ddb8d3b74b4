//! Variables that somebody else has set.

use std::collections::BTreeMap;
use std::time::Duration;

use super::case::Notes;
use super::finding::checks;
use crate::config::{Config, show_time};

checks! { Environment:
    SERVICE_LINKS = "service-links", Warning,
        "Kubernetes sets such variables for services of these names: RABBITMQ_PORT then is no port, and the images of RabbitMQ and Neo4j read theirs as settings and do not start";
    GRACE = "drain-over-grace", Notice,
        "Kubernetes kills a pod 30 s after asking it to end, unless told otherwise: a drain that takes as long is cut off, and what it held is delivered again";
}

/// `terminationGracePeriodSeconds` where a pod does not say.
const GRACE_PERIOD: Duration = Duration::from_secs(30);

const INJECTED: [&str; 3] = ["RABBITMQ_PORT", "NEO4J_PORT", "QDRANT_PORT"];

pub(super) fn check(config: &Config, env: &BTreeMap<String, String>, notes: &mut Notes) {
    for name in INJECTED {
        if let Some(value) = env.get(name).filter(|value| value.starts_with("tcp://")) {
            notes.add(SERVICE_LINKS.found(
                name,
                format!("{name} is {value}"),
                "enableServiceLinks: false in the pod, or another name for the service",
            ));
        }
    }
    let drain = config.worker.drain_deadline;
    if env.contains_key("KUBERNETES_SERVICE_HOST") && drain >= GRACE_PERIOD {
        notes.add(GRACE.found(
            "worker.drain_deadline",
            format!("workers drain for up to {}", show_time(drain)),
            "terminationGracePeriodSeconds above it by 10 s and more; where that is so, this is \
             well",
        ));
    }
}
