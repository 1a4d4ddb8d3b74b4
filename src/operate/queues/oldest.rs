//! For how long the first dead letter of each queue has been dead, asked as seldom as can be.
//!
//! Whoever looks at the first one reads on over all that was given back before it looked, so
//! that the order stays: it may be the whole queue, and each message that is handed out counts
//! a delivery. So the answer is kept until the first one may have gone.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::broker::QueueDepth;
use crate::operate::dlq::DeadLetter;

/// Rest after a look for each message that it may have read. Some 10,000 are read in a
/// second, so that looks take a hundredth of the time at most.
const REST_EACH: Duration = Duration::from_millis(10);
/// The first one may go while another comes, so that the depth does not tell: then it is
/// noticed after this time.
const LOOK_ANYWAY: Duration = Duration::from_secs(600);
/// Whoever looks into a queue, or replays it, holds some of it for a while. A consumer that
/// stays longer is somebody's own, and what the queue has then is what it has.
const READERS_GO: Duration = Duration::from_secs(300);

/// What is known of the first dead letter of each queue.
#[derive(Debug, Default)]
pub struct Oldest(BTreeMap<String, Known>);

#[derive(Debug, Default)]
struct Known {
    /// At the last time that nobody was reading.
    ready: Option<u64>,
    first: Option<First>,
    /// Some have gone since the look.
    fewer: bool,
    read_since: Option<Instant>,
}

#[derive(Debug)]
struct First {
    id: String,
    dead_since: Timestamp,
    looked: Instant,
}

impl Oldest {
    /// Takes note of the depth of a queue, and says whether its first dead letter has to be
    /// looked at now: [`Oldest::seen`] takes what that finds.
    pub fn is_due(&mut self, queue: &str, depth: Option<QueueDepth>) -> bool {
        let Some(depth) = depth else {
            self.0.remove(queue);
            return false;
        };
        let known = self.0.entry(queue.to_owned()).or_default();
        if known.is_read(depth.consumers) {
            return false;
        }
        known.fewer |= known.ready.is_some_and(|before| depth.ready < before);
        known.ready = Some(depth.ready);
        if depth.ready == 0 {
            known.first = None;
            return false;
        }
        let Some(first) = &known.first else {
            return true;
        };
        let rest = REST_EACH.saturating_mul(u32::try_from(depth.ready).unwrap_or(u32::MAX));
        let rest = if known.fewer {
            rest
        } else {
            rest.max(LOOK_ANYWAY)
        };
        first.looked.elapsed() >= rest
    }

    /// Takes what a look has found. One that does not say when it was dead-lettered counts
    /// from the time it was seen first.
    pub fn seen(&mut self, queue: &str, letter: &DeadLetter) {
        let known = self.0.entry(queue.to_owned()).or_default();
        let same = known.first.take().filter(|first| first.id == letter.id);
        let seen_before = same.map(|first| first.dead_since);
        known.fewer = false;
        known.first = Some(First {
            id: letter.id.clone(),
            dead_since: letter
                .dead_lettered_at
                .or(seen_before)
                .unwrap_or_else(Timestamp::now),
            looked: Instant::now(),
        });
    }

    /// For how long the first dead letter of a queue had been dead at `now`; zero where there
    /// is none, `None` where it is not known.
    pub fn age(&self, queue: &str, now: Timestamp) -> Option<Duration> {
        let known = self.0.get(queue)?;
        match &known.first {
            // Clocks differ: what is dead since tomorrow is new.
            Some(first) => {
                Some(Duration::try_from(now.duration_since(first.dead_since)).unwrap_or_default())
            }
            None => (known.ready == Some(0)).then_some(Duration::ZERO),
        }
    }
}

