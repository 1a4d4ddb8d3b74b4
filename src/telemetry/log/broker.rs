//! The way to the broker, and the broker inside the process.

use std::fmt::Display;

use crate::telemetry::Told;

super::records! { "fanout::broker";
    /// Connected; `told` = after failures.
    pub(crate) fn connected(url: &str, epoch: u64, told: Option<Told>)
        INFO "connected to the broker" {
            url = url,
            epoch = epoch,
            suppressed = told.map(|told| told.suppressed),
            seconds = told.map(Told::seconds),
        }

    /// A connection that was there has ended.
    pub(crate) fn connection_lost(error: &dyn Display, epoch: u64, told: Told)
        WARN "connection to the broker lost" {
            error = display(error),
            epoch = epoch,
            suppressed = told.suppressed,
        }

    /// An attempt has failed.
    pub(crate) fn cannot_connect(error: &dyn Display, url: &str, attempt: u32, told: Told)
        WARN "cannot connect to the broker" {
            error = display(error),
            url = url,
            attempt = attempt,
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// Trying on is pointless.
    pub(crate) fn gave_up(error: &dyn Display, code: &str)
        ERROR "gave up on the broker" { error = display(error), code = code }

    /// An alarm at the broker.
    pub(crate) fn blocked(error: &str, told: Told)
        WARN "the broker has blocked publishing" {
            error = error,
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// The alarm is over.
    pub(crate) fn unblocked(told: Told)
        INFO "the broker takes messages again" {
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// The broker is there and gives no channel to publish on.
    pub(crate) fn cannot_reopen(error: &dyn Display, told: Told)
        WARN "cannot reopen the confirm channel" {
            error = display(error),
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// The channel is there.
    pub(crate) fn reopened(told: Told)
        INFO "the confirm channel is open again" {
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// The disk of the broker inside the process takes nothing.
    pub(crate) fn local_store_refuses(error: &str, told: Told)
        WARN "the local store refuses" {
            error = error,
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// It does.
    pub(crate) fn local_store_takes(told: Told)
        INFO "the local store takes messages again" {
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }
}
