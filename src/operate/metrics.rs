//! The Prometheus recorder of the process, and what is read at the moment of a scrape.

use std::sync::OnceLock;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use super::problem::HttpProblem;
use super::process;
use crate::telemetry;

/// Seconds; from a small batch of a fast store to the deadline of a call.
const SECONDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];
/// Events of a batch; 1,000 is the default maximum.
const EVENTS: [f64; 9] = [1.0, 5.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 5000.0];
/// Seconds; up to the days that an event may wait in a queue or a file.
const AGES: [f64; 12] = [
    0.01,
    0.05,
    0.1,
    0.2,
    0.5,
    1.0,
    5.0,
    30.0,
    300.0,
    3_600.0,
    86_400.0,
    1_209_600.0,
];
/// Samples wait in memory until they are folded into their buckets, scraped or not.
const FOLD_EVERY: Duration = Duration::from_secs(1);

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Makes this process record metrics; the first call counts. Where the program has another
/// recorder, that one gets them and `/metrics` does not exist.
pub fn install() {
    RECORDER.get_or_init(|| match build() {
        Ok(handle) => {
            telemetry::describe();
            Some(handle)
        }
        Err(error) => {
            telemetry::log::metrics_elsewhere(&error);
            None
        }
    });
}

fn build() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(
            Matcher::Full(telemetry::OCCURRED_TO_SETTLED.to_owned()),
            &AGES,
        )?
        .set_buckets_for_metric(Matcher::Full(telemetry::BATCH_EVENTS.to_owned()), &EVENTS)?
        .install_recorder()
}

/// Keeps recorded samples small. Runs until dropped.
pub async fn upkeep() {
    let Some(Some(handle)) = RECORDER.get() else {
        return;
    };
    loop {
        handle.run_upkeep();
        tokio::time::sleep(FOLD_EVERY).await;
    }
}

/// The answer to a scrape: `observe` records what is read at that moment. 404 where the
/// program has another recorder.
pub(crate) fn exposition(
    service: &'static str,
    version: &'static str,
    observe: impl FnOnce(),
) -> Response {
    let Some(Some(handle)) = RECORDER.get() else {
        let detail = "this program records its metrics elsewhere";
        return HttpProblem::new(StatusCode::NOT_FOUND, detail).into_response();
    };
    observe();
    telemetry::process_state(service, version, process::usage());
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], handle.render()).into_response()
}
