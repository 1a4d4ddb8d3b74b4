//! One check under way: its scopes, its processors, and its notes.

use serde_json::Value;
use std::sync::Arc;
use tokio::time::sleep;

use super::harness::{Fault, Harness, Scope, Support};
use super::law::{Law, LawViolation, Passed};
use super::runtime::{REPEATS, wait};
use crate::event::Event;
use crate::failure::FailureClass;
use crate::processor::Processor;

/// A law being checked against a harness.
pub(super) struct Check<'h> {
    pub(super) harness: &'h dyn Harness,
    pub(super) law: Law,
    scopes: u32,
    passed: Passed,
}

impl<'h> Check<'h> {
    pub(super) fn new(harness: &'h dyn Harness, law: Law) -> Self {
        let passed = Passed {
            law,
            exercised: Vec::new(),
            not_exercised: Vec::new(),
        };
        Self {
            harness,
            law,
            scopes: 0,
            passed,
        }
    }

    /// A scope that nothing was written to.
    pub(super) fn scope(&mut self) -> Scope {
        self.scopes += 1;
        Scope::new(self.law, self.scopes)
    }

    /// Good events 0 to `count` of the scope.
    pub(super) fn good(&self, scope: Scope, count: u32) -> Vec<Event> {
        (0..count).map(|n| self.harness.good(scope, n)).collect()
    }

    pub(super) async fn probe(&self, scope: Scope) -> Value {
        self.harness.probe(scope).await
    }

    /// Notes what was checked.
    pub(super) fn exercised(&mut self, what: &'static str) {
        self.passed.exercised.push(what);
    }

    /// Whether the feature is there; notes what was not looked at where it is not.
    pub(super) fn can(&mut self, support: Support, what: &'static str) -> bool {
        match support {
            Support::Yes => self.passed.exercised.push(what),
            Support::No(reason) => self.passed.not_exercised.push((what, reason)),
        }
        support == Support::Yes
    }

    pub(super) fn done(self) -> Result<Passed, LawViolation> {
        Ok(self.passed)
    }

    pub(super) fn violated(&self, what: impl Into<String>) -> LawViolation {
        LawViolation {
            law: self.law,
            what: what.into(),
        }
    }

    /// Fails unless the two states are alike.
    pub(super) fn same(&self, what: &str, want: &Value, got: &Value) -> Result<(), LawViolation> {
        if want == got {
            return Ok(());
        }
        Err(self.violated(format!("{what}: expected state {want}, found {got}")))
    }

    /// A fresh, prepared processor, as after a restart.
    pub(super) async fn restart(&self) -> Result<Arc<dyn Processor>, LawViolation> {
        let processor = self.harness.processor().await;
        for repeat in 0..=REPEATS {
            match processor.prepare().await {
                Ok(()) => return Ok(processor),
                Err(failure) if failure.class() == FailureClass::Permanent => {
                    return Err(
                        self.violated(format!("prepare refused a healthy target: {failure}"))
                    );
                }
                Err(_) => sleep(wait(repeat)).await,
            }
        }
        Err(self.violated("prepare stays unavailable on a healthy target"))
    }

    /// Heals the destination and gives a processor that works again.
    pub(super) async fn heal(&self) -> Result<Arc<dyn Processor>, LawViolation> {
        self.harness.inject(None).await;
        self.restart().await
    }

    pub(super) async fn inject(&self, fault: Fault) {
        self.harness.inject(Some(fault)).await;
    }
}
