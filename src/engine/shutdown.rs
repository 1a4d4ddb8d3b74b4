//! Two signals, as arguments: drain, then abort.

use tokio_util::sync::CancellationToken;

/// Tells the engine to end. Clones share the same signals.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    abort: CancellationToken,
}

impl Shutdown {
    /// Nothing asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to drain: consume no more, finish what runs, give back the rest.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Asks to end at once: what runs is dropped, the broker delivers it again.
    pub fn abort(&self) {
        self.drain.cancel();
        self.abort.cancel();
    }

    /// Whether draining was asked for.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Resolves once draining is asked for. Cancel-safe.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Resolves once aborting is asked for. Cancel-safe.
    pub async fn aborted(&self) {
        self.abort.cancelled().await;
    }
}
