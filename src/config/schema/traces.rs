//! Settings of the traces: the variables are OpenTelemetry's own.

use super::super::Config;
use super::super::form::Form;
use super::super::urls::Kind;
use super::super::value::{OTLP_PROTOCOLS, SAMPLERS};
use super::{Field, Secrecy};

type Setting = Field<Config>;

pub(super) static TRACES: &[Setting] = &[
    Setting::new(
        "traces.endpoint",
        Form::Url(Kind::Otlp),
        |c| &mut c.traces.endpoint,
        "base URL of an OpenTelemetry collector, /v1/traces is appended; unset = no traces",
    )
    .secret(Secrecy::UrlWithPassword)
    .variable("OTEL_EXPORTER_OTLP_ENDPOINT"),
    Setting::new(
        "traces.protocol",
        Form::Word(OTLP_PROTOCOLS),
        |c| &mut c.traces.protocol,
        "how the collector is spoken to; only http/protobuf can be used",
    )
    .variable("OTEL_EXPORTER_OTLP_PROTOCOL"),
    Setting::new(
        "traces.headers",
        Form::Text,
        |c| &mut c.traces.headers,
        "headers of every export: name=value, comma-separated, percent-encoded",
    )
    .secret(Secrecy::Hidden)
    .variable("OTEL_EXPORTER_OTLP_HEADERS"),
    Setting::new(
        "traces.timeout_ms",
        Form::Whole(1, 600_000),
        |c| &mut c.traces.timeout_ms,
        "deadline of one export, milliseconds; nothing but the export waits for it",
    )
    .variable("OTEL_EXPORTER_OTLP_TIMEOUT"),
    Setting::new(
        "traces.service_name",
        Form::Text,
        |c| &mut c.traces.service_name,
        "name of the service; unset = that of the program",
    )
    .variable("OTEL_SERVICE_NAME"),
    Setting::new(
        "traces.resource_attributes",
        Form::Text,
        |c| &mut c.traces.resource_attributes,
        "attributes of the process: key=value, comma-separated, percent-encoded",
    )
    .variable("OTEL_RESOURCE_ATTRIBUTES"),
    Setting::new(
        "traces.sampler",
        Form::Word(SAMPLERS),
        |c| &mut c.traces.sampler,
        "which traces are kept; parentbased_ = as the caller says, the rest for those that begin here",
    )
    .variable("OTEL_TRACES_SAMPLER"),
    Setting::new(
        "traces.sampler_arg",
        Form::Share,
        |c| &mut c.traces.sampler_arg,
        "share that a sampler with ratio keeps",
    )
    .variable("OTEL_TRACES_SAMPLER_ARG"),
    Setting::new(
        "traces.disabled",
        Form::Flag,
        |c| &mut c.traces.disabled,
        "true: no traces, whatever else is set",
    )
    .variable("OTEL_SDK_DISABLED"),
];
