//! Seeded faults: what goes wrong between a client and its broker, one chance per step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Something that goes wrong. Each has its own chances: every publish, settlement, delivery,
/// consume or dead-lettering is one chance for the faults that fit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A publish never reaches the broker; the publisher only learns `NotConnected`.
    PublishLost,
    /// The broker takes the message, its confirm is lost: `NotConnected` as well.
    ConfirmLost,
    /// The broker refuses the message (basic.nack).
    PublishRefused,
    /// The confirm comes late.
    ConfirmDelayed,
    /// The channel closes before an ack or requeue takes effect. The caller sees success or
    /// an error by chance: a client only knows that its frame was written.
    SettleLost,
    /// The channel closes just after an ack or requeue has taken effect.
    ClosedAfterSettle,
    /// The connection is lost at a publish or settlement, before or after its effect, or at
    /// a delivery.
    ConnectionLost,
    /// The broker cancels the consumer instead of delivering.
    ConsumerCancelled,
    /// A delivery, and all behind it on its channel, comes late.
    DeliveryDelayed,
    /// Opening a consumer fails with a closed channel.
    ConsumeFailed,
    /// The internal dead-letter move leaves a copy at its target and repeats the move later:
    /// at-least-once dead-lettering duplicates.
    DeadLetterDuplicated,
}

/// Chances and targets of faults. The same plan and the same steps strike the same way.
#[derive(Clone, Debug)]
pub struct FaultPlan {
    rng: fastrand::Rng,
    rates: BTreeMap<Fault, f64>,
    targets: BTreeSet<(Fault, u64)>,
    max_delay: Duration,
    max_downtime: Duration,
}

impl FaultPlan {
    /// No faults; what [`rate`](Self::rate) adds is decided by this seed.
    pub fn seeded(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            rates: BTreeMap::new(),
            targets: BTreeSet::new(),
            max_delay: Duration::from_secs(2),
            max_downtime: Duration::from_secs(5),
        }
    }

    /// Strikes with this probability (0 to 1) at each chance.
    #[must_use]
    pub fn rate(mut self, fault: Fault, probability: f64) -> Self {
        self.rates.insert(fault, probability);
        self
    }

    /// Strikes at the `nth` chance (1 = the next) for certain.
    #[must_use]
    pub fn nth(mut self, fault: Fault, nth: u64) -> Self {
        self.targets.insert((fault, nth));
        self
    }

    /// Longest delay of a confirm or delivery. Default 2 s.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// Longest time a lost connection stays away. Default 5 s.
    #[must_use]
    pub fn max_downtime(mut self, downtime: Duration) -> Self {
        self.max_downtime = downtime;
        self
    }
}

/// A plan at work: counts chances and strikes.
#[derive(Debug)]
pub(super) struct Faults {
    plan: FaultPlan,
    chances: BTreeMap<Fault, u64>,
    strikes: BTreeMap<Fault, u64>,
}

impl Faults {
    pub(super) fn new(plan: FaultPlan) -> Self {
        Self {
            plan,
            chances: BTreeMap::new(),
            strikes: BTreeMap::new(),
        }
    }

    /// Whether this fault strikes now.
    pub(super) fn strikes(&mut self, fault: Fault) -> bool {
        let chance = self.chances.entry(fault).or_default();
        *chance += 1;
        let targeted = self.plan.targets.remove(&(fault, *chance));
        let rate = self.plan.rates.get(&fault).copied().unwrap_or(0.0);
        let struck = targeted || (rate > 0.0 && self.plan.rng.f64() < rate);
        if struck {
            *self.strikes.entry(fault).or_default() += 1;
        }
        struck
    }

    pub(super) fn coin(&mut self) -> bool {
        self.plan.rng.bool()
    }

    pub(super) fn delay(&mut self) -> Duration {
        self.up_to(self.plan.max_delay)
    }

    pub(super) fn downtime(&mut self) -> Duration {
        self.up_to(self.plan.max_downtime)
    }

    fn up_to(&mut self, longest: Duration) -> Duration {
        let millis = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.plan.rng.u64(0..=millis))
    }

    /// How often each fault has struck.
    pub(super) fn struck(&self) -> BTreeMap<Fault, u64> {
        self.strikes.clone()
    }
}
