use std::time::Duration;

use futures::StreamExt;

use super::*;

/// Takes events from the queue of origin; ids from `fails_from` on are dead-lettered again.
fn worker(rig: &Rig, fails_from: u32) {
    let broker = rig.broker.clone();
    tokio::spawn(async move {
        let mut events = broker.consume(NEO4J, 100).await.unwrap();
        while let Some(Ok(delivery)) = events.deliveries.next().await {
            let id = delivery.message.properties.message_id.clone().unwrap();
            if id.parse::<u32>().unwrap() >= fails_from {
                let note = FailureNote {
                    queue: NEO4J,
                    attempt: 1,
                    code: ReasonCode::new("panic"),
                    error: "again",
                    at: Timestamp::from_second(2_000).unwrap(),
                };
                let again = dead_letter(&delivery.message, None, DLQ.to_owned(), &note);
                broker.publish(again).await.unwrap();
            }
            events.channel.ack(delivery.tag, false).await.unwrap();
        }
    });
}

fn canary(steps: &[u64]) -> ReplayPlan {
    ReplayPlan {
        canary: Some(Canary {
            steps: steps.to_vec(),
            wait: Duration::from_secs(20),
            ..Canary::default()
        }),
        ..all()
    }
}

#[tokio::test(start_paused = true)]
async fn steps_grow_as_long_as_nothing_comes_back() {
    let rig = Rig::new();
    rig.dead(40).await;
    worker(&rig, u32::MAX);
    let report = rig.replay(&canary(&[1, 10])).await;
    assert_eq!((report.done, report.stopped.clone()), (40, None));
    let steps: Vec<_> = report
        .steps
        .iter()
        .map(|s| (s.replayed, s.came_back, s.settled))
        .collect();
    assert_eq!(steps, [(1, 0, true), (10, 0, true)]);
    assert_eq!(rig.ids(DLQ), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn the_canary_stops_after_the_first_step_that_fails() {
    let rig = Rig::new();
    rig.dead(40).await;
    worker(&rig, 5);
    let report = rig.replay(&canary(&[1, 10, 20])).await;
    assert_eq!(
        report.stopped,
        Some(Stop::Canary("6 of this run came back".to_owned()))
    );
    assert_eq!((report.done, report.steps.len()), (11, 2));
    assert_eq!(
        (report.steps[0].came_back, report.steps[1].came_back),
        (0, 6)
    );
    let mut expected = numbered(11, 40);
    expected.extend(numbered(5, 11));
    assert_eq!(rig.ids(DLQ), expected);
}

#[tokio::test(start_paused = true)]
async fn the_canary_stops_where_nobody_works() {
    let rig = Rig::new();
    rig.dead(40).await;
    let report = rig.replay(&canary(&[2, 10])).await;
    let why = format!("{NEO4J} still holds what was replayed");
    assert_eq!(report.stopped, Some(Stop::Canary(why)));
    assert_eq!(rig.depths(), [38, 2, 0]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_in_a_retry_stage_is_not_settled() {
    let rig = Rig::new();
    rig.dead(10).await;
    let broker = rig.broker.clone();
    tokio::spawn(async move {
        let mut events = broker.consume(NEO4J, 100).await.unwrap();
        while let Some(Ok(delivery)) = events.deliveries.next().await {
            let mut waiting = delivery.message.clone();
            waiting.exchange.clear();
            waiting.routing_key = "events.neo4j.retry.5m".to_owned();
            broker.publish(waiting).await.unwrap();
            events.channel.ack(delivery.tag, false).await.unwrap();
        }
    });
    let report = rig.replay(&canary(&[3])).await;
    let why = "events.neo4j.retry.5m still holds what was replayed".to_owned();
    assert_eq!(report.stopped, Some(Stop::Canary(why)));
    assert_eq!(rig.depths(), [7, 0, 0]);
}
