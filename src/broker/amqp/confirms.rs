//! The window of published messages whose confirm is outstanding.
//!
//! lapin hands a returned message to whichever confirm completes next, which is not the
//! returned message's own. Invariant: when a confirm is seen here as settled, every confirm
//! that settled before it has been seen too, so that a return is known before its message is
//! taken for delivered. `FuturesUnordered` does not promise that: it may pause in between.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::BoxFuture;
use futures::task::AtomicWaker;

/// Outstanding futures by id; `P` is what their owner wants back with the result.
pub(super) struct Confirms<P, T> {
    slots: HashMap<i64, Slot<P, T>>,
    ready: Arc<Ready>,
    settled: Vec<Settled<P, T>>,
}

/// A settled confirm.
pub(super) struct Settled<P, T> {
    pub(super) id: i64,
    pub(super) payload: P,
    pub(super) result: T,
}

struct Slot<P, T> {
    future: BoxFuture<'static, T>,
    waker: Waker,
    payload: P,
}

#[derive(Default)]
struct Ready {
    ids: Mutex<Vec<i64>>,
    task: AtomicWaker,
}

impl Ready {
    fn take(&self) -> Vec<i64> {
        std::mem::take(&mut *self.ids.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct SlotWaker {
    id: i64,
    ready: Arc<Ready>,
}

impl Wake for SlotWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready
            .ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(self.id);
        self.ready.task.wake();
    }
}

impl<P, T> Confirms<P, T> {
    pub(super) fn new() -> Self {
        Self {
            slots: HashMap::new(),
            ready: Arc::default(),
            settled: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() + self.settled.len()
    }

    /// Takes a future in and polls it once, so that what it sends goes out in this order.
    pub(super) fn insert(&mut self, id: i64, payload: P, future: BoxFuture<'static, T>) {
        let waker = Waker::from(Arc::new(SlotWaker {
            id,
            ready: Arc::clone(&self.ready),
        }));
        self.slots.insert(
            id,
            Slot {
                future,
                waker,
                payload,
            },
        );
        self.poll_slot(id);
    }

    fn poll_slot(&mut self, id: i64) {
        let Some(slot) = self.slots.get_mut(&id) else {
            return;
        };
        let polled = slot
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&slot.waker));
        if let Poll::Ready(result) = polled
            && let Some(slot) = self.slots.remove(&id)
        {
            self.settled.push(Settled {
                id,
                payload: slot.payload,
                result,
            });
        }
    }

    /// Waits until some have settled; pending while there are none. Cancel by dropping.
    pub(super) async fn settled(&mut self) -> Vec<Settled<P, T>> {
        poll_fn(|cx| {
            self.ready.task.register(cx.waker());
            loop {
                let woken = self.ready.take();
                if woken.is_empty() {
                    break;
                }
                for id in woken {
                    self.poll_slot(id);
                }
            }
            if self.settled.is_empty() {
                Poll::Pending
            } else {
                Poll::Ready(std::mem::take(&mut self.settled))
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_confirm_is_never_seen_before_one_that_settled_earlier() {
        let mut confirms = Confirms::new();
        let mut senders = Vec::new();
        for id in 0..100 {
            let (tx, rx) = oneshot::channel();
            senders.push(tx);
            confirms.insert(id, (), rx.boxed());
        }
        let broker = std::thread::spawn(move || {
            for (order, tx) in senders.into_iter().rev().enumerate() {
                tx.send(order).unwrap();
            }
        });
        let mut seen = Vec::new();
        while seen.len() < 100 {
            let mut batch: Vec<_> = confirms
                .settled()
                .await
                .into_iter()
                .map(|s| s.result.unwrap())
                .collect();
            batch.sort_unstable();
            assert_eq!(batch.first(), Some(&seen.len()), "a gap before {batch:?}");
            seen.extend(batch);
        }
        broker.join().unwrap();
        assert_eq!(confirms.len(), 0);
    }

    #[tokio::test]
    async fn nothing_is_lost_when_the_waiting_is_dropped_and_taken_up_again() {
        let mut confirms = Confirms::new();
        let (tx, rx) = oneshot::channel();
        confirms.insert(7, "seven", rx.boxed());
        assert!(confirms.settled().now_or_never().is_none());
        tx.send(()).unwrap();
        let settled = confirms.settled().await;
        assert_eq!(settled.len(), 1);
        assert_eq!(settled[0].payload, "seven");
        assert_eq!(confirms.len(), 0);
    }
}
