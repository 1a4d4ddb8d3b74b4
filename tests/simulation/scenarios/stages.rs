//! Retry stages.

use super::*;
use fanout::broker::HeaderValue;
use fanout::config::QueueConfig;

#[tokio::test(start_paused = true)]
async fn a_failing_event_passes_three_stages_and_is_dead_lettered_once() {
    let mut config = config();
    let other = QueueConfig::for_key("other");
    config.queues.insert("other".to_owned(), other);
    let mut world = World::new(config, 1);
    world.publish(Spec::new(0, Deed::Transient { times: ALWAYS }));
    let body = world.server.inspect(QUEUE).unwrap().ready[0].body.clone();
    let process = world.start();
    assert!(eventually(HOUR, || world.held(DEAD) > 0).await);
    assert_eq!(attempts(&world, 0), [(1, 0), (2, 5), (3, 35), (4, 335)]);
    let dead = world.dead_letters();
    assert_eq!((dead.len(), &dead[0].body), (1, &body));
    let header = |name| dead[0].properties.headers[name].clone();
    assert_eq!(header(headers::ATTEMPT), HeaderValue::Int(4));
    assert_eq!(header(headers::REASON), HeaderValue::from("sim-flaky"));
    assert_eq!(header(headers::ORIGIN_QUEUE), HeaderValue::from(QUEUE));
    let history = header(headers::HISTORY);
    let history: Vec<serde_json::Value> = serde_json::from_str(history.as_str().unwrap()).unwrap();
    assert_eq!(history.len(), 4);
    // The other queue of the fanout sees neither retries nor the dead letter.
    assert_eq!(world.held("events.other"), 1);
    process.drain().await.expect("alive").expect("drained");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_recovers_is_applied_and_never_dead_lettered() {
    let mut world = world();
    world.publish_all((0..4).map(|times| Deed::Transient { times }));
    let process = world.start();
    comes_to_rest(&world, process).await;
    assert_eq!((applied(&world), world.held(DEAD)), (4, 0));
    assert_eq!(attempts(&world, 3).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_stage_of_zero_goes_to_the_end_of_the_queue_at_once() {
    let mut config = config();
    let queue = config.queues.get_mut("sim").unwrap();
    queue.retry_delays = seconds(&[0, 0, 1]);
    queue.batch.max_events = 1;
    queue.in_flight = 1;
    queue.prefetch = Some(1);
    let mut world = World::new(config, 1);
    world.publish_all([Deed::Transient { times: 3 }, Deed::Apply, Deed::Apply]);
    assert!(!world.server.queues().iter().any(|q| q.ends_with(".0s")));
    let process = world.start();
    comes_to_rest(&world, process).await;
    assert_eq!(attempts(&world, 0), [(1, 0), (2, 0), (3, 0), (4, 1)]);
    let store = world.store.inner();
    let second = store.attempts[&token(0)][1].1;
    assert!(
        [1, 2]
            .iter()
            .all(|n| store.attempts[&token(*n)][0].1 < second)
    );
}

#[tokio::test(start_paused = true)]
async fn a_retry_queue_that_refuses_keeps_everything_unacknowledged_and_is_named() {
    let mut world = world();
    let stage = world.retry_queue(0);
    world.server.limit_bytes(&stage, Some(0));
    world.publish_all([Deed::Transient { times: 1 }, Deed::Apply]);
    let process = world.start();
    tokio::time::sleep(MINUTE).await;
    let held = world.server.inspect(QUEUE).unwrap().unacknowledged;
    assert_eq!(held.len(), 1);
    let problem = process.monitor.snapshot().publish_problem.expect("named");
    assert_eq!(
        (problem.target, problem.code),
        (stage.clone(), "publish-refused")
    );
    world.server.limit_bytes(&stage, None);
    let monitor = process.monitor.clone();
    comes_to_rest(&world, process).await;
    assert_eq!((applied(&world), world.held(DEAD)), (2, 0));
    assert_eq!(monitor.snapshot().publish_problem, None);
}

#[tokio::test(start_paused = true)]
async fn a_retry_queue_that_is_gone_keeps_everything_unacknowledged_and_is_named() {
    let mut world = world();
    let stage = world.retry_queue(0);
    let process = world.start();
    promptly(|| world.server.inspect(QUEUE).unwrap().consumers > 0).await;
    assert!(world.server.delete_queue(&stage));
    world.publish(Spec::new(0, Deed::Transient { times: 1 }));
    let named = || process.monitor.snapshot().publish_problem.is_some();
    assert!(eventually(MINUTE, named).await);
    let problem = process.monitor.snapshot().publish_problem.unwrap();
    assert_eq!(
        (problem.target, problem.code),
        (stage, "publish-unroutable")
    );
    assert!(world.conserved().none());
    // Whoever subscribes next declares the topology anew.
    process.broker.disconnect(Duration::from_secs(1));
    comes_to_rest(&world, process).await;
    assert_eq!(applied(&world), 1);
}

/// Each time it has been held for too long it is redelivered; nothing of that is a crash.
#[tokio::test(start_paused = true)]
async fn a_retry_stage_that_refuses_for_two_days_dead_letters_nobody() {
    let mut world = world();
    world.publish(Spec::new(0, Deed::Transient { times: 1_000 }));
    let stage = world.retry_queue(0);
    world.server.limit_bytes(&stage, Some(0));
    let process = world.start();
    tokio::time::sleep(48 * HOUR).await;
    assert_eq!(reasons(&world), Vec::<String>::new());
    let conserved = world.conserved();
    assert!(conserved.none(), "{conserved}");
    world.server.limit_bytes(&stage, None);
    assert!(eventually(HOUR, || world.held(DEAD) == 1).await);
    assert_eq!(reasons(&world), ["sim-flaky"]);
    process.drain().await.expect("alive").expect("drained");
}
