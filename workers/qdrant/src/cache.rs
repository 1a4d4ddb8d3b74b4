//! Vectors of products, remembered by their version.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

use crate::fold::Known;

/// Bytes that are remembered at most: 40,000 vectors of 384 dimensions.
const LIMIT: usize = 64 << 20;

/// Bounded: when it is full it starts again.
#[derive(Debug, Default)]
pub(crate) struct Vectors(Mutex<(HashMap<Uuid, Known>, usize)>);

impl Vectors {
    /// The vector of this version of the product.
    pub(crate) fn get(&self, product: Uuid, version: &str) -> Option<Known> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = guard.0.get(&product)?;
        (*known.version == *version).then(|| known.clone())
    }

    pub(crate) fn put(&self, product: Uuid, known: Known) {
        let bytes = size(&known);
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (vectors, used) = &mut *guard;
        if *used + bytes > LIMIT {
            vectors.clear();
            *used = 0;
        }
        *used += bytes;
        if let Some(before) = vectors.insert(product, known) {
            *used = used.saturating_sub(size(&before));
        }
    }
}

fn size(known: &Known) -> usize {
    // key, version and their places in the map
    const ENTRY: usize = 160;
    ENTRY + known.vector.as_ref().map_or(0, |vector| 4 * vector.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn known(version: &str, dimension: usize) -> Known {
        Known {
            version: version.into(),
            vector: Some(Arc::new(vec![1.0; dimension])),
        }
    }

    #[test]
    fn only_the_version_that_was_asked_for_is_answered() {
        let vectors = Vectors::default();
        vectors.put(Uuid::nil(), known("one", 2));
        assert!(vectors.get(Uuid::nil(), "one").is_some());
        assert!(vectors.get(Uuid::nil(), "two").is_none());
        assert!(vectors.get(Uuid::max(), "one").is_none());
    }

    #[test]
    fn it_never_holds_more_than_its_limit() {
        let vectors = Vectors::default();
        for n in 0..300 {
            vectors.put(Uuid::from_u128(n), known("v", 65_536));
            vectors.put(Uuid::from_u128(n), known("w", 65_536));
            let held = vectors
                .0
                .lock()
                .unwrap()
                .0
                .values()
                .map(size)
                .sum::<usize>();
            assert!(held <= LIMIT, "{held}");
        }
        assert!(vectors.get(Uuid::from_u128(299), "w").is_some());
    }
}
