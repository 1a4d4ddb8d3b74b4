//! Trouble that goes on is told at once, then now and then, and once more when it is over.
//!
//! Whoever meets a kind of trouble holds one [`Outages`] for it, so that the thousand attempts
//! of a hundred lanes are one story in the log. Time is tokio's.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Between two lines of one story: whoever looks at the last minute of a log, as one who was
/// woken does, finds what is wrong, and an hour of it is 120 lines.
pub(crate) const TELL_EVERY: Duration = Duration::from_secs(30);
/// Stories told apart in one place, such as by target; there are a handful of queues and
/// exchanges. What comes beyond shares the last one.
const MOST: usize = 64;

/// What a line says about what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// How often the same has happened since the line before, without one of its own.
    pub(crate) suppressed: u64,
    /// Since it began.
    lasting: Duration,
}

impl Told {
    /// Since it began, in seconds.
    #[allow(clippy::cast_precision_loss, reason = "2^52 ms are longer than a life")]
    pub(crate) fn seconds(self) -> f64 {
        self.lasting.as_millis() as f64 / 1000.0
    }
}

#[derive(Debug, Default)]
struct Story {
    /// When the trouble began that has not ended.
    since: Option<Instant>,
    /// When it was last told.
    told: Option<Instant>,
    /// The last line says that there is trouble.
    open: bool,
    suppressed: u64,
}

impl Story {
    /// The count for a line, where one is due.
    fn due(&mut self, now: Instant) -> Option<u64> {
        let quiet = |told: Instant| now.saturating_duration_since(told) < TELL_EVERY;
        if self.told.is_some_and(quiet) {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

/// Trouble of one kind, by what it is about.
#[derive(Debug, Default)]
pub(crate) struct Outages {
    /// Those that have begun and not ended: where there are none, nobody takes the lock.
    begun: AtomicUsize,
    stories: Mutex<BTreeMap<String, Story>>,
}

impl Outages {
    /// It has failed: `Some` where that is to be told.
    pub(crate) fn failed(&self, about: &str) -> Option<Told> {
        let now = Instant::now();
        let mut stories = self.stories();
        let story = story(&mut stories, about);
        if story.since.is_none() {
            self.begun.fetch_add(1, Ordering::Relaxed);
        }
        let since = *story.since.get_or_insert(now);
        let suppressed = story.due(now)?;
        story.open = true;
        let lasting = now.saturating_duration_since(since);
        Some(Told {
            suppressed,
            lasting,
        })
    }

    /// It works: `Some` where it did not, and the log says so. What fails again soon after has
    /// no line before its time; so one that comes and goes is told as often as one that stays.
    pub(crate) fn over(&self, about: &str) -> Option<Told> {
        if self.begun.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut stories = self.stories();
        let story = story(&mut stories, about);
        let since = story.since.take()?;
        self.begun.fetch_sub(1, Ordering::Relaxed);
        if !std::mem::take(&mut story.open) {
            return None;
        }
        Some(Told {
            suppressed: std::mem::take(&mut story.suppressed),
            lasting: since.elapsed(),
        })
    }

    /// Something has happened that is never over, such as a dead letter: the count for a line,
    /// where one is due.
    pub(crate) fn again(&self, about: &str) -> Option<u64> {
        story(&mut self.stories(), about).due(Instant::now())
    }

    fn stories(&self) -> MutexGuard<'_, BTreeMap<String, Story>> {
        self.stories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn story<'s>(stories: &'s mut BTreeMap<String, Story>, about: &str) -> &'s mut Story {
    let known = stories.contains_key(about) || stories.len() < MOST;
    let about = if known { about } else { "" };
    stories.entry(about.to_owned()).or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use tokio::time::{advance, sleep};

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn an_hour_of_failed_attempts_is_told_at_once_then_twice_a_minute_and_once_when_over() {
        let outages = Outages::default();
        let first = outages.failed("broker").unwrap();
        assert_eq!((first.suppressed, first.seconds()), (0, 0.0));
        let (mut lines, mut suppressed) = (1, 0);
        for _ in 0..36_000 {
            sleep(Duration::from_millis(100)).await;
            if let Some(told) = outages.failed("broker") {
                (lines, suppressed) = (lines + 1, suppressed + told.suppressed);
            }
        }
        assert_eq!((lines, suppressed), (121, 36_000 - 120));
        let over = outages.over("broker").unwrap();
        assert_eq!((over.suppressed, over.seconds()), (0, 3600.0));
        assert_eq!(outages.over("broker"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_and_goes_is_told_as_seldom_as_what_stays() {
        let outages = Outages::default();
        let (mut away, mut back) = (0, 0);
        for _ in 0..600 {
            away += usize::from(outages.failed("").is_some());
            advance(SECOND / 2).await;
            back += usize::from(outages.over("").is_some());
            advance(SECOND / 2).await;
        }
        assert_eq!((away, back), (20, 20));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_is_told_where_the_last_line_says_that_it_fails() {
        let outages = Outages::default();
        outages.failed("").unwrap();
        outages.over("").unwrap();
        advance(SECOND).await;
        // Nobody has heard of this one.
        assert_eq!(outages.failed(""), None);
        assert_eq!(outages.over(""), None);
        advance(TELL_EVERY).await;
        assert_eq!(outages.failed("").unwrap().suppressed, 1);
        advance(SECOND).await;
        assert!(outages.failed("").is_none());
        let over = outages.over("").unwrap();
        assert_eq!((over.suppressed, over.seconds()), (1, 1.0));
    }

    #[tokio::test(start_paused = true)]
    async fn each_target_has_its_own_story_up_to_a_bound() {
        let outages = Outages::default();
        assert!(outages.failed("a").is_some());
        assert!(outages.failed("b").is_some());
        assert!(outages.over("a").is_some());
        assert!(outages.failed("b").is_none());
        let told = (0..10_000).filter(|n| outages.again(&n.to_string()).is_some());
        assert_eq!(told.count(), MOST - 2 + 1);
        assert!(outages.stories().len() <= MOST + 1);
    }
}
