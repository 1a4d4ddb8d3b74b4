//! Spans → a collector, one POST after the other, on the thread of the SDK.

use std::fmt;
use std::future::{Future, ready};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prost::Message;
use ureq::Agent;

use crate::config::{Secret, TracesConfig, mask_url};
use crate::telemetry::{Outages, log};

/// Where traces go below the base URL.
const PATH: &str = "/v1/traces";

/// Sends spans. What a collector does not take is gone; it is told, now and then.
pub(super) struct Exporter {
    agent: Agent,
    url: Secret,
    headers: Vec<(String, Secret)>,
    resource: ResourceAttributesWithSchema,
    outage: Outages,
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter")
            .field("url", &mask_url(self.url.expose()))
            .finish_non_exhaustive()
    }
}

impl Exporter {
    pub(super) fn new(endpoint: &Secret, config: &TracesConfig) -> Self {
        let base = endpoint.expose().trim_end_matches('/');
        let headers = config.header_pairs().into_iter();
        let timeout = Duration::from_millis(config.timeout_ms);
        Self {
            agent: Agent::config_builder()
                .timeout_global(Some(timeout))
                .build()
                .into(),
            url: Secret::new(format!("{base}{PATH}")),
            headers: headers
                .map(|(name, value)| (name, Secret::new(value)))
                .collect(),
            resource: ResourceAttributesWithSchema::default(),
            outage: Outages::default(),
        }
    }

    fn send(&self, spans: Vec<SpanData>) -> Result<(), ureq::Error> {
        let resource_spans = group_spans_by_resource_and_scope(spans, &self.resource);
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let mut post = self
            .agent
            .post(self.url.expose())
            .content_type("application/x-protobuf");
        for (name, value) in &self.headers {
            post = post.header(name, value.expose());
        }
        post.send(body.as_slice()).map(drop)
    }

    fn tell(&self, error: Option<&ureq::Error>) {
        match error {
            None => {
                if let Some(told) = self.outage.over("") {
                    log::traces_delivered(told);
                }
            }
            Some(error) => {
                if let Some(told) = self.outage.failed("") {
                    log::traces_lost(&mask_url(self.url.expose()), error, told);
                }
            }
        }
    }
}

impl SpanExporter for Exporter {
    /// Blocks: the thread of the SDK has nothing else to do.
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        let sent = self.send(batch);
        self.tell(sent.as_ref().err());
        ready(sent.map_err(|error| OTelSdkError::InternalFailure(error.to_string())))
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::captured::Text;
    use crate::telemetry::lines::Lines;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    /// Answers a request of its connection with 503 and the next one with 200.
    fn busy_then_well() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://user:s3cret@{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for status in ["503 Busy", "200 OK"] {
                let (mut stream, _) = listener.accept().unwrap();
                let head = BufReader::new(&stream).lines().map_while(Result::ok);
                // The body of no spans is empty.
                head.take_while(|line| !line.is_empty()).for_each(drop);
                let answer =
                    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        endpoint
    }

    #[tokio::test]
    async fn a_collector_that_refuses_and_one_that_takes_again_are_told() {
        let config = TracesConfig {
            endpoint: Some(Secret::new(busy_then_well())),
            ..TracesConfig::default()
        };
        let exporter = Exporter::new(config.wanted().unwrap(), &config);
        let (lines, _guard) = Lines::capture();
        exporter.export(Vec::new()).await.unwrap_err();
        exporter.export(Vec::new()).await.unwrap();
        let lost = lines.told("traces cannot be delivered");
        assert!(lost.fields["error"].contains("503"), "{lost:?}");
        assert!(lost.fields["endpoint"].contains("***"), "{lost:?}");
        lines.told("traces are delivered again");
    }

    #[tokio::test]
    async fn a_collector_that_is_away_is_told_once_and_no_secret_with_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let config = TracesConfig {
            endpoint: Some(Secret::new(format!("http://user:s3cret@127.0.0.1:{port}"))),
            headers: Some(Secret::new("authorization=s3cret")),
            ..TracesConfig::default()
        };
        let exporter = Exporter::new(config.wanted().unwrap(), &config);
        let (text, guard) = Text::capture();
        for _ in 0..3 {
            let failed = exporter.export(Vec::new()).await;
            assert!(failed.is_err_and(|error| !error.to_string().contains("s3cret")));
        }
        drop(guard);
        assert_eq!(text.count("traces cannot be delivered"), 1);
        let text = text.read();
        assert!(text.contains("***") && !text.contains("s3cret"), "{text}");
        assert!(!format!("{exporter:?}").contains("s3cret"));
    }
}
