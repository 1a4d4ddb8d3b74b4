use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn tracker(deliveries: u64) -> Tracker {
    let mut tracker = Tracker::default();
    (1..=deliveries).for_each(|tag| tracker.delivered(tag));
    tracker
}

#[tokio::test]
async fn a_contiguous_prefix_is_one_acknowledgement() {
    let mut tracker = tracker(5);
    let now = Instant::now();
    [3, 1, 2, 5]
        .into_iter()
        .for_each(|tag| tracker.done(tag, now));
    assert_eq!(
        tracker.take_prefix(),
        Some(Ack {
            tag: 3,
            multiple: true
        })
    );
    assert_eq!(tracker.take_prefix(), None);
    tracker.done(4, now);
    assert_eq!(
        tracker.take_prefix(),
        Some(Ack {
            tag: 5,
            multiple: true
        })
    );
}

#[tokio::test]
async fn a_prefix_that_ends_with_a_given_back_tag_acknowledges_the_one_before() {
    let mut tracker = tracker(4);
    let now = Instant::now();
    [1, 2].into_iter().for_each(|tag| tracker.done(tag, now));
    [3, 4].into_iter().for_each(|tag| tracker.gone(tag));
    assert_eq!(
        tracker.take_prefix(),
        Some(Ack {
            tag: 2,
            multiple: true
        })
    );
    assert_eq!(tracker.take_prefix(), None);
}

#[tokio::test]
async fn what_is_stuck_behind_a_slow_tag_is_overtaken_once() {
    let mut tracker = tracker(3);
    let now = Instant::now();
    [2, 3].into_iter().for_each(|tag| tracker.done(tag, now));
    let patience = Duration::from_secs(5);
    assert!(tracker.take_overtaking(now, patience).is_empty());
    let acks = tracker.take_overtaking(now + patience, patience);
    assert_eq!(
        acks,
        [2, 3].map(|tag| Ack {
            tag,
            multiple: false
        })
    );
    tracker.done(1, now);
    assert_eq!(
        tracker.take_prefix(),
        Some(Ack {
            tag: 1,
            multiple: false
        })
    );
}

/// What the broker knows: the tags outstanding. Refuses what would close the channel.
struct BrokerSide(BTreeSet<u64>);

impl BrokerSide {
    fn ack(&mut self, ack: Ack, done: &BTreeSet<u64>) -> Result<(), TestCaseError> {
        prop_assert!(
            self.0.contains(&ack.tag),
            "406: tag {} is not outstanding",
            ack.tag
        );
        let covered: Vec<_> = if ack.multiple {
            self.0.range(..=ack.tag).copied().collect()
        } else {
            vec![ack.tag]
        };
        for tag in covered {
            prop_assert!(
                done.contains(&tag),
                "tag {tag} acknowledged before it was done"
            );
            self.0.remove(&tag);
        }
        Ok(())
    }
}

proptest! {
    /// Whatever the order of deliveries, settlements and flushes: never a 406, never an
    /// acknowledgement of what is not done, and in the end nothing is left.
    #[test]
    fn the_broker_is_never_told_of_a_tag_it_does_not_hold(
        steps in prop::collection::vec((0_u8..5, any::<prop::sample::Index>()), 1..400),
    ) {
        let now = Instant::now();
        let (mut tracker, mut broker) = (Tracker::default(), BrokerSide(BTreeSet::new()));
        let (mut next, mut open, mut done) = (1_u64, Vec::new(), BTreeSet::new());
        for (step, index) in steps {
            match step {
                0 | 1 => {
                    tracker.delivered(next);
                    broker.0.insert(next);
                    open.push(next);
                    next += 1;
                }
                2 if !open.is_empty() => {
                    let tag = open.swap_remove(index.index(open.len()));
                    tracker.done(tag, now);
                    done.insert(tag);
                }
                3 if !open.is_empty() => {
                    let tag = open.swap_remove(index.index(open.len()));
                    tracker.gone(tag);
                    broker.0.remove(&tag);
                }
                _ => {
                    if index.index(2) == 0 {
                        for ack in tracker.take_overtaking(now, Duration::ZERO) {
                            broker.ack(ack, &done)?;
                        }
                    }
                    if let Some(ack) = tracker.take_prefix() {
                        broker.ack(ack, &done)?;
                    }
                }
            }
        }
        for tag in open {
            tracker.done(tag, now);
            done.insert(tag);
        }
        if let Some(ack) = tracker.take_prefix() {
            broker.ack(ack, &done)?;
        }
        prop_assert_eq!(tracker.len(), 0);
        prop_assert!(broker.0.is_empty(), "left at the broker: {:?}", broker.0);
    }
}
