//! Histories that were folded, remembered by the version of the profile that came of them.
//!
//! A history is taken out before its user's interactions are written, so that of batches side
//! by side only one has it, and put back once its profile stands. It counts only while that
//! profile stands: whoever wrote something else for the user, or changed one of the products,
//! folds and thereby gives the profile another version, and swaps it against the one it saw.
//! So what is left out here is folded by its own writer afterwards.

use lru::LruCache;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

use crate::cache::Vectors;
use crate::fold::{History, Known};
use crate::id::{Collection, Id};
use crate::mapping::Interaction;
use crate::points;

/// Interactions that are remembered at most, about 40 MiB: the last 20 of 10,000 users.
const LIMIT: usize = 200_000;
/// Interactions of one user at most; a longer history is read again each time.
const LONGEST: usize = 512;

/// What was folded into a profile.
#[derive(Debug)]
pub(crate) struct Remembered {
    version: String,
    history: History,
    /// The products that were known, their points and versions.
    products: Vec<(Id, Uuid, Arc<str>)>,
}

impl Remembered {
    /// `None` where it is too long to be remembered, or is not all that there is.
    pub(crate) fn new(
        version: String,
        history: History,
        known: &HashMap<Id, Known>,
    ) -> Option<Self> {
        if !history.is_whole() || history.len() > LONGEST {
            return None;
        }
        let distinct: HashSet<&Id> = history.products().collect();
        let products = distinct.into_iter().filter_map(|id| {
            let version = known.get(id)?.version.clone();
            Some((id.clone(), Collection::Products.point_id(id), version))
        });
        Some(Self {
            products: products.collect(),
            version,
            history,
        })
    }
}

/// A remembered history, and what the batch at hand adds to it.
#[derive(Debug)]
pub(crate) struct Recalled {
    before: Remembered,
    new: HashSet<Id>,
}

impl Recalled {
    /// The version of the profile that must stand there for it to count.
    pub(crate) fn version(&self) -> &str {
        &self.before.version
    }

    /// Adds what is written now. Answers whether that is known to the last bit.
    fn add(&mut self, seen: &Interaction) -> bool {
        let Some(at) = points::stored_time(seen) else {
            return false;
        };
        let point = Collection::Interactions.point_id(&seen.event);
        self.new.insert(seen.product.clone());
        self.before
            .history
            .put(at, point, seen.product.clone(), seen.weight);
        true
    }

    /// The history, the products that are known of it without asking, and those to ask for:
    /// the new ones, and those whose vector is not at hand.
    pub(crate) fn into_parts(
        self,
        vectors: &Vectors,
    ) -> (History, HashMap<Id, Known>, HashSet<Id>) {
        let (mut known, mut asked) = (HashMap::new(), self.new);
        for (id, point, version) in self.before.products {
            match vectors.get(point, &version) {
                Some(found) => drop(known.insert(id, found)),
                None => drop(asked.insert(id)),
            }
        }
        (self.before.history, known, asked)
    }
}

/// What is remembered, by user; the one that was not needed for longest goes first.
#[derive(Debug)]
pub(crate) struct Histories(Mutex<Held>);

#[derive(Debug)]
struct Held {
    users: LruCache<Id, Remembered>,
    interactions: usize,
}

impl Default for Histories {
    fn default() -> Self {
        Self(Mutex::new(Held {
            users: LruCache::unbounded(),
            interactions: 0,
        }))
    }
}

impl Histories {
    /// Takes out the histories of all these users, with what is written now added to them.
    /// `None` where nothing is remembered, or where what the server has is not known.
    pub(crate) fn take<'a>(
        &self,
        interactions: impl Iterator<Item = &'a Interaction>,
    ) -> HashMap<Id, Option<Recalled>> {
        let mut taken: HashMap<Id, Option<Recalled>> = HashMap::new();
        for seen in interactions {
            let recalled = taken
                .entry(seen.user.clone())
                .or_insert_with(|| self.take_one(&seen.user));
            // where the time is ours, the server may hold the point with another one
            if !recalled
                .as_mut()
                .is_some_and(|r| seen.when.given && r.add(seen))
            {
                *recalled = None;
            }
        }
        taken
    }

    fn take_one(&self, user: &Id) -> Option<Recalled> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = held.users.pop(user)?;
        held.interactions = held.interactions.saturating_sub(before.history.len());
        let new = HashSet::new();
        Some(Recalled { before, new })
    }

    /// Remembers what was folded into the profile that stands there now.
    pub(crate) fn put(&self, user: Id, remembered: Remembered) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.interactions += remembered.history.len();
        if let Some(before) = held.users.put(user, remembered) {
            held.interactions = held.interactions.saturating_sub(before.history.len());
        }
        while held.interactions > LIMIT {
            let Some((_, oldest)) = held.users.pop_lru() else {
                break;
            };
            held.interactions = held.interactions.saturating_sub(oldest.history.len());
        }
    }
}

#[cfg(test)]
#[path = "histories_tests.rs"]
mod tests;
