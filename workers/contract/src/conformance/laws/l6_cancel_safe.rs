use futures::FutureExt;
use serde_json::Value;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::timeout;

use crate::batch::Batch;
use crate::conformance::check::Check;
use crate::conformance::harness::{Harness, Scope};
use crate::conformance::law::{Law, LawViolation, Passed};

/// Dropped at any await, a repeat converges to the same state: by the same processor, by one
/// after a restart, and still when everything has come to rest.
///
/// # Errors
/// [`LawViolation`] with the await and the two states.
pub async fn l6_cancel_safe(harness: &dyn Harness) -> Result<Passed, LawViolation> {
    let mut check = Check::new(harness, Law::L6CancelSafe);
    let processor = check.restart().await?;
    let whole = check.scope();
    check.apply(&*processor, &check.good(whole, 4)).await?;
    let want = check.probe(whole).await;

    let mut scopes = Vec::new();
    for cut in cuts() {
        let scope = check.scope();
        let finished = cut_and_repeat(&check, scope, cut, scopes.len() % 2 == 1, &want).await?;
        scopes.push((scope, cut));
        if finished && matches!(cut, Cut::Await(_)) {
            break;
        }
    }
    check.exercised("dropped at its awaits");
    for after in [1, 2, 5, 10, 20] {
        let scope = check.scope();
        let cut = Cut::Time(Duration::from_millis(after));
        cut_and_repeat(&check, scope, cut, after % 2 == 0, &want).await?;
        scopes.push((scope, cut));
    }
    check.exercised("dropped after some milliseconds");
    for (scope, cut) in scopes {
        let late = check.probe(scope).await;
        check.same(
            &format!("some time after a call cut at {cut:?}"),
            &want,
            &late,
        )?;
    }
    check.exercised("nothing changes afterwards");
    check.done()
}

/// Where a call is dropped.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// When it waits for the n-th time.
    Await(u32),
    /// After this long.
    Time(Duration),
}

/// Each of the first 24 awaits, then every doubling: enough for a call of thousands of
/// awaits without a scope for each.
fn cuts() -> impl Iterator<Item = Cut> {
    (0..24)
        .chain((5..13).map(|power| 1 << power))
        .map(Cut::Await)
}

/// Says whether the call had finished before it was cut.
async fn cut_and_repeat(
    check: &Check<'_>,
    scope: Scope,
    cut: Cut,
    restart: bool,
    want: &Value,
) -> Result<bool, LawViolation> {
    let good = check.good(scope, 4);
    let mut processor = check.restart().await?;
    let batch = Batch::from_events(good.clone())
        .ok_or_else(|| check.violated("the suite made an empty batch"))?;
    let call = processor.process(&batch);
    let finished = match cut {
        Cut::Await(awaits) => drop_at(awaits, call).await.is_some(),
        Cut::Time(after) => timeout(after, call).await.is_ok(),
    };
    if restart {
        processor = check.restart().await?;
    }
    check.apply(&*processor, &good).await?;
    let got = check.probe(scope).await;
    let who = if restart {
        "after a restart"
    } else {
        "by the same processor"
    };
    check.same(
        &format!("a call cut at {cut:?}, repeated {who}"),
        want,
        &got,
    )?;
    Ok(finished)
}

/// Polls until the future has waited more than `awaits` times, then drops it.
pub(super) async fn drop_at<F: Future>(awaits: u32, future: F) -> Option<F::Output> {
    let mut future = pin!(future.fuse());
    let mut left = awaits;
    poll_fn(move |context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}
