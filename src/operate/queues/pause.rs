//! Pausing the consumption of a queue, and lifting that: for all workers, until it is lifted.
//!
//! The word stands in `{queue}.pause` at the broker, so that it outlives workers and reaches
//! those that start later; the engine looks for it every two seconds.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::first::first;
use crate::broker::{Broker, BrokerError, Message, Properties, PublishError, Purge};
use crate::topology::names;

/// Who paused a queue, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// A person and host, or the address of a client of the gateway.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// In their words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Pause {
    /// A pause from now on.
    pub fn now(by: impl Into<String>, reason: Option<String>) -> Self {
        Self {
            by: by.into(),
            at: Timestamp::now(),
            reason,
        }
    }
}

/// Makes all workers of the queue of this name rest. Resolves once the broker has confirmed
/// it; workers stop within about two seconds, and finish what is in their hands. Pausing
/// again replaces who and why.
///
/// # Errors
/// The broker did not take it; [`PublishError::Unroutable`] where the pause queue does not
/// exist, because the topology is not declared.
pub async fn pause(broker: &dyn Broker, queue: &str, pause: &Pause) -> Result<(), PublishError> {
    let body = serde_json::to_vec(pause).map_err(|e| PublishError::Invalid(e.to_string()))?;
    let properties = Properties {
        content_type: Some("application/json".to_owned()),
        persistent: true,
        ..Properties::default()
    };
    broker
        .publish(Message {
            exchange: String::new(),
            routing_key: names::pause(queue),
            properties,
            body: body.into(),
        })
        .await
}

/// Lets the workers of the queue of this name go on, within about two seconds. Says whether
/// it was paused; `None` where the pause queue does not exist.
///
/// # Errors
/// The broker cannot be asked now.
pub async fn resume(broker: &dyn Purge, queue: &str) -> Result<Option<bool>, BrokerError> {
    let purged = broker.purge(&names::pause(queue)).await?;
    Ok(purged.map(|messages| messages > 0))
}

/// Whether the queue of this name is paused; `None` where the pause queue does not exist.
///
/// # Errors
/// The broker cannot be asked now.
pub async fn is_paused(broker: &dyn Broker, queue: &str) -> Result<Option<bool>, BrokerError> {
    let depth = broker.depth(&names::pause(queue)).await?;
    Ok(depth.map(|depth| depth.ready > 0))
}

/// Who paused the queue of this name; `None` where nobody did, or it cannot be read.
///
/// # Errors
/// The broker cannot be asked now.
pub async fn read(broker: &dyn Broker, queue: &str) -> Result<Option<Pause>, BrokerError> {
    if is_paused(broker, queue).await? != Some(true) {
        return Ok(None);
    }
    let message = first(broker, &names::pause(queue)).await?;
    Ok(message.and_then(|message| serde_json::from_slice(&message.body).ok()))
}
