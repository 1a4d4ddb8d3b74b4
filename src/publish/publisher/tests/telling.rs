//! What the log says of an hour without broker or disk.

use super::fake::Mood;
use super::*;
use crate::telemetry::captured::Text;

/// Two lines a minute and the first.
const TOLD: std::ops::RangeInclusive<usize> = 60..=121;

/// An event a second, taken or not.
async fn an_hour(rig: &Rig) {
    for number in 0..3_600 {
        let _ = rig.accept(&format!("s{number}.1")).await;
        // sleep: the clock is paused; the pace of the events
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_refusals_or_of_a_full_disk_is_told_seldom_and_so_is_its_end() {
    let (text, _guard) = Text::capture();
    let rig = Rig::new();
    rig.broker.mood(Mood::Refuses);
    an_hour(&rig).await;
    let refused = text.count("what is accepted goes to the spool");
    assert!(TOLD.contains(&refused), "{refused}");
    rig.broker.mood(Mood::Takes);
    rig.drained().await;
    let again = text.count("the broker takes what is published again");
    assert!((1..=refused).contains(&again), "{again}");

    rig.broker.leave();
    rig.disk.set_full(true);
    an_hour(&rig).await;
    let failing = text.count("the spool cannot be used");
    assert!(TOLD.contains(&failing), "{failing}");
    rig.disk.set_full(false);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(rig.accept("a.1").await, SPOOLED);
    assert_eq!(text.count("the spool can be used again"), 1);
    assert!(!text.read().contains("user_id"), "no payload is told");
}
