//! Settings that are valid and go badly together.

use super::case::Notes;
use super::finding::checks;
use crate::config::{Config, MissingId, TopologyMode};

checks! { Configuration:
    ASSIGN = "missing-id-assign", Notice,
        "events of foreign publishers without id, message_id and timestamp get a new id at every delivery: after a crash they may count twice";
    RETRY_TTL = "retry-plan-long", Warning,
        "an event that fails to the end of its plan is older than the oldest one that may wait: what fails and what expires cannot be told apart";
    EXPIRY_OFF = "queue-without-limits", Notice,
        "a queue whose worker is gone grows until the disk alarm stops every publisher of the broker";
    UNDECLARED = "topology-left-alone", Notice,
        "no program says so when an exchange, queue or binding is missing or made otherwise";
}

pub(super) fn check(config: &Config, notes: &mut Notes) {
    if config.codec.missing_id == MissingId::Assign {
        notes.add(ASSIGN.found(
            "codec.missing_id",
            "events without any id are given one",
            "codec.missing_id = \"reject\" dead-letters them; our own publishers always stamp one",
        ));
    }
    if config.broker.topology == TopologyMode::None {
        notes.add(UNDECLARED.found(
            "broker.topology",
            "the topology is neither declared nor verified",
            "broker.topology = \"verify\" needs no permission to configure",
        ));
    }
    for queue in config.queues.values() {
        let plan: std::time::Duration = queue.retry_delays.iter().sum();
        if let Some(ttl) = queue.message_ttl.filter(|ttl| plan > *ttl) {
            notes.add(RETRY_TTL.found(
                &queue.name,
                format!(
                    "all retry delays together are {}, message_ttl is {}",
                    crate::config::show_time(plan),
                    crate::config::show_time(ttl)
                ),
                "shorten retry_delays, or lengthen message_ttl",
            ));
        }
        if queue.message_ttl.is_none() && queue.max_length_bytes.is_none() {
            notes.add(EXPIRY_OFF.found(
                &queue.name,
                "the queue has neither message_ttl nor max_length_bytes",
                "set one of the two",
            ));
        }
    }
}
