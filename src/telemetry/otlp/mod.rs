//! Traces over OTLP: spans that belong to one are exported as protobuf over HTTP.
//!
//! `context` reads and writes `traceparent`; `exporter` sends. The queue of the SDK is bounded
//! (2,048 spans) and its thread is its own, so that a collector that is away or hangs costs
//! spans and nothing else.

mod context;
mod exporter;

pub(super) use context::{continues, link, trace_parent};

use std::fmt;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, Sampler as SdkSampler, SdkTracerProvider, SpanLimits,
};
use tracing::{Level, Metadata, level_filters::LevelFilter};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::{Layer, Registry};

use self::exporter::Exporter;
use super::spans::is_of_a_trace;
use crate::config::{Sampler, TracesConfig};

/// Links of one span at most. A batch of the default size has a thousand events, of which a
/// person looks at a few.
const MOST_LINKS: u32 = 128;
/// How long the end of a program waits for the last spans.
const LAST_EXPORT: Duration = Duration::from_secs(2);

/// Exports until it is dropped; then what is left goes out, within two seconds.
pub struct Traces {
    provider: SdkTracerProvider,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traces")
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // One that hangs has had its warning.
        let _ = self.provider.shutdown_with_timeout(LAST_EXPORT);
    }
}

impl Traces {
    /// Starts exporting for a program, where `config` wants that. Its spans are those that the
    /// layer sees.
    pub fn start(
        program: &str,
        config: &TracesConfig,
    ) -> Option<(Self, Box<dyn Layer<Registry> + Send + Sync>)> {
        let endpoint = config.wanted()?;
        let exporter = Exporter::new(endpoint, config);
        let limits = SpanLimits {
            max_links_per_span: MOST_LINKS,
            ..SpanLimits::default()
        };
        let provider = SdkTracerProvider::builder()
            .with_resource(resource(program, config))
            .with_sampler(sampler(config))
            .with_span_limits(limits)
            .with_span_processor(BatchSpanProcessor::builder(exporter).build())
            .build();
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("fanout"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(exported).with_max_level_hint(LevelFilter::INFO));
        Some((Self { provider }, layer.boxed()))
    }

    /// Sends what has ended so far, and waits for that. Blocks its thread.
    pub fn flush(&self) {
        let _ = self.provider.force_flush();
    }
}

/// Spans of a trace from info upwards.
fn exported(metadata: &Metadata<'_>) -> bool {
    is_of_a_trace(metadata) && *metadata.level() <= Level::INFO
}

fn sampler(config: &TracesConfig) -> SdkSampler {
    let ratio = SdkSampler::TraceIdRatioBased(config.sampler_arg);
    let by_parent = |root| SdkSampler::ParentBased(Box::new(root));
    match config.sampler {
        Sampler::AlwaysOn => SdkSampler::AlwaysOn,
        Sampler::AlwaysOff => SdkSampler::AlwaysOff,
        Sampler::Ratio => ratio,
        Sampler::ParentAlwaysOn => by_parent(SdkSampler::AlwaysOn),
        Sampler::ParentAlwaysOff => by_parent(SdkSampler::AlwaysOff),
        Sampler::ParentRatio => by_parent(ratio),
    }
}

/// The process, as its traces tell it; what is configured wins.
fn resource(program: &str, config: &TracesConfig) -> Resource {
    let own = [
        ("service.name", program),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.name", "opentelemetry"),
    ];
    let own = own.map(|(key, value)| KeyValue::new(key, value.to_owned()));
    let set = config.resource_pairs();
    let set = set
        .into_iter()
        .map(|(key, value)| KeyValue::new(key, value));
    let name = config.service_name.clone();
    let name = name.map(|name| KeyValue::new("service.name", name));
    Resource::builder_empty()
        .with_attributes(own.into_iter().chain(set).chain(name))
        .build()
}
