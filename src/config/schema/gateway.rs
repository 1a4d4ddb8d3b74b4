//! Settings of the HTTP gateway.

use super::super::Config;
use super::super::form::Form;
use super::{Field, HOUR, MS, SECOND};

type Setting = Field<Config>;

pub(super) static GATEWAY: &[Setting] = &[
    Setting::new(
        "gateway.exchange",
        Form::Text,
        |c| &mut c.gateway.exchange,
        "exchange that events go to; unset = the first one",
    ),
    Setting::new(
        "gateway.schemas",
        Form::Path,
        |c| &mut c.gateway.schemas,
        "folder of JSON Schemas for payloads, a file KIND.json for each kind that has one; unset = none",
    ),
    Setting::new(
        "gateway.max_body",
        Form::Size(1 << 10, 1 << 30),
        |c| &mut c.gateway.max_body,
        "largest body of a request that is not a stream of lines",
    ),
    Setting::new(
        "gateway.max_events",
        Form::Whole(1, 1_000_000),
        |c| &mut c.gateway.max_events,
        "events of one request",
    ),
    Setting::new(
        "gateway.max_requests",
        Form::Whole(1, 100_000),
        |c| &mut c.gateway.max_requests,
        "requests whose events are being accepted at once; beyond, the answer is 429",
    ),
    Setting::new(
        "gateway.max_connections",
        Form::Whole(1, 1_000_000),
        |c| &mut c.gateway.max_connections,
        "connections at once; further ones wait to be taken",
    ),
    Setting::new(
        "gateway.max_buffered",
        Form::Size(1 << 20, 1 << 40),
        |c| &mut c.gateway.max_buffered,
        "bytes of bodies held in memory at once; beyond, the answer is 503",
    ),
    Setting::new(
        "gateway.body_timeout",
        Form::Time(SECOND, HOUR),
        |c| &mut c.gateway.body_timeout,
        "a body arrives within this time; a stream of lines never pauses for longer",
    ),
    Setting::new(
        "gateway.accept_timeout",
        Form::Time(MS, HOUR),
        |c| &mut c.gateway.accept_timeout,
        "deadline for accepting one event; beyond it the answer is 503 and its outcome unknown",
    ),
];
