//! Traces over OTLP, by the variables that OpenTelemetry has for every language.

use super::Secret;

/// Which traces are kept, of those that begin here or whose caller leaves it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampler {
    /// All.
    AlwaysOn,
    /// None.
    AlwaysOff,
    /// A share, whatever the caller says.
    Ratio,
    /// As the caller says; all of those that begin here.
    ParentAlwaysOn,
    /// As the caller says; none of those that begin here.
    ParentAlwaysOff,
    /// As the caller says; a share of those that begin here.
    ParentRatio,
}

/// How an exporter speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// Protobuf over HTTP, the one that is spoken here.
    HttpProtobuf,
    /// JSON over HTTP.
    HttpJson,
    /// gRPC.
    Grpc,
}

/// Traces.
#[derive(Clone, Debug, PartialEq)]
pub struct TracesConfig {
    /// Base URL of a collector; `/v1/traces` is appended. `None`, the default = no traces.
    pub endpoint: Option<Secret>,
    /// Default HTTP with protobuf; another one is an error where there is an endpoint.
    pub protocol: OtlpProtocol,
    /// Headers of every export, `name=value` with commas between them, percent-encoded.
    pub headers: Option<Secret>,
    /// Deadline of one export, milliseconds. Default 10,000.
    pub timeout_ms: u64,
    /// Name of the service. `None`, the default = that of the program.
    pub service_name: Option<String>,
    /// Attributes of the process, `key=value` with commas between them, percent-encoded.
    pub resource_attributes: Option<String>,
    /// Default: as the caller says, else all.
    pub sampler: Sampler,
    /// The share of the sampler, 0 to 1. Default 1.
    pub sampler_arg: f64,
    /// Whether all of this is of no account. Default false.
    pub disabled: bool,
}

impl Default for TracesConfig {
    fn default() -> Self {
        Self {
            endpoint: None,
            protocol: OtlpProtocol::HttpProtobuf,
            headers: None,
            timeout_ms: 10_000,
            service_name: None,
            resource_attributes: None,
            sampler: Sampler::ParentAlwaysOn,
            sampler_arg: 1.0,
            disabled: false,
        }
    }
}

impl TracesConfig {
    /// Where the spans go; `None` where there shall be none.
    pub fn wanted(&self) -> Option<&Secret> {
        self.endpoint.as_ref().filter(|_| !self.disabled)
    }

    /// The headers, decoded. What is no pair is left out; loading refuses it.
    pub fn header_pairs(&self) -> Vec<(String, String)> {
        self.headers
            .as_ref()
            .map_or_else(Vec::new, |headers| pairs(headers.expose()).0)
    }

    /// The attributes of the process, decoded. What is no pair is left out; loading refuses it.
    pub fn resource_pairs(&self) -> Vec<(String, String)> {
        self.resource_attributes
            .as_deref()
            .map_or_else(Vec::new, |text| pairs(text).0)
    }
}

/// The pairs of a list in the form of W3C Baggage, and whether nothing else is in it.
pub(super) fn pairs(text: &str) -> (Vec<(String, String)>, bool) {
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let mut all = true;
    let pairs = parts.filter_map(|part| {
        let pair = part.split_once('=').and_then(|(name, value)| {
            let value = percent_encoding::percent_decode_str(value.trim());
            let value = value.decode_utf8().ok()?.into_owned();
            let name = name.trim();
            let fits = !name.is_empty() && !value.chars().any(char::is_control);
            fits.then(|| (name.to_owned(), value))
        });
        all &= pair.is_some();
        pair
    });
    let pairs = pairs.collect();
    (pairs, all)
}

#[cfg(test)]
impl TracesConfig {
    /// Every field other than its default.
    pub(super) fn changed() -> Self {
        Self {
            endpoint: Some(Secret::new("https://a:b@collector:4318")),
            protocol: OtlpProtocol::Grpc,
            headers: Some(Secret::new("authorization=key")),
            timeout_ms: 9_000,
            service_name: Some("projector".to_owned()),
            resource_attributes: Some("deployment.environment=prod".to_owned()),
            sampler: Sampler::ParentRatio,
            sampler_arg: 0.5,
            disabled: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_and_anything_else_is_noticed() {
        let read = |text| pairs(text);
        let (found, all) = read("authorization=Basic%20abc=, x-tenant = a");
        let expected = [("authorization", "Basic abc="), ("x-tenant", "a")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!((found, all), (expected.to_vec(), true));
        for bad in ["novalue", "=x", "a=%0d%0aevil: 1", "a=%ff"] {
            assert_eq!(read(bad), (vec![], false), "{bad}");
        }
        assert_eq!(read(" , "), (vec![], true));
    }
}
