//! The broker asked over its management API, one call after the other on a thread.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::policy::{self, Policy};
use super::{Asked, FoundQueue, Management, ManagementFacts, Overview};
use crate::config::Config;
use crate::operate::management::{Api, ApiError};
use crate::topology::{Role, Topology, names};

/// For all calls together; each has its own deadline inside.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked of each queue.
const COLUMNS: &str = "name,type,durable,auto_delete,exclusive,arguments,policy,operator_policy,\
    effective_policy_definition,messages,messages_dlx,message_bytes,consumers,members,online";

/// Asks for everything, where an API is configured.
pub(super) async fn fetch(config: &Config, topology: &Topology) -> Management {
    let api = match Api::from_config(config) {
        None => return Management::NotConfigured,
        Some(Err(problem)) => return Management::Absent(problem),
        Some(Ok(api)) => api,
    };
    let question = Question {
        api,
        user: config.broker.user(),
        looked_into: looked_into(topology),
    };
    let asked = tokio::task::spawn_blocking(move || question.ask());
    match timeout(PATIENCE, asked).await {
        Ok(Ok(Ok(facts))) => Management::Asked(Box::new(facts)),
        Ok(Ok(Err(problem))) => Management::Absent(problem),
        Ok(Err(error)) => Management::Absent(error.to_string()),
        Err(_) => Management::Absent(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

/// Queues whose head is looked at: where nobody consumes. Looking counts as a delivery.
fn looked_into(topology: &Topology) -> BTreeSet<String> {
    let queues = topology.queues.iter();
    queues
        .filter(|queue| matches!(queue.role, Role::DeadLetter | Role::Main))
        .map(|queue| queue.name.clone())
        .collect()
}

struct Question {
    api: Api,
    user: String,
    looked_into: BTreeSet<String>,
}

impl Question {
    /// Fails only where the API does not answer at all.
    fn ask(self) -> Result<ManagementFacts, String> {
        let vhost = self.api.vhost().to_owned();
        let before = Timestamp::now();
        let overview = match self.api.get("/overview") {
            Err(ApiError::Absent(problem)) => return Err(problem),
            Err(ApiError::Refused(401)) => {
                return Err(
                    "user and password are refused, or the user has no tag that lets it \
                            use the management API"
                        .to_owned(),
                );
            }
            answer => answer,
        };
        let clock = overview
            .as_ref()
            .ok()
            .and_then(|answer| answer.date.as_deref())
            .and_then(|date| ahead(date, before, Timestamp::now()));
        let overview = read::<Overview>(overview.map(|answer| answer.body));
        let mut queues: Asked<Vec<FoundQueue>> = self.get(&format!(
            "/queues/{vhost}?disable_stats=false&enable_queue_totals=true&columns={COLUMNS}"
        ));
        let policies = self.policies(&vhost, queues.as_mut().unwrap_or(&mut Vec::new()));
        let heads = queues.as_ref().map(|queues| self.heads(&vhost, queues));
        Ok(ManagementFacts {
            overview,
            clock,
            nodes: self.get("/nodes?columns=name,running,mem_alarm,disk_free_alarm"),
            flags: self.get("/feature-flags"),
            heads: heads.unwrap_or_default(),
            queues,
            policies,
            exchanges: self.get(&format!("/exchanges/{vhost}")),
            bindings: self.get(&format!("/bindings/{vhost}")),
            consumers: self.get(&format!("/consumers/{vhost}")),
            connections: self.get("/connections?columns=name,user,state,client_properties"),
            user: self.user(),
            permission: self.get(&format!("/permissions/{vhost}/{}", self.encoded_user())),
        })
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Asked<T> {
        read(self.api.get(path).map(|answer| answer.body))
    }

    /// Notes the policies of each queue.
    fn policies(&self, vhost: &str, queues: &mut [FoundQueue]) -> Asked<()> {
        let policies: Vec<Policy> = self.get(&format!("/policies/{vhost}"))?;
        let operator: Vec<Policy> = self.get(&format!("/operator-policies/{vhost}"))?;
        for queue in queues {
            policy::apply(queue, &policies, &operator);
        }
        Ok(())
    }

    fn encoded_user(&self) -> String {
        crate::operate::management::encoded(&self.user)
    }

    /// Only an administrator may ask about users; everybody may ask about oneself.
    fn user(&self) -> Asked<super::User> {
        let known: Asked<super::User> = self.get(&format!("/users/{}", self.encoded_user()));
        known.or_else(|problem| {
            let oneself: super::User = self.get("/whoami")?;
            if oneself.name == self.user {
                Ok(oneself)
            } else {
                Err(problem)
            }
        })
    }

    /// When the first messages of queues without consumers were published.
    fn heads(&self, vhost: &str, queues: &[FoundQueue]) -> BTreeMap<String, i64> {
        let idle = queues.iter().filter(|queue| {
            self.looked_into.contains(&queue.name)
                && queue.consumers == Some(0)
                && queue.messages.is_some_and(|messages| messages > 0)
        });
        idle.filter_map(|queue| Some((queue.name.clone(), self.head(vhost, &queue.name)?)))
            .collect()
    }

    /// Takes the first message and gives it back.
    fn head(&self, vhost: &str, queue: &str) -> Option<i64> {
        let queue = crate::operate::management::encoded(queue);
        let body = json!({
            "count": 1, "ackmode": "ack_requeue_true", "encoding": "auto", "truncate": 1,
        });
        let path = format!("/queues/{vhost}/{queue}/get");
        let answer = self.api.post(&path, &body).ok()?;
        published(answer.body.get(0)?.get("properties")?)
    }
}

/// Unix seconds: of the first failure where the message is a failed one, else its timestamp.
fn published(properties: &Value) -> Option<i64> {
    let failed = properties
        .get("headers")
        .and_then(|headers| headers.get(names::headers::FIRST_FAILED_AT))
        .and_then(Value::as_str)
        .and_then(|text| text.parse::<Timestamp>().ok())
        .map(Timestamp::as_second);
    failed.or_else(|| properties.get("timestamp").and_then(Value::as_i64))
}

fn read<T: DeserializeOwned>(answer: Result<Value, ApiError>) -> Asked<T> {
    let body = answer.map_err(|error| error.to_string())?;
    serde_json::from_value(body).map_err(|error| error.to_string())
}

/// Seconds that a `Date` header is ahead of our clock, between two looks at which it was made.
fn ahead(date: &str, before: Timestamp, after: Timestamp) -> Option<i64> {
    let theirs = rfc2822::parse(date).ok()?.timestamp().as_second();
    let (before, after) = (before.as_second(), after.as_second());
    Some(theirs - theirs.clamp(before, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_a_dead_letter_is_that_of_its_first_failure() {
        let both = json!({
            "timestamp": 5, "headers": {"fanout-first-failed-at": "1970-01-01T00:01:40Z"},
        });
        assert_eq!(published(&both), Some(100));
        assert_eq!(published(&json!({"timestamp": 5})), Some(5));
        assert_eq!(published(&json!([])), None);
    }

    #[test]
    fn the_date_of_an_answer_tells_the_clock() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for (before, after, skew) in [(30, 40, 0), (35, 41, -5), (0, 20, 10)] {
            let ahead = ahead("Thu, 01 Jan 1970 00:00:30 GMT", at(before), at(after));
            assert_eq!(ahead, Some(skew));
        }
        assert_eq!(ahead("yesterday", at(0), at(1)), None);
    }
}
