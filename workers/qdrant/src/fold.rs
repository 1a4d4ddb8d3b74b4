//! From a user's interactions and the vectors of products to the profile: pure.
//!
//! The profile is a function of the *set* of interactions and of the products' vectors:
//! whatever came first, twice, or in which batch, the same bits come out.

use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

use crate::config::Weights;
use crate::id::Id;
use crate::vector::normalised;

/// A sum this much shorter than the weights in it is what rounding left of zero.
const ZERO: f64 = 1e-9;

/// What a user did, as far as it is read: the newest ones up to a limit, and how many in all.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// By time and point id: product and weight.
    newest: BTreeMap<(i64, Uuid), (Id, f64)>,
    limit: usize,
    count: u64,
}

impl History {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            newest: BTreeMap::new(),
            limit,
            count: 0,
        }
    }

    /// Adds an interaction; one that is known already changes nothing.
    pub(crate) fn add(&mut self, at: Timestamp, point: Uuid, product: Id, weight: f64) {
        let place = (at.as_microsecond(), point);
        if self.newest.insert(place, (product, weight)).is_none() {
            self.count += 1;
        }
        if self.newest.len() > self.limit {
            self.newest.pop_first();
        }
    }

    /// Adds an interaction in place of what the same point said before.
    pub(crate) fn put(&mut self, at: Timestamp, point: Uuid, product: Id, weight: f64) {
        let before = self.newest.len();
        self.newest.retain(|(_, known), _| *known != point);
        self.count = self
            .count
            .saturating_sub((before - self.newest.len()) as u64);
        self.add(at, point, product, weight);
    }

    /// How many are held.
    pub(crate) fn len(&self) -> usize {
        self.newest.len()
    }

    /// Whether these are all that there are.
    pub(crate) fn is_whole(&self) -> bool {
        self.count == self.newest.len() as u64
    }

    /// The products it speaks of.
    pub(crate) fn products(&self) -> impl Iterator<Item = &Id> {
        self.newest.values().map(|(product, _)| product)
    }
}

/// A version of a product and its vector, where it has one.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) version: Arc<str>,
    pub(crate) vector: Option<Arc<Vec<f32>>>,
}

/// A user's vector at length one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Profile {
    pub(crate) vector: Vec<f32>,
    /// Interactions in all, those with unknown products too.
    pub(crate) interactions: u64,
    pub(crate) newest: Timestamp,
    /// Says all that went into it: equal versions are equal profiles.
    pub(crate) version: String,
}

/// The weighted mean of the vectors of the known products, each halved once for every half
/// life between it and the newest interaction. `None` where nothing is left: no interaction,
/// no known product, or a sum of zero. `make` is that of the settings.
pub(crate) fn fold(
    user: &Id,
    history: &History,
    products: &HashMap<Id, Known>,
    half_life: Duration,
    make: &str,
) -> Option<Profile> {
    let (&(newest, _), _) = history.newest.last_key_value()?;
    let mut sum: Vec<f64> = Vec::new();
    let mut total = 0.0;
    let mut inputs = Vec::with_capacity(128 * history.newest.len());
    inputs.extend_from_slice(user.json().as_bytes());
    inputs.extend_from_slice(&history.count.to_be_bytes());
    // also where the weights that changed are not among these
    inputs.extend_from_slice(make.as_bytes());
    // sorted by time and id: the order of the additions is part of the result
    for (&(at, point), (product, weight)) in &history.newest {
        inputs.extend_from_slice(point.as_bytes());
        inputs.extend_from_slice(&at.to_be_bytes());
        inputs.extend_from_slice(&weight.to_be_bytes());
        let Some(known) = products.get(product) else {
            continue;
        };
        inputs.extend_from_slice(known.version.as_bytes());
        let Some(vector) = &known.vector else {
            continue;
        };
        if sum.is_empty() {
            sum.resize(vector.len(), 0.0);
        }
        #[allow(clippy::cast_precision_loss, reason = "microseconds of an age")]
        let age = newest.saturating_sub(at) as f64 / 1e6;
        let weight = weight * (-age / half_life.as_secs_f64()).exp2();
        total += weight.abs();
        for (sum, x) in sum.iter_mut().zip(vector.iter()) {
            *sum += weight * f64::from(*x);
        }
    }
    Some(Profile {
        vector: normalised(&sum, ZERO * total)?,
        interactions: history.count,
        newest: Timestamp::from_microsecond(newest).ok()?,
        version: Uuid::new_v5(&Uuid::NAMESPACE_OID, &inputs).to_string(),
    })
}

/// Digest of the settings that profiles are folded with: those of another make say other
/// things of the same interactions.
pub(crate) fn make(weights: &Weights, half_life: Duration) -> String {
    let Weights {
        viewed,
        carted,
        uncarted,
        purchased,
    } = *weights;
    let mut inputs = half_life.as_nanos().to_be_bytes().to_vec();
    for weight in [viewed, carted, uncarted, purchased] {
        // one zero of both
        inputs.extend_from_slice(&(weight + 0.0).to_be_bytes());
    }
    let digest = Uuid::new_v5(&Uuid::NAMESPACE_OID, &inputs).as_u64_pair().0;
    format!("{digest:016x}")
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
