//! Holds items back to a rate.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::source::Item;

/// After a stall so much is made up for at once, no more: a rate is there to spare somebody.
const BURST: Duration = Duration::from_millis(100);

/// The same items, at most so many a second. Ends with them or with its receiver.
pub fn paced(mut items: mpsc::Receiver<Item>, per_second: NonZeroU32) -> mpsc::Receiver<Item> {
    let (paced, receiver) = mpsc::channel(1);
    let period = Duration::from_secs(1) / per_second.get();
    tokio::spawn(async move {
        let mut due = Instant::now();
        while let Some(item) = items.recv().await {
            sleep_until(due).await;
            if paced.send(item).await.is_err() {
                return;
            }
            let now = Instant::now();
            due = due.max(now.checked_sub(BURST).unwrap_or(now)) + period;
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Message;

    fn items(count: u64) -> mpsc::Receiver<Item> {
        let (sender, receiver) = mpsc::channel(usize::try_from(count).unwrap());
        for line in 1..=count {
            let item = Item {
                line,
                offset: line,
                message: Ok(Message::default()),
                budget: None,
            };
            sender.try_send(item).unwrap();
        }
        receiver
    }

    #[tokio::test(start_paused = true)]
    async fn items_come_in_order_at_the_rate_asked_for() {
        let start = Instant::now();
        let mut paced = paced(items(501), NonZeroU32::new(100).unwrap());
        let mut lines = Vec::new();
        while let Some(item) = paced.recv().await {
            lines.push(item.line);
        }
        assert_eq!(lines, (1..=501).collect::<Vec<_>>());
        // Five seconds, and the rounding of a timer to milliseconds.
        let took = start.elapsed();
        assert!((5_000..5_010).contains(&took.as_millis()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_stall_little_is_made_up_for() {
        let mut paced = paced(items(300), NonZeroU32::new(100).unwrap());
        paced.recv().await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        let start = Instant::now();
        for _ in 0..100 {
            paced.recv().await.unwrap();
        }
        assert!(
            start.elapsed() > Duration::from_millis(800),
            "{:?}",
            start.elapsed()
        );
    }
}
