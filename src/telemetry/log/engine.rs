//! What becomes of events, and how their destination is.

use std::fmt::Display;
use std::time::Duration;

use fanout_contract::{Failure, ReasonCode};

use crate::telemetry::Told;

/// Which event of which queue, and how often it was tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Which<'a> {
    pub(crate) queue: &'a str,
    /// Its id; none where it could not be read.
    pub(crate) event: Option<&'a str>,
    pub(crate) attempt: u32,
}

super::records! { "fanout::engine";
    /// The destination has been prepared for the first time.
    pub(crate) fn destination_is_ready(queue: &str, destination: &str)
        INFO "destination is ready" { queue = queue, destination = destination }

    /// A probe or a batch finds the destination away or overloaded.
    pub(crate) fn destination_away(queue: &str, failure: &Failure, breaker: &str, told: Told)
        WARN "destination is not available" {
            queue = queue,
            code = failure.code().as_str(),
            error = failure.message(),
            breaker = breaker,
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// It has answered about data again.
    pub(crate) fn destination_back(queue: &str, told: Told)
        INFO "destination is available again" {
            queue = queue,
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// The breaker has opened.
    pub(crate) fn breaker_opens(queue: &str, code: ReasonCode, told: Told)
        WARN "breaker opens; consumption rests until the destination is well" {
            queue = queue,
            code = code.as_str(),
            suppressed = told.suppressed,
        }

    /// The breaker has closed.
    pub(crate) fn breaker_closes(queue: &str, told: Told)
        INFO "breaker closes; consumption goes on" {
            queue = queue,
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// The flood guard has tripped.
    pub(crate) fn flood(queue: &str, code: ReasonCode, pause: Duration)
        ERROR "flood guard: most of the last events would be dead-lettered with one code; consumption pauses" {
            queue = queue,
            code = code.as_str(),
            pause_seconds = pause.as_secs(),
        }

    /// Its pause is over.
    pub(crate) fn flood_over(queue: &str)
        INFO "flood guard: the pause is over, events are tried one by one" { queue = queue }

    /// The worker sees that an operator has paused its queue.
    pub(crate) fn rests(queue: &str)
        INFO "the queue is paused, consumption rests" { queue = queue }

    /// The worker sees that the pause is lifted.
    pub(crate) fn goes_on(queue: &str)
        INFO "the pause is lifted, consumption goes on" { queue = queue }

    /// The broker does not tell whether the queue is paused.
    pub(crate) fn pause_unknown(queue: &str, error: &dyn Display, suppressed: u64)
        WARN "cannot look whether the queue is paused" {
            queue = queue,
            error = display(error),
            suppressed = suppressed,
        }

    /// The broker has ended a subscription.
    pub(crate) fn consumer_lost(queue: &str, lane: usize, error: &str, told: Told)
        WARN "consumer lost; subscribing again" {
            queue = queue,
            lane = lane,
            error = error,
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// A lane has a consumer again.
    pub(crate) fn consumer_back(queue: &str, told: Told)
        INFO "consuming again" {
            queue = queue,
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// The broker does not take what settles an event.
    pub(crate) fn settling_refused(
        queue: &str, to: &str, code: &str, error: &dyn Display, told: Told,
    )
        WARN "the broker does not take a message; nothing is acknowledged until it does" {
            queue = queue,
            to = to,
            code = code,
            error = display(error),
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// The broker takes it.
    pub(crate) fn settling_again(queue: &str, to: &str, told: Told)
        INFO "the broker takes what settles events again" {
            queue = queue,
            to = to,
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// No queue is bound for a follow-up event.
    pub(crate) fn follow_up_unroutable(queue: &str, exchange: &str, routing_key: &str, suppressed: u64)
        ERROR "no queue takes a follow-up event; it is dead-lettered" {
            queue = queue,
            exchange = exchange,
            routing_key = routing_key,
            suppressed = suppressed,
        }

    /// An event waits in a retry stage.
    pub(crate) fn event_retried(which: Which<'_>, code: ReasonCode, delay: Duration, suppressed: u64)
        INFO "event will be tried again" {
            queue = which.queue,
            event = which.event,
            attempt = which.attempt,
            code = code.as_str(),
            delay_seconds = delay.as_secs_f64(),
            suppressed = suppressed,
        }

    /// An event is in the dead-letter queue.
    pub(crate) fn event_dead_lettered(which: Which<'_>, code: ReasonCode, suppressed: u64)
        WARN "event dead-lettered" {
            queue = which.queue,
            event = which.event,
            attempt = which.attempt,
            code = code.as_str(),
            suppressed = suppressed,
        }

    /// An event was redelivered so often that it is in the suspect queue.
    pub(crate) fn event_suspect(which: Which<'_>, suppressed: u64)
        WARN "event may have killed workers; it is a suspect" {
            queue = which.queue,
            event = which.event,
            attempt = which.attempt,
            suppressed = suppressed,
        }
}
