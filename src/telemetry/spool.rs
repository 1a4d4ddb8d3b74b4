//! What a spool may hold: alerts and dashboards compare with it.

use metrics::{describe_gauge, gauge};

use super::total;
use crate::config::SpoolConfig;

const MAX_MESSAGES: &str = "fanout_spool_max_messages";
const MAX_BYTES: &str = "fanout_spool_max_bytes";

/// The limits of the spool, read when somebody asks.
pub fn spool_limits(config: &SpoolConfig) {
    gauge!(MAX_MESSAGES).set(total(config.max_messages));
    gauge!(MAX_BYTES).set(total(config.max_bytes));
}

/// Says of each metric what it means.
pub(super) fn describe() {
    describe_gauge!(MAX_MESSAGES, "Messages the spool may hold.");
    describe_gauge!(MAX_BYTES, "Bytes of messages the spool may hold.");
}
