//! Acknowledgement tracker: settled tags → as few acknowledgements as the protocol allows.
//!
//! Invariant: an acknowledgement names a tag that is outstanding at the broker, and with
//! `multiple` covers only tags that are done. Anything else closes the channel (406) or
//! acknowledges what is not done.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// An acknowledgement to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The tag.
    pub tag: u64,
    /// Whether it covers everything before it too.
    pub multiple: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// Delivered, not settled.
    Outstanding,
    /// May be acknowledged, since then.
    Done(Instant),
    /// Already acknowledged or given back: the broker no longer knows the tag.
    Gone,
}

/// The tags of one channel, in delivery order.
#[derive(Debug, Default)]
pub struct Tracker {
    /// Tag of the first slot.
    first: u64,
    slots: VecDeque<Slot>,
}

impl Tracker {
    /// Notes a delivery. Tags of a channel count up without gaps.
    pub fn delivered(&mut self, tag: u64) {
        if self.slots.is_empty() {
            self.first = tag;
        }
        debug_assert_eq!(
            tag,
            self.first + self.slots.len() as u64,
            "tags have no gaps"
        );
        self.slots.push_back(Slot::Outstanding);
    }

    /// The tag may be acknowledged from now on.
    pub fn done(&mut self, tag: u64, now: Instant) {
        if let Some(slot) = self.slot(tag)
            && *slot == Slot::Outstanding
        {
            *slot = Slot::Done(now);
        }
    }

    /// The tag has been given back to its queue.
    pub fn gone(&mut self, tag: u64) {
        if let Some(slot) = self.slot(tag) {
            *slot = Slot::Gone;
        }
    }

    /// Deliveries that the broker still counts as ours, with what is done behind a slow one.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// The acknowledgement of the settled prefix, where there is something to acknowledge.
    pub fn take_prefix(&mut self) -> Option<Ack> {
        let mut ack = None;
        let mut covered = 0_usize;
        while let Some(slot) = self.slots.pop_front_if(|slot| *slot != Slot::Outstanding) {
            if let Slot::Done(_) = slot {
                ack = Some(self.first);
                covered = covered.saturating_add(1);
            }
            self.first = self.first.saturating_add(1);
        }
        ack.map(|tag| Ack {
            tag,
            multiple: covered > 1,
        })
    }

    /// Single acknowledgements of what has been done for longer than `patience` behind a
    /// slow tag, in delivery order.
    pub fn take_overtaking(&mut self, now: Instant, patience: Duration) -> Vec<Ack> {
        let mut acks = Vec::new();
        for (tag, slot) in (self.first..).zip(&mut self.slots) {
            if matches!(slot, Slot::Done(since) if now.saturating_duration_since(*since) >= patience)
            {
                *slot = Slot::Gone;
                acks.push(Ack {
                    tag,
                    multiple: false,
                });
            }
        }
        acks
    }

    fn slot(&mut self, tag: u64) -> Option<&mut Slot> {
        let index = usize::try_from(tag.checked_sub(self.first)?).ok()?;
        self.slots.get_mut(index)
    }
}

#[cfg(test)]
#[path = "tracker_tests.rs"]
mod tests;
