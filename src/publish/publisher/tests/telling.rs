//! What the log says of an hour without broker or disk.

use super::fake::Mood;
use super::*;
use crate::telemetry::lines::Lines;

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
    let (lines, _guard) = Lines::capture();
    let rig = Rig::new();
    rig.broker.mood(Mood::Refuses);
    an_hour(&rig).await;
    lines.told("the broker does not take a message; what is accepted goes to the spool");
    let refused = lines.of("the broker does not take a message;").len();
    assert!(TOLD.contains(&refused), "{refused}");
    rig.broker.mood(Mood::Takes);
    rig.drained().await;
    lines.told("the broker takes what is published again");
    let again = lines.of("the broker takes what is published again").len();
    assert!((1..=refused).contains(&again), "{again}");

    rig.broker.leave();
    rig.disk.set_full(true);
    an_hour(&rig).await;
    lines.told("the spool cannot be used");
    let failing = lines.of("the spool cannot be used").len();
    assert!(TOLD.contains(&failing), "{failing}");
    rig.disk.set_full(false);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(rig.accept("a.1").await, SPOOLED);
    lines.told("the spool can be used again");
    assert_eq!(lines.of("the spool can be used again").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_set_aside_is_told_with_its_number_and_code() {
    let (lines, _guard) = Lines::capture();
    let rig = Rig::new();
    rig.broker.leave();
    rig.accept("a.1").await.unwrap();
    let no = PublishError::Invalid("no".to_owned());
    rig.broker.answers("a.1", vec![no]);
    rig.broker.come_back();
    rig.drained().await;
    let told = lines.told("message set aside");
    assert_eq!(told.fields["code"], "publish-invalid");
}
