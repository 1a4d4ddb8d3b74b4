//! Memory for bodies: what all requests hold together is bounded.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes are counted in pieces of this size: a semaphore holds fewer than 2^29 permits on
/// machines of 32 bits.
const PIECE: usize = 1024;

/// The memory there is.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    pieces: Arc<Semaphore>,
    all: usize,
}

/// Memory in use; given back when dropped.
#[derive(Debug, Default)]
pub(super) struct Held(Option<OwnedSemaphorePermit>);

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        let all = (bytes / PIECE).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            pieces: Arc::new(Semaphore::new(all)),
            all,
        }
    }

    /// Makes `held` as large as `bytes`. `false` where there is no room now.
    #[must_use]
    pub(super) fn resize(&self, held: &mut Held, bytes: usize) -> bool {
        let (wanted, has) = (bytes.div_ceil(PIECE), held.pieces());
        if wanted < has {
            drop(
                held.0
                    .as_mut()
                    .and_then(|permit| permit.split(has - wanted)),
            );
            return true;
        }
        let Ok(more) = u32::try_from(wanted - has) else {
            return false;
        };
        if more == 0 {
            return true;
        }
        let Ok(more) = self.pieces.clone().try_acquire_many_owned(more) else {
            return false;
        };
        match &mut held.0 {
            Some(permit) => permit.merge(more),
            none => *none = Some(more),
        }
        true
    }

    /// Waits for room; what is larger than all there is takes all. Cancel-safe.
    pub(super) async fn wait_for(&self, bytes: usize) -> Held {
        let pieces = bytes.div_ceil(PIECE).min(self.all);
        let pieces = u32::try_from(pieces).unwrap_or(u32::MAX);
        // Never closed, so it is always given.
        Held(self.pieces.clone().acquire_many_owned(pieces).await.ok())
    }
}

impl Held {
    fn pieces(&self) -> usize {
        self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_hold_together_is_bounded_and_comes_back() {
        let budget = Budget::new(10 * PIECE);
        let (mut one, mut two) = (Held::default(), Held::default());
        assert!(budget.resize(&mut one, 6 * PIECE) && budget.resize(&mut two, 4 * PIECE));
        assert!(!budget.resize(&mut two, 4 * PIECE + 1));
        assert!(budget.resize(&mut one, PIECE) && budget.resize(&mut two, 9 * PIECE));
        drop(two);
        assert!(budget.resize(&mut one, 10 * PIECE));
    }

    #[tokio::test]
    async fn who_waits_gets_room_when_another_is_done() {
        let budget = Budget::new(4 * PIECE);
        let first = budget.wait_for(100 * PIECE).await;
        let (second, ()) = tokio::join!(budget.wait_for(PIECE), async { drop(first) });
        assert_eq!(second.pieces(), 1);
    }
}
