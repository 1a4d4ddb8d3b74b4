//! The reference processor keeps every law, in memory and on paused time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use fanout_contract::conformance::reference::ReferenceHarness;
use fanout_contract::conformance::{
    Bounds, Fault, Features, Harness, Law, Scope, Support, check, run_all,
};
use fanout_contract::{Event, Processor, conformance_tests};
use futures::future::BoxFuture;
use std::sync::Arc;

mod reference {
    use super::*;
    conformance_tests!(ReferenceHarness::new(), #[tokio::test(start_paused = true)]);
}

mod reference_on_the_real_clock {
    use super::*;
    conformance_tests!(ReferenceHarness::new(), #[tokio::test] #[ignore = "slow: waits through real deadlines, about 10 s"]);
}

#[tokio::test(start_paused = true)]
async fn one_harness_serves_all_laws_in_a_row() {
    let report = run_all(&ReferenceHarness::new()).await;
    assert_eq!(report.violations().count(), 0, "{report}");
    assert_eq!(report.not_exercised().count(), 0, "{report}");
    assert_eq!(report.laws.len(), 12);
}

/// The reference harness with fewer features.
struct Poorer(ReferenceHarness, &'static str);

impl Harness for Poorer {
    fn features(&self) -> Features {
        let no = Support::No(self.1);
        Features {
            versions: no,
            follow_ups: no,
            refuse: no,
            stall: no,
            lose_answer: no,
            conflict: no,
        }
    }
    fn processor(&self) -> BoxFuture<'_, Arc<dyn Processor>> {
        self.0.processor()
    }
    fn good(&self, scope: Scope, n: u32) -> Event {
        self.0.good(scope, n)
    }
    fn bad(&self, scope: Scope, n: u32) -> Event {
        self.0.bad(scope, n)
    }
    fn probe(&self, scope: Scope) -> BoxFuture<'_, serde_json::Value> {
        self.0.probe(scope)
    }
    fn inject(&self, fault: Option<Fault>) -> BoxFuture<'_, ()> {
        assert_eq!(fault, None, "a fault that is not declared is not injected");
        Box::pin(async {})
    }
    fn bounds(&self) -> Bounds {
        self.0.bounds()
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_target_cannot_do_stands_in_the_report() {
    let report = run_all(&Poorer(ReferenceHarness::new(), "this target is simple")).await;
    assert_eq!(report.violations().count(), 0, "{report}");
    let silent: Vec<Law> = report.not_exercised().map(|(law, ..)| law).collect();
    for law in [
        Law::L1Idempotent,
        Law::L3Honest,
        Law::L4OrderTolerant,
        Law::L7Bounded,
        Law::L8Classed,
        Law::L10Repeatable,
    ] {
        assert!(silent.contains(&law), "{law:?} is missing:\n{report}");
    }
    assert!(report.to_string().contains("NOT EXERCISED"), "{report}");
    assert!(
        report.to_string().contains("this target is simple"),
        "{report}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_feature_is_not_left_out_without_a_reason() {
    let verdict = check(&Poorer(ReferenceHarness::new(), " "), Law::Harness).await;
    let violation = verdict.expect_err("an empty reason passed");
    assert!(
        violation.to_string().contains("`versions` is left out"),
        "{violation}"
    );
}