impl Known {
    /// Whether somebody holds some of it just now, so that its depth means nothing.
    fn is_read(&mut self, consumers: u32) -> bool {
        if consumers == 0 {
            self.read_since = None;
            return false;
        }
        let since = self.read_since.get_or_insert_with(Instant::now);
        since.elapsed() < READERS_GO
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Message;
    use crate::codec::Codec;
    use crate::config::Config;
    use tokio::time::advance;

    const DLQ: &str = "events.dlq";

    fn letter(id: &str, second: Option<i64>) -> DeadLetter {
        let config = Config::default();
        let codec = Codec::from_config(&config);
        let mut letter = DeadLetter::read(DLQ, Message::default(), &codec, &config);
        letter.id = id.to_owned();
        letter.dead_lettered_at = second.map(|second| Timestamp::from_second(second).unwrap());
        letter
    }

    fn depth(ready: u64) -> Option<QueueDepth> {
        read_by(0, ready)
    }

    fn read_by(consumers: u32, ready: u64) -> Option<QueueDepth> {
        Some(QueueDepth { ready, consumers })
    }

    fn age(oldest: &Oldest) -> Option<u64> {
        let now = Timestamp::from_second(1_000).unwrap();
        oldest.age(DLQ, now).map(|age| age.as_secs())
    }

    /// Five, of which the first has been looked at.
    fn five() -> Oldest {
        let mut oldest = Oldest::default();
        assert!(oldest.is_due(DLQ, depth(5)));
        oldest.seen(DLQ, &letter("a", Some(100)));
        oldest
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_is_looked_at_once_however_often_it_is_asked_for() {
        let mut oldest = five();
        for more in 0..39 {
            advance(Duration::from_secs(15)).await;
            assert!(!oldest.is_due(DLQ, depth(5 + more)), "{more}");
        }
        assert_eq!(age(&oldest), Some(900));
        advance(Duration::from_secs(15)).await;
        assert!(oldest.is_due(DLQ, depth(5)), "another may be the first");
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_looked_at_again_once_some_have_gone() {
        let mut oldest = five();
        advance(Duration::from_secs(15)).await;
        assert!(oldest.is_due(DLQ, depth(4)));
        oldest.seen(DLQ, &letter("b", Some(400)));
        assert_eq!(age(&oldest), Some(600));
        advance(Duration::from_secs(15)).await;
        assert!(!oldest.is_due(DLQ, depth(4)));
        assert!(!oldest.is_due(DLQ, depth(0)));
        assert_eq!(age(&oldest), Some(0), "empty");
        assert!(oldest.is_due(DLQ, depth(1)));
        assert!(!oldest.is_due(DLQ, None));
        assert_eq!(age(&oldest), None, "there is no such queue");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_queue_is_given_rest_while_it_gets_shorter() {
        let mut oldest = Oldest::default();
        assert!(oldest.is_due(DLQ, depth(100_000)));
        oldest.seen(DLQ, &letter("a", Some(100)));
        advance(Duration::from_secs(900)).await;
        assert!(!oldest.is_due(DLQ, depth(99_000)));
        advance(Duration::from_secs(100)).await;
        assert!(oldest.is_due(DLQ, depth(98_000)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_somebody_holds_has_not_gone_unless_they_stay() {
        let mut oldest = five();
        for _ in 0..20 {
            assert!(!oldest.is_due(DLQ, read_by(1, 0)));
            assert_eq!(age(&oldest), Some(900));
            advance(Duration::from_secs(15)).await;
        }
        assert!(!oldest.is_due(DLQ, read_by(1, 0)));
        assert_eq!(age(&oldest), Some(0), "a consumer of somebody's own");
        let mut oldest = five();
        assert!(!oldest.is_due(DLQ, read_by(1, 0)));
        assert!(!oldest.is_due(DLQ, depth(5)), "all of it is back");
        assert_eq!(age(&oldest), Some(900));
    }

    #[tokio::test(start_paused = true)]
    async fn one_without_a_time_counts_from_when_it_was_seen_first() {
        let mut oldest = Oldest::default();
        assert!(oldest.is_due(DLQ, depth(1)));
        let before = Timestamp::now();
        oldest.seen(DLQ, &letter("x", None));
        let since = |oldest: &Oldest| oldest.0[DLQ].first.as_ref().unwrap().dead_since;
        let first = since(&oldest);
        assert!(first >= before);
        oldest.seen(DLQ, &letter("x", None));
        assert_eq!(since(&oldest), first);
    }
}
