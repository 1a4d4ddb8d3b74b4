//! Settings of the broker.

use std::time::Duration;

use super::super::Config;
use super::super::form::Form;
use super::super::urls::Kind;
use super::super::value::{TOPOLOGY_MODES, USES_OF_RABBITMQ};
use super::{Field, HOUR, MS, SECOND, Secrecy};

const CALL: Form = Form::Time(Duration::from_millis(100), Duration::from_secs(10 * 60));
const WAIT: Form = Form::Time(MS, HOUR);

type Setting = Field<Config>;

pub(super) static BROKER: &[Setting] = &[
    Setting::new(
        "broker.use_rabbitmq",
        Form::Word(USES_OF_RABBITMQ),
        |c| &mut c.broker.use_rabbitmq,
        "false: what this program publishes is projected in this process, with no RabbitMQ (direct \
         mode); parallel: both, the broker's path into a shadow (docs/migration.md)",
    )
    .variable("USE_RABBITMQ"),
    Setting::new(
        "broker.local_dir",
        Form::Path,
        |c| &mut c.broker.local_dir,
        "folder of the broker inside the process in direct mode; one program at a time has it",
    )
    .variable("FANOUT_LOCAL_DIR"),
    Setting::new(
        "broker.urls",
        Form::List(&Form::Url(Kind::Amqp)),
        |c| &mut c.broker.urls,
        "AMQP URLs, tried in order; amqps:// for TLS; without a path the vhost is /",
    )
    .secret(Secrecy::UrlWithPassword)
    .variable("RABBITMQ_URL"),
    Setting::new(
        "broker.management_url",
        Form::Url(Kind::Http),
        |c| &mut c.broker.management_url,
        "management API, for statistics; unset = not used",
    )
    .secret(Secrecy::UrlWithPassword)
    .variable("RABBITMQ_MANAGEMENT_URL"),
    Setting::new(
        "broker.required",
        Form::Flag,
        |c| &mut c.broker.required,
        "true: give up (exit 4) after backoff.max_attempts; false: keep trying",
    )
    .variable("RABBITMQ_REQUIRED"),
    Setting::new(
        "broker.connect_timeout",
        CALL,
        |c| &mut c.broker.connect_timeout,
        "deadline of one attempt to connect",
    ),
    Setting::new(
        "broker.heartbeat",
        Form::Time(SECOND, HOUR),
        |c| &mut c.broker.heartbeat,
        "heartbeat asked for, whole seconds; a silent peer is noticed within two of them",
    ),
    Setting::new(
        "broker.call_timeout",
        CALL,
        |c| &mut c.broker.call_timeout,
        "deadline of any other call to the broker",
    ),
    Setting::new(
        "broker.confirm_timeout",
        CALL,
        |c| &mut c.broker.confirm_timeout,
        "deadline of a confirm; a quorum queue may elect a leader meanwhile",
    ),
    Setting::new(
        "broker.confirm_window",
        Form::Whole(1, 10_000),
        |c| &mut c.broker.confirm_window,
        "unconfirmed messages at most; quorum queues gain up to 200 to 1,000",
    ),
    Setting::new(
        "broker.max_message_bytes",
        Form::Size(1 << 10, 512 << 20),
        |c| &mut c.broker.max_message_bytes,
        "largest body published; keep it at or below the broker's max_message_size",
    ),
    Setting::new(
        "broker.topology",
        Form::Word(TOPOLOGY_MODES),
        |c| &mut c.broker.topology,
        "declare the exchanges, queues and bindings, only verify that they exist, or leave them alone",
    ),
    Setting::new(
        "broker.backoff.delays",
        Form::List(&WAIT),
        |c| &mut c.broker.backoff.delays,
        "waits between attempts to connect; the last one is repeated",
    ),
    Setting::new(
        "broker.backoff.jitter",
        Form::Share,
        |c| &mut c.broker.backoff.jitter,
        "share of a wait that chance may take off",
    ),
    Setting::new(
        "broker.backoff.max_attempts",
        Form::OrWord(&Form::Whole(1, 1_000_000), "unlimited"),
        |c| &mut c.broker.backoff.max_attempts,
        "attempts before giving up, where the broker is required",
    ),
    Setting::new(
        "broker.backoff.failed_after",
        Form::Whole(1, 1_000_000),
        |c| &mut c.broker.backoff.failed_after,
        "failed attempts in a row after which the status is failed",
    ),
    Setting::new(
        "broker.tls.ca_file",
        Form::Path,
        |c| &mut c.broker.tls.ca_file,
        "PEM file with the certificate authorities to trust instead of the system's",
    ),
    Setting::new(
        "broker.tls.cert_file",
        Form::Path,
        |c| &mut c.broker.tls.cert_file,
        "PEM file with the client certificate chain; needs key_file",
    ),
    Setting::new(
        "broker.tls.key_file",
        Form::Path,
        |c| &mut c.broker.tls.key_file,
        "PEM file with the client's private key; needs cert_file",
    ),
    Setting::new(
        "broker.tls.server_name",
        Form::Text,
        |c| &mut c.broker.tls.server_name,
        "name to expect in the server's certificate, where it is not the URL's host",
    ),
];
