//! Processes that die.

use super::*;
use fanout::broker::local::{Fault, FaultPlan};
use fanout::broker::{HeaderValue, Message};
use fanout::config::{Binding, ExchangeConfig, ExchangeKind, FollowUpRoute, QueueConfig};

/// Restarts the process whenever it has killed itself, until all is quiet.
async fn survives(world: &World) -> (Process, u32) {
    let (mut process, mut deaths) = (world.start(), 0);
    let quiet = tokio::time::timeout(HOUR, async {
        while !world.is_quiet() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if process.life.is_over() {
                deaths += 1;
                std::mem::replace(&mut process, world.start()).kill();
            }
        }
    });
    assert!(quiet.await.is_ok(), "{:?}", world.census().queued);
    (process, deaths)
}

#[tokio::test(start_paused = true)]
async fn an_event_that_kills_the_process_ends_alone_as_a_crash_suspect() {
    let mut world = world();
    let deadly = |n| match n {
        7 => Deed::Crash { times: ALWAYS },
        _ => Deed::Apply,
    };
    world.publish_all((0..50).map(deadly));
    let (process, deaths) = survives(&world).await;
    assert_eq!(reasons(&world), ["crash-suspect"]);
    assert_eq!(applied(&world), 49);
    // Ten together, three alone.
    assert_eq!(deaths, 13);
    comes_to_rest(&world, process).await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_crashes_of_whole_batches_dead_letter_nobody() {
    let mut world = world();
    world.store.inner().chances.crash_together = 1.0;
    let (mut published, mut deaths) = (0, 0);
    while deaths < 1_000 {
        while world.held(QUEUE) < 20 {
            world.publish(Spec::new(published, Deed::Apply));
            published += 1;
        }
        let process = world.start();
        promptly(|| process.life.is_over() || world.is_quiet()).await;
        deaths += u32::from(process.life.is_over());
        process.kill();
    }
    world.store.heal();
    let process = world.start();
    comes_to_rest(&world, process).await;
    assert_eq!(reasons(&world), Vec::<String>::new());
    assert_eq!(applied(&world) as u64, published);
}

/// The suspects pay for no crash that is not their own.
#[tokio::test(start_paused = true)]
async fn processes_killed_again_and_again_soon_after_their_start_dead_letter_no_suspect() {
    let mut world = world();
    for number in 0..50 {
        let spec = Spec::new(number, Deed::Apply);
        let mut message = spec.message();
        message.exchange.clear();
        message.routing_key = names::suspect(QUEUE);
        world.server.deposit(&message).unwrap();
        world.oracle.accepted.insert(spec.token(), spec);
    }
    for death in 0..200 {
        let process = world.start();
        let most = if death < 100 { 10 } else { 9_000 };
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..most))).await;
        process.kill();
    }
    let process = world.start();
    comes_to_rest(&world, process).await;
    assert_eq!(reasons(&world), Vec::<String>::new());
    assert_eq!(applied(&world), 50);
}

/// A world whose follow-ups go to a queue of their own, which nobody consumes.
fn world_with_results() -> World {
    let mut config = config();
    config.exchanges.push(ExchangeConfig {
        name: "results".to_owned(),
        kind: ExchangeKind::Topic,
    });
    let mut results = QueueConfig::for_key("results");
    results.bindings = vec![Binding {
        exchange: "results".to_owned(),
        keys: vec!["sim.*".to_owned()],
    }];
    config.queues.insert("results".to_owned(), results);
    let route = FollowUpRoute {
        exchange: "results".to_owned(),
        routing_key: None,
    };
    config.follow_ups.insert("sim.follow-up".to_owned(), route);
    World::new(config, 1)
}

fn results(world: &World) -> Vec<Message> {
    let contents = world.server.inspect("events.results").unwrap();
    contents.messages().cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_commit_and_answer_publishes_the_stored_follow_ups() {
    let mut world = world_with_results();
    world.store.inner().chances.crash = 1.0;
    world.publish(Spec::new(0, Deed::FollowUps { count: 2 }));
    let process = world.start();
    assert!(eventually(MINUTE, || process.life.is_over()).await);
    assert_eq!((applied(&world), results(&world).len()), (1, 0));
    process.kill();
    world.store.heal();
    let process = world.start();
    assert!(eventually(MINUTE, || world.held(QUEUE) == 0).await);
    process.drain().await.expect("alive").expect("drained");
    let published = results(&world);
    let store = world.store.inner();
    let stored = &store.ledger["event-0"].follow_ups;
    assert_eq!((published.len(), stored.len(), store.repeats), (2, 2, 1));
    for (message, follow_up) in published.iter().zip(stored) {
        let body: serde_json::Value = serde_json::from_slice(&message.body).unwrap();
        assert_eq!(body["payload"], *follow_up.payload());
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_two_publications_repeats_the_same_follow_ups() {
    let mut world = world_with_results();
    world.publish(Spec::new(0, Deed::FollowUps { count: 2 }));
    let plan = FaultPlan::seeded(1).nth(Fault::PublishLost, 2);
    world.server.set_faults(plan);
    let process = world.start();
    promptly(|| !results(&world).is_empty()).await;
    process.kill();
    assert_eq!(results(&world).len(), 1);
    let process = world.start();
    assert!(eventually(MINUTE, || world.held(QUEUE) == 0).await);
    process.drain().await.expect("alive").expect("drained");
    let published = results(&world);
    assert_eq!(published.len(), 3);
    assert_eq!(published[0], published[1], "the repeat is the same message");
    let ids: Vec<_> = published
        .iter()
        .map(|m| m.properties.message_id.clone())
        .collect();
    assert_ne!(ids[1], ids[2]);
    let hops = published[0].properties.headers[headers::HOPS].clone();
    assert_eq!(hops, HeaderValue::Int(1));
}
