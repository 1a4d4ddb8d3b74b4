//! The storage thread: takes what was noted, writes it, tells the state.
//!
//! While one fsync runs, everything that happens meanwhile gathers for the next: that is the
//! group commit. A thread of its own, so that no disk ever blocks the async runtime.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::super::server::Core;
use super::super::state::State;
use super::{Batch, Store};

/// How long it waits after a failure before it tries again: first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How often a closing broker tries a storage that refuses.
const LAST_TRIES: u32 = 3;

/// Tells the state if the thread ends in a way that was not foreseen.
struct Guard(Arc<Core>);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0
                .with(|state, _| state.storage_lost("storage thread ended"));
        }
    }
}

/// Starts the thread. What comes back is true once it has ended, the file is closed and `keep`
/// is dropped.
pub(in super::super) fn spawn(
    core: Arc<Core>,
    store: Store,
    keep: impl Send + 'static,
) -> Result<watch::Receiver<bool>, std::io::Error> {
    let (ended, end) = watch::channel(false);
    // Its `Instant::now` shall be the clock of the runtime.
    let runtime = Handle::current();
    std::thread::Builder::new()
        .name("fanout-journal".to_owned())
        .spawn(move || {
            let _runtime = runtime.enter();
            run(core, store);
            drop(keep);
            let _ = ended.send(true);
        })?;
    Ok(end)
}

fn run(core: Arc<Core>, mut store: Store) {
    let _guard = Guard(Arc::clone(&core));
    let mut failures = 0;
    while let Some((number, batch)) = next(&core, failures) {
        match store.write(&batch) {
            Ok(()) => {
                failures = 0;
                core.with(|state, now| state.written(number, batch, now));
            }
            Err(error) => {
                failures += 1;
                core.with(|state, _| state.not_written(batch, &error.to_string()));
            }
        }
    }
    store.close();
}

/// Waits for something to write; `None` when the broker is closed and nothing is left.
fn next(core: &Core, failures: u32) -> Option<(u64, Batch)> {
    let mut state = core.lock();
    if failures > 0 {
        let pause = FIRST_PAUSE
            .saturating_mul(1 << failures.min(10).saturating_sub(1))
            .min(LONGEST_PAUSE);
        let closing = |state: &mut State| !state.journal.closing;
        state = core.wait_timeout_while(state, pause, closing);
        if state.journal.closing && failures >= LAST_TRIES {
            return None;
        }
        // Also with nothing to write: only a write shows that storage is back.
        return Some(state.journal.take());
    }
    loop {
        if !state.journal.batch.is_empty() {
            return Some(state.journal.take());
        }
        if state.journal.closing {
            return None;
        }
        state = core.wait(state);
    }
}
