//! Metrics of the outbox relay.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use super::*;
use crate::publish::outbox::Snapshot;

const OUTBOX_PUBLISHED: &str = "fanout_outbox_published_total";
const OUTBOX_SET_ASIDE: &str = "fanout_outbox_set_aside_total";
const OUTBOX_WAITING: &str = "fanout_outbox_waiting_rows";
const OUTBOX_OLDEST: &str = "fanout_outbox_oldest_age_seconds";
const OUTBOX_ASIDE: &str = "fanout_outbox_set_aside_rows";
const OUTBOX_SLOTS: &str = "fanout_outbox_slots";
const OUTBOX_CONNECTED: &str = "fanout_outbox_database_connected";

/// Rows that were confirmed and marked.
pub fn outbox_published(rows: usize) {
    if rows > 0 {
        counter!(OUTBOX_PUBLISHED).increment(u64::try_from(rows).unwrap_or(u64::MAX));
    }
}

/// A row was set aside.
pub fn outbox_set_aside(code: &'static str) {
    counter!(OUTBOX_SET_ASIDE, "code" => code).increment(1);
}

/// State of a relay, read when somebody asks.
pub fn outbox_state(seen: &Snapshot) {
    #[allow(clippy::cast_precision_loss, reason = "counted up to 100,000")]
    let set = |name: &'static str, count: u64| gauge!(name).set(count as f64);
    set(OUTBOX_WAITING, seen.waiting);
    set(OUTBOX_ASIDE, seen.set_aside);
    gauge!(OUTBOX_OLDEST).set(seen.oldest.as_secs_f64());
    gauge!(OUTBOX_SLOTS).set(float(seen.slots));
    gauge!(OUTBOX_CONNECTED).set(flag(seen.connected));
    gauge!(DRAINING).set(flag(seen.draining));
    // Series that are there before the first row.
    counter!(OUTBOX_PUBLISHED).increment(0);
}

/// Says of each metric of a relay what it means.
pub fn describe_outbox() {
    let count = |name, text| describe_counter!(name, Unit::Count, text);
    let level = |name, text| describe_gauge!(name, text);
    count(OUTBOX_PUBLISHED, "Rows published by this relay.");
    count(
        OUTBOX_SET_ASIDE,
        "Rows set aside by this relay, by reason code.",
    );
    level(OUTBOX_WAITING, "Rows that wait, of all relays.");
    level(OUTBOX_OLDEST, "Age of the oldest row that waits.");
    level(OUTBOX_ASIDE, "Rows set aside and still there.");
    level(OUTBOX_SLOTS, "Slots this relay holds, of 64.");
    level(OUTBOX_CONNECTED, "1 while the database is connected.");
}
