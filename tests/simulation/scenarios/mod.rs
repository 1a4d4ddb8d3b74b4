//! One story each, on paused time.

mod channels;
mod crashes;
mod dead_letters;
mod flood;
mod logs;
mod outages;
mod pauses;
mod poison;
mod shutdown;
mod stages;

use std::time::Duration;

use super::events::{ALWAYS, Deed, Form, Spec, token};
use super::store::Outage;
use super::world::{DEAD, Process, QUEUE, World, config, eventually, promptly};
use fanout::topology::names::{self, headers};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A world with the default configuration of one queue.
fn world() -> World {
    World::new(config(), 1)
}

fn seconds(plan: &[u64]) -> Vec<Duration> {
    plan.iter().map(|s| Duration::from_secs(*s)).collect()
}

fn world_with_plan(plan: &[u64]) -> World {
    let mut config = config();
    config.queues.get_mut("sim").unwrap().retry_delays = seconds(plan);
    World::new(config, 1)
}

/// Attempts of an event, with the seconds since the first.
fn attempts(world: &World, number: u64) -> Vec<(u32, u64)> {
    let store = world.store.inner();
    let attempts = &store.attempts[&token(number)];
    let first = attempts[0].1;
    attempts
        .iter()
        .map(|(attempt, at)| (*attempt, at.duration_since(first).as_secs()))
        .collect()
}

fn reasons(world: &World) -> Vec<String> {
    let reason = |m: &fanout::broker::Message| {
        let reason = m.properties.headers[headers::REASON].as_str();
        reason.unwrap().to_owned()
    };
    world.dead_letters().iter().map(reason).collect()
}

fn applied(world: &World) -> usize {
    world.store.inner().effects.len()
}

/// The world is quiet, every event came to its own end, and the process drains.
async fn comes_to_rest(world: &World, process: Process) {
    assert!(
        world.quiet(HOUR).await,
        "not quiet: {:?}",
        world.census().queued
    );
    let settled = world.settled();
    assert!(settled.none(), "{settled}");
    process.drain().await.expect("alive").expect("drained");
}
