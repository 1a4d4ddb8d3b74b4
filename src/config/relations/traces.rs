//! Traces: what the exporter cannot do is told before it starts.

use super::super::load::Report;
use super::super::raw::quoted;
use super::super::traces::pairs;
use super::super::{Config, OtlpProtocol};

const PAIRS: &str = "must be name=value, comma-separated";
const ENCODED: &str = "percent-encode special characters: %20 for a space, %2C for a comma";

pub(super) fn check(config: &Config, report: &mut Report) {
    let traces = &config.traces;
    if traces.wanted().is_some() && traces.protocol != OtlpProtocol::HttpProtobuf {
        report.relate(
            &["traces.protocol", "traces.endpoint"],
            match traces.protocol {
                OtlpProtocol::Grpc => "grpc",
                _ => "http/json",
            },
            "must be http/protobuf where traces.endpoint is set",
            "set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf and the port for it, commonly 4318",
        );
    }
    let headers = traces.headers.as_ref();
    if headers.is_some_and(|headers| !pairs(headers.expose()).1) {
        report.relate(&["traces.headers"], "***", PAIRS, ENCODED);
    }
    if let Some(text) = traces.resource_attributes.as_deref()
        && !pairs(text).1
    {
        report.relate(
            &["traces.resource_attributes"],
            quoted(text),
            PAIRS,
            ENCODED,
        );
    }
}
