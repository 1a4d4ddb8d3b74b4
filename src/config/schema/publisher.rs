//! Settings of the publisher and its spool.

use std::time::Duration;

use super::super::Config;
use super::super::form::Form;
use super::Field;

type Setting = Field<Config>;

pub(super) static PUBLISHER: &[Setting] = &[
    Setting::new(
        "publisher.source",
        Form::Text,
        |c| &mut c.publisher.source,
        "app_id and source of events that name no source of their own",
    ),
    Setting::new(
        "publisher.connections",
        Form::Whole(1, 16),
        |c| &mut c.publisher.connections,
        "connections to publish over, each with a confirm window of its own; one is enough for tens of thousands of events a second",
    ),
    Setting::new(
        "publisher.spool_after",
        Form::Time(Duration::from_millis(100), Duration::from_secs(10 * 60)),
        |c| &mut c.publisher.spool_after,
        "what is not confirmed by then goes to the spool",
    ),
    Setting::new(
        "publisher.first_kinds",
        Form::List(&Form::Text),
        |c| &mut c.publisher.first_kinds,
        "kinds of events published with a high priority; quorum queues know two levels from RabbitMQ 4 on",
    ),
    Setting::new(
        "publisher.memory",
        Form::Size(1 << 20, 1 << 40),
        |c| &mut c.publisher.memory,
        "messages whose callers wait for an answer; beyond it they are refused",
    ),
    Setting::new(
        "spool.dir",
        Form::Path,
        |c| &mut c.spool.dir,
        "folder of what was accepted while the broker is away; one program has it",
    )
    .variable("FANOUT_SPOOL_DIR"),
    Setting::new(
        "spool.max_messages",
        Form::Whole(1_000, 10_000_000),
        |c| &mut c.spool.max_messages,
        "messages in the spool at most; each takes up to 24 bytes of memory",
    ),
    Setting::new(
        "spool.max_bytes",
        Form::Size(1 << 20, 1 << 44),
        |c| &mut c.spool.max_bytes,
        "bytes of messages in the spool at most; the file takes up to twice as much",
    ),
];
