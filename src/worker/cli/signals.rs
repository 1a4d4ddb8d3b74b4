//! SIGINT and SIGTERM: the first drains, the second ends the process.
//!
//! They are watched by a thread of their own: a processor that blocks every thread of the
//! runtime cannot keep a signal from being heard.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::engine::Shutdown;
use crate::telemetry::log;

/// What an abort may take to write the last log lines before the process is ended anyway.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Exit code after a second signal.
const ABORTED: i32 = 130;

/// Watches until the end of the process.
///
/// # Errors
/// The system refuses a thread or the handlers.
pub(super) fn watch(shutdown: Shutdown) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (interrupt, terminate) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || runtime.block_on(obey(interrupt, terminate, shutdown)))?;
    Ok(())
}

async fn obey(mut interrupt: Signal, mut terminate: Signal, shutdown: Shutdown) {
    next(&mut interrupt, &mut terminate).await;
    log::draining();
    shutdown.drain();
    next(&mut interrupt, &mut terminate).await;
    log::aborting();
    shutdown.abort();
    tokio::time::sleep(LAST_WORDS).await;
    std::process::exit(ABORTED);
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
