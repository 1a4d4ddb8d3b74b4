//! The outbox relay.

use std::net::SocketAddr;

use crate::broker::PublishError;
use crate::publish::outbox::{OutboxError, Snapshot};
use crate::telemetry::Told;

super::records! { "fanout::outbox";
    /// A relay starts.
    pub fn outbox_starts(exchange: &str, version: &str, http: SocketAddr)
        INFO "outbox relay starts" {
            exchange = exchange,
            version = version,
            http = display(http),
        }

    /// A relay has ended.
    pub fn outbox_ended(seen: &Snapshot)
        INFO "outbox relay ended" { published = seen.published, set_aside = seen.refused }

    /// The database is connected, the table is there; `told` = after failures.
    pub(crate) fn outbox_connected(told: Option<Told>)
        INFO "the outbox is connected" {
            suppressed = told.map(|told| told.suppressed),
            seconds = told.map(Told::seconds),
        }

    /// The database cannot be used; `failed` attempts in a row.
    pub(crate) fn outbox_away(error: &OutboxError, failed: u32, told: Told)
        WARN "the outbox is away; still trying" {
            code = error.code(),
            failed = failed,
            error = display(error),
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// The broker takes nothing from the outbox.
    pub(crate) fn outbox_refused(exchange: &str, error: &PublishError, told: Told)
        WARN "rows of the outbox wait" {
            exchange = exchange,
            code = error.code(),
            error = display(error),
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// It does.
    pub(crate) fn outbox_taken(exchange: &str, told: Told)
        INFO "the broker takes rows of the outbox again" {
            exchange = exchange,
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// A row cannot be published as it is.
    pub(crate) fn outbox_row_aside(position: i64, code: &str, error: &str, suppressed: u64)
        WARN "a row of the outbox is set aside" {
            position = position,
            code = code,
            error = error,
            suppressed = suppressed,
        }
}
