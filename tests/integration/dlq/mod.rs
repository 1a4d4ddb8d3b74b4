//! `fanout dlq …` against RabbitMQ.

mod ageing;
#[cfg(feature = "neo4j")]
mod killing;
mod looking;
mod mending;
mod moving;
mod rig;
mod watching;

use std::time::Duration;

/// Far above what anything here takes on a loaded machine.
const SOON: Duration = Duration::from_secs(60);

const DLQ: &str = "events.dlq";
const NEO4J: &str = "events.neo4j";
const QDRANT: &str = "events.qdrant";
