//! What is known of the queues at the broker: depths from the broker itself, the rest from
//! RabbitMQ's management API where that is configured.

mod first;
mod management;
mod oldest;
mod pause;
mod scaling;
mod side;
mod status;

pub use management::{QueueStatistics, Rates, Statistics};
pub use oldest::Oldest;
pub use pause::{Pause, is_paused, pause, read as pause_of, resume};
pub use scaling::Scaling;
pub use side::SideQueue;
pub use status::QueueStatus;

use crate::config::Config;
use crate::topology::Topology;

/// The broker's name for the key or the name of a queue of our topology; other queues are
/// not our business.
pub fn resolve(config: &Config, name: &str) -> Option<String> {
    if let Some(queue) = config.queues.get(name) {
        return Some(queue.name.clone());
    }
    let topology = Topology::from_config(config);
    topology.queue(name).map(|queue| queue.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_found_by_its_key_and_by_every_name_of_the_topology() {
        let config = Config::default();
        for (name, expected) in [
            ("neo4j", "events.neo4j"),
            ("events.neo4j", "events.neo4j"),
            ("events.neo4j.retry.5s", "events.neo4j.retry.5s"),
            ("events.dlq", "events.dlq"),
        ] {
            assert_eq!(resolve(&config, name).as_deref(), Some(expected));
        }
        assert_eq!(resolve(&config, "amq.gen-1"), None);
    }
}
