//! Log lines of a test, as text.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock, Mutex};

use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Level};

/// With a single subscriber alive, what a thread without one meets first is switched off for all.
static NOBODY: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// What was written so far.
#[derive(Clone, Default)]
pub(crate) struct Text(Arc<Mutex<Vec<u8>>>);

impl Text {
    /// Captures everything that this thread tells, until the guard is dropped.
    pub(crate) fn capture() -> (Self, DefaultGuard) {
        LazyLock::force(&NOBODY);
        let text = Self::default();
        let writer = text.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        (text, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn read(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) fn count(&self, message: &str) -> usize {
        self.read().matches(message).count()
    }
}

/// Spans of this thread go to a collector that is away, until the guard is dropped.
#[cfg(feature = "otlp")]
pub(crate) fn traced() -> (crate::telemetry::Traces, DefaultGuard) {
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;

    LazyLock::force(&NOBODY);
    let config = crate::config::TracesConfig {
        endpoint: Some(crate::config::Secret::new("http://127.0.0.1:1")),
        ..Default::default()
    };
    let (traces, layer) = crate::telemetry::Traces::start("test", &config).unwrap();
    let subscriber = tracing_subscriber::registry().with(vec![layer]);
    (traces, subscriber.set_default())
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
