//! Deadline and panic guard around every call into a processor: the only place of both.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use fanout_contract::{Failure, codes};
use futures::FutureExt;

/// Runs a processor's future. Passing the deadline is *unavailable* (the outcome is
/// unknown), a panic is *transient* (law L9).
pub(super) async fn guarded<T>(
    deadline: Duration,
    call: impl Future<Output = Result<T, Failure>> + Send,
) -> Result<T, Failure> {
    match tokio::time::timeout(deadline, AssertUnwindSafe(call).catch_unwind()).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(panic)) => Err(Failure::transient(codes::PANIC, panic_text(panic.as_ref()))),
        Err(_) => Err(Failure::unavailable(
            codes::DEADLINE_EXCEEDED,
            format!("no answer within {deadline:?}"),
        )),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    format!("the processor panicked: {text}")
}
