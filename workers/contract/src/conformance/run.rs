//! Running one law, all laws, or one test of each.

use super::harness::Harness;
use super::law::{Law, LawViolation, Passed, Report};
use super::laws;

/// Checks one law.
///
/// # Errors
/// [`LawViolation`] says what was seen instead.
pub async fn check(harness: &dyn Harness, law: Law) -> Result<Passed, LawViolation> {
    let verdict = match law {
        Law::Harness => laws::harness_is_sound(harness).await,
        Law::L1Idempotent => laws::l1_idempotent(harness).await,
        Law::L2Complete => laws::l2_complete(harness).await,
        Law::L3Honest => laws::l3_honest(harness).await,
        Law::L4OrderTolerant => laws::l4_order_tolerant(harness).await,
        Law::L5Independent => laws::l5_independent(harness).await,
        Law::L6CancelSafe => laws::l6_cancel_safe(harness).await,
        Law::L7Bounded => laws::l7_bounded(harness).await,
        Law::L8Classed => laws::l8_classed(harness).await,
        Law::L9Mute => laws::l9_mute(harness).await,
        Law::L10Repeatable => laws::l10_repeatable(harness).await,
        Law::L11Traceable => laws::l11_traceable(harness).await,
    };
    // A violated law may leave its fault behind; the next one starts with a healthy target.
    harness.inject(None).await;
    verdict
}

/// Checks every law, one after the other; goes on behind a violated one.
pub async fn run_all(harness: &dyn Harness) -> Report {
    let mut verdicts = Vec::with_capacity(Law::ALL.len());
    for law in Law::ALL {
        verdicts.push(check(harness, law).await);
    }
    Report { laws: verdicts }
}

/// One test of each law, over a harness that is made anew for each.
///
/// The expression may await. The attributes behind it replace the default `#[tokio::test]`:
/// paused time for a target in memory, `#[ignore]` for one that needs a server. What was not
/// exercised is printed (`cargo test -- --nocapture` shows it).
///
/// ```
/// use fanout_contract::conformance::reference::ReferenceHarness;
/// use fanout_contract::conformance_tests;
///
/// mod in_memory {
///     use super::*;
///     conformance_tests!(ReferenceHarness::new(), #[tokio::test(start_paused = true)]);
/// }
/// mod on_a_server {
///     use super::*;
///     conformance_tests!(ReferenceHarness::new(), #[tokio::test] #[ignore = "needs Docker"]);
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! conformance_tests {
    ($harness:expr $(,)?) => {
        $crate::conformance_tests!($harness, #[tokio::test]);
    };
    ($harness:expr, $(#[$attribute:meta])+) => {
        $crate::conformance_tests!(@one harness_is_sound, $harness, $(#[$attribute])+);
        $crate::conformance_tests!(@one l1_idempotent, $harness, $(#[$attribute])+);
        $crate::conformance_tests!(@one l2_complete, $harness, $(#[$attribute])+);
        $crate::conformance_tests!(@one l3_honest, $harness, $(#[$attribute])+);
        $crate::conformance_tests!(@one l4_order_tolerant, $harness, $(#[$attribute])+);
        $crate::conformance_tests!(@one l5_independent, $harness, $(#[$attribute])+);
        $crate::conformance_tests!(@one l6_cancel_safe, $harness, $(#[$attribute])+);
        $crate::conformance_tests!(@one l7_bounded, $harness, $(#[$attribute])+);
        $crate::conformance_tests!(@one l8_classed, $harness, $(#[$attribute])+);
        $crate::conformance_tests!(@one l9_mute, $harness, $(#[$attribute])+);
        $crate::conformance_tests!(@one l10_repeatable, $harness, $(#[$attribute])+);
        $crate::conformance_tests!(@one l11_traceable, $harness, $(#[$attribute])+);
    };
    (@one $law:ident, $harness:expr, $(#[$attribute:meta])+) => {
        $(#[$attribute])+
        async fn $law() -> Result<(), $crate::conformance::LawViolation> {
            let harness = $harness;
            println!("{}", $crate::conformance::$law(&harness).await?);
            Ok(())
        }
    };
}
