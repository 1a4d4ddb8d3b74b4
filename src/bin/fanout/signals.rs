//! SIGINT and SIGTERM: the first asks to stop, the second ends the process at once.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

/// Cancelled by the first signal. Where no handler can be set, signals keep their default.
pub(crate) fn stop() -> CancellationToken {
    let stop = CancellationToken::new();
    let pair = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    );
    if let (Ok(interrupt), Ok(terminate)) = pair {
        tokio::spawn(watch(interrupt, terminate, stop.clone()));
    }
    stop
}

async fn watch(mut interrupt: Signal, mut terminate: Signal, stop: CancellationToken) {
    for _ in 0..2 {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if stop.is_cancelled() {
            std::process::exit(Exit::Aborted as i32);
        }
        stop.cancel();
    }
}
