//! The publisher and its spool.

use std::fmt::Display;

use crate::broker::{Message, PublishError};
use crate::telemetry::Told;

super::records! { "fanout::publish";
    /// The broker does not take what is published.
    pub(crate) fn publishing_refused(message: &Message, error: &PublishError, told: Told)
        WARN "the broker does not take a message; what is accepted goes to the spool" {
            code = error.code(),
            exchange = message.exchange,
            routing_key = message.routing_key,
            error = display(error),
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// It does.
    pub(crate) fn publishing_again(told: Told)
        INFO "the broker takes what is published again" {
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// A message of the spool that the broker will never take.
    pub(crate) fn set_aside(number: u64, code: &str, error: &str, suppressed: u64)
        WARN "message set aside" {
            number = number,
            code = code,
            error = error,
            suppressed = suppressed,
        }

    /// The disk takes nothing.
    pub(crate) fn spool_fails(error: &dyn Display, told: Told)
        ERROR "the spool cannot be used" {
            error = display(error),
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// It does.
    pub(crate) fn spool_works(told: Told)
        INFO "the spool can be used again" {
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// A program starts with what another one has left.
    pub(crate) fn spool_opened(messages: u64, set_aside: u64, closed: bool)
        INFO "the spool was opened with what is left in it" {
            messages = messages,
            set_aside = set_aside,
            closed = closed,
        }
}
