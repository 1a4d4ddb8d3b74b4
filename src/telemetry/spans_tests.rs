use std::{fmt, io, iter};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::*;
use crate::broker::Message;
use crate::operate::log::without_traces;
use crate::telemetry::Publication;

/// Panics where somebody wants to read it.
struct Untouched;

impl Display for Untouched {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("formatted")
    }
}

/// The log as a program without a collector has it.
fn log_alone() -> impl tracing::Subscriber {
    let lines = tracing_subscriber::fmt::layer().with_writer(io::sink);
    let filter = without_traces(EnvFilter::new("trace"));
    tracing_subscriber::registry().with(lines.with_filter(filter))
}

#[test]
fn without_a_collector_no_span_is_made_no_attribute_formatted_and_no_link_looked_for() {
    #[cfg(feature = "otlp")]
    assert!(crate::telemetry::Traces::start("test", &Default::default()).is_none());
    let _guard = log_alone().set_default();
    assert!(
        !info_span!("of the log").is_disabled(),
        "the log is at work"
    );

    assert!(process(Untouched, &[]).is_disabled());
    let request = request(Some(
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ));
    assert!(request.is_disabled());
    assert_eq!(trace_parent(&request), None);
    assert!(publish(Untouched).is_disabled());

    let carried = iter::from_fn(|| -> Option<Option<&str>> { panic!("looked for") });
    let publication = Publication::begin(Untouched, carried);
    let mut message = Message::default();
    publication.carry(&mut message);
    assert_eq!(message, Message::default());
    publication.end(1, 0, Some("code"));
}
