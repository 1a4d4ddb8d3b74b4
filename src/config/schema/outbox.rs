//! Settings of the transactional outbox.

use std::time::Duration;

use super::super::Config;
use super::super::form::Form;
use super::super::urls::Kind;
use super::{Field, HOUR, MS, SHORTEST_CALL, Secrecy};

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// Beyond it nobody would wait for an event.
const LONGEST_POLL: Duration = Duration::from_secs(60);

type Setting = Field<Config>;

pub(super) static OUTBOX: &[Setting] = &[
    Setting::new(
        "outbox.url",
        Form::Url(Kind::Postgres),
        |c| &mut c.outbox.url,
        "the database with the outbox; unset = fanout outbox cannot be used",
    )
    .secret(Secrecy::UrlWithPassword)
    .variable("FANOUT_OUTBOX_URL"),
    Setting::new(
        "outbox.schema",
        Form::Text,
        |c| &mut c.outbox.schema,
        "schema of the table",
    ),
    Setting::new(
        "outbox.table",
        Form::Text,
        |c| &mut c.outbox.table,
        "the table; lower-case letters, digits and _, at most 48",
    ),
    Setting::new(
        "outbox.exchange",
        Form::Text,
        |c| &mut c.outbox.exchange,
        "exchange to publish to; unset = the first one configured",
    ),
    Setting::new(
        "outbox.batch",
        Form::Whole(1, 10_000),
        |c| &mut c.outbox.batch,
        "rows taken at once; so many are published again at most after a crash",
    ),
    Setting::new(
        "outbox.poll_every",
        Form::Time(SHORTEST_CALL, LONGEST_POLL),
        |c| &mut c.outbox.poll_every,
        "how often the table is looked into without a notification",
    ),
    Setting::new(
        "outbox.keep",
        Form::Time(Duration::ZERO, YEAR),
        |c| &mut c.outbox.keep,
        "how long published rows are kept; 0s = they are deleted with the confirm",
    ),
    Setting::new(
        "outbox.connect_timeout",
        Form::Time(MS, HOUR),
        |c| &mut c.outbox.connect_timeout,
        "deadline of one attempt to connect",
    ),
    Setting::new(
        "outbox.call_timeout",
        Form::Time(SHORTEST_CALL, HOUR),
        |c| &mut c.outbox.call_timeout,
        "deadline of any statement",
    ),
    Setting::new(
        "outbox.tls.ca_file",
        Form::Path,
        |c| &mut c.outbox.tls.ca_file,
        "PEM file with the certificate authorities to trust instead of the system's",
    ),
    Setting::new(
        "outbox.tls.cert_file",
        Form::Path,
        |c| &mut c.outbox.tls.cert_file,
        "PEM file with the client certificate chain; needs key_file",
    ),
    Setting::new(
        "outbox.tls.key_file",
        Form::Path,
        |c| &mut c.outbox.tls.key_file,
        "PEM file with the client's private key; needs cert_file",
    ),
];
