//! Answers of the management API, as far as anybody looks at them. Whatever may be absent or
//! of another form in some version is optional here.

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Overview {
    pub(crate) rabbitmq_version: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) running: bool,
    pub(crate) mem_alarm: bool,
    pub(crate) disk_free_alarm: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FeatureFlag {
    pub(crate) name: String,
    /// `enabled`, `disabled`, `unsupported`, …
    pub(crate) state: String,
    /// `stable`, `required`, `experimental`.
    pub(crate) stability: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Exchange {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) durable: bool,
    pub(crate) auto_delete: bool,
    pub(crate) internal: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Binding {
    /// The exchange; empty for the default one.
    pub(crate) source: String,
    pub(crate) destination: String,
    pub(crate) destination_type: String,
    pub(crate) routing_key: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Consumer {
    pub(crate) queue: Named,
    pub(crate) channel_details: Details,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Named {
    pub(crate) name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Details {
    pub(crate) connection_name: String,
    pub(crate) user: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Connection {
    pub(crate) name: String,
    pub(crate) user: String,
    /// `running`, `blocking`, `blocked`, `flow`, …
    pub(crate) state: String,
    pub(crate) client_properties: Value,
}

impl Connection {
    /// Whether it is one of ours.
    pub(crate) fn is_ours(&self) -> bool {
        self.client_properties
            .get("product")
            .is_some_and(|product| product == "fanout")
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct User {
    pub(crate) name: String,
    /// A list; before 3.9 a text with commas.
    pub(crate) tags: Value,
}

impl User {
    pub(crate) fn has_tag(&self, tag: &str) -> bool {
        match &self.tags {
            Value::Array(tags) => tags.iter().any(|known| known == tag),
            Value::String(tags) => tags.split(',').any(|known| known.trim() == tag),
            _ => false,
        }
    }
}

/// Regular expressions of names.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Permission {
    pub(crate) user: String,
    pub(crate) configure: String,
    pub(crate) write: String,
    pub(crate) read: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FoundQueue {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) durable: bool,
    pub(crate) auto_delete: bool,
    pub(crate) exclusive: bool,
    pub(crate) arguments: Value,
    pub(crate) policy: Option<String>,
    pub(crate) operator_policy: Option<String>,
    pub(crate) effective_policy_definition: Value,
    pub(crate) messages: Option<u64>,
    /// Expired or refused, waiting for their confirmed way to the dead-letter queue.
    pub(crate) messages_dlx: Option<u64>,
    pub(crate) message_bytes: Option<u64>,
    pub(crate) consumers: Option<u64>,
    pub(crate) members: Vec<String>,
    pub(crate) online: Vec<String>,
}

impl FoundQueue {
    /// Messages that would be lost with it, as of the last statistics.
    pub(crate) fn holds(&self) -> Option<u64> {
        Some(self.messages? + self.messages_dlx.unwrap_or(0))
    }

    /// Arguments as they were declared.
    pub(crate) fn arguments(&self) -> Option<&Map<String, Value>> {
        self.arguments.as_object()
    }
}
