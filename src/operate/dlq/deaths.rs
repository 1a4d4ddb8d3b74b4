//! What the broker itself says of a message that it has dead-lettered: `x-death` and its kin.
//!
//! Whatever the runtime publishes carries no such header, so its presence in a dead-letter
//! queue means that the broker brought the message there.

use fanout_contract::ReasonCode;
use jiff::Timestamp;

use crate::broker::{HeaderValue, Headers, Message};
use crate::config::Config;
use crate::recovery::codes;
use crate::topology::names;

/// Why the broker dead-lettered a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Death {
    /// The queue it died in; a retry stage or suspect queue stands for its main queue.
    pub(super) queue: Option<String>,
    pub(super) code: ReasonCode,
    pub(super) at: Option<Timestamp>,
    /// How often it died there.
    pub(super) count: i64,
}

impl Death {
    /// The last death of a message, where the broker has seen one.
    pub(super) fn of(headers: &Headers, config: &Config) -> Option<Self> {
        let rows = rows(headers);
        // The newest row is the first.
        let row = rows.first();
        let text = |name: &str| {
            row.and_then(|row| row.get(name))
                .and_then(HeaderValue::as_str)
        };
        let kept = |name: &str| headers.get(name).and_then(HeaderValue::as_str);
        let reason = kept("x-last-death-reason")
            .or(text("reason"))
            .or(kept("x-first-death-reason"))?;
        let queue = kept("x-last-death-queue")
            .or(text("queue"))
            .or(kept("x-first-death-queue"));
        let at = match row.and_then(|row| row.get("time")) {
            Some(HeaderValue::Timestamp(seconds)) => i64::try_from(*seconds).ok(),
            _ => None,
        };
        let count = row.and_then(|row| row.get("count"));
        Some(Self {
            queue: queue.map(|queue| main_queue(config, queue)),
            code: code(reason),
            at: at.and_then(|seconds| Timestamp::from_second(seconds).ok()),
            count: count.and_then(HeaderValue::as_int).unwrap_or(1),
        })
    }

    /// The error as it is told.
    pub(super) fn error(&self) -> String {
        let queue = self.queue.as_deref().unwrap_or("a queue");
        match self.code.as_str() {
            "expired" => format!("it waited in {queue} for longer than messages live there"),
            "delivery-limit" => format!("given back to {queue} more often than its delivery limit"),
            "queue-full" => format!("{queue} was full and dropped it"),
            _ => format!("a consumer of {queue} refused it"),
        }
    }
}

/// Exchange and routing key it was first published with, as the broker remembers them.
pub(super) fn first_published(headers: &Headers) -> Option<(String, String)> {
    let rows = rows(headers);
    let row = rows.last()?;
    let exchange = row.get("exchange").and_then(HeaderValue::as_str)?;
    let key = match row.get("routing-keys") {
        Some(HeaderValue::List(keys)) => keys.first().and_then(HeaderValue::as_str),
        _ => None,
    };
    Some((exchange.to_owned(), key.unwrap_or_default().to_owned()))
}

/// The message as it was before the broker sent it on.
pub(super) fn as_published(mut message: Message) -> Message {
    if let Some((exchange, key)) = first_published(&message.properties.headers) {
        message.exchange = exchange;
        message.routing_key = key;
    }
    message
}

fn rows(headers: &Headers) -> Vec<&Headers> {
    let Some(HeaderValue::List(rows)) = headers.get("x-death") else {
        return Vec::new();
    };
    let tables = rows.iter().filter_map(|row| match row {
        HeaderValue::Table(table) => Some(table),
        _ => None,
    });
    tables.collect()
}

fn code(reason: &str) -> ReasonCode {
    match reason {
        "expired" => codes::EXPIRED,
        "delivery_limit" | "delivery-limit" => codes::DELIVERY_LIMIT,
        "maxlen" => codes::QUEUE_FULL,
        _ => codes::REJECTED,
    }
}

fn main_queue(config: &Config, queue: &str) -> String {
    let owner = config.queues.values().find(|main| {
        let stages = main.retry_delays.iter();
        names::suspect(&main.name) == queue
            || stages
                .into_iter()
                .any(|delay| names::retry(&main.name, *delay) == queue)
    });
    owner.map_or_else(|| queue.to_owned(), |main| main.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(queue: &str, reason: &str, at: u64) -> HeaderValue {
        let fields = [
            ("queue", HeaderValue::from(queue)),
            ("reason", reason.into()),
            ("time", HeaderValue::Timestamp(at)),
            ("count", HeaderValue::Int(2)),
            ("exchange", "app.events".into()),
            (
                "routing-keys",
                HeaderValue::List(vec!["order.placed".into()]),
            ),
        ];
        HeaderValue::Table(fields.map(|(k, v)| (k.to_owned(), v)).into())
    }

    fn death(rows: Vec<HeaderValue>) -> Option<Death> {
        let headers = Headers::from([("x-death".to_owned(), HeaderValue::List(rows))]);
        Death::of(&headers, &Config::default())
    }

    #[test]
    fn the_newest_death_counts_and_names_queue_reason_and_time() {
        let last = row("events.neo4j", "expired", 60);
        let death = death(vec![last, row("events.neo4j.retry.5s", "expired", 5)]).unwrap();
        assert_eq!(death.queue.as_deref(), Some("events.neo4j"));
        assert_eq!(death.code, codes::EXPIRED);
        assert_eq!(death.at, Timestamp::from_second(60).ok());
        assert_eq!(death.count, 2);
    }

    #[test]
    fn every_reason_of_the_broker_has_its_code() {
        for (reason, expected) in [
            ("expired", "expired"),
            ("delivery_limit", "delivery-limit"),
            ("maxlen", "queue-full"),
            ("rejected", "rejected"),
        ] {
            let death = death(vec![row("q", reason, 1)]).unwrap();
            assert_eq!(death.code.as_str(), expected);
        }
    }

    #[test]
    fn a_stage_or_suspect_queue_stands_for_its_main_queue() {
        for queue in ["events.qdrant.retry.30s", "events.qdrant.suspect"] {
            let death = death(vec![row(queue, "delivery_limit", 1)]).unwrap();
            assert_eq!(death.queue.as_deref(), Some("events.qdrant"));
        }
    }

    #[test]
    fn headers_without_rows_say_it_too_and_other_messages_have_no_death() {
        let headers = [
            ("x-first-death-queue", "events.neo4j"),
            ("x-first-death-reason", "maxlen"),
        ];
        let headers: Headers = headers.map(|(k, v)| (k.to_owned(), v.into())).into();
        let death = Death::of(&headers, &Config::default()).unwrap();
        assert_eq!(
            (death.queue.as_deref(), death.code),
            (Some("events.neo4j"), codes::QUEUE_FULL)
        );
        assert_eq!(Death::of(&Headers::new(), &Config::default()), None);
    }

    #[test]
    fn where_it_was_first_published_to_is_known_from_the_oldest_row() {
        let rows = vec![row("q", "expired", 1)];
        let headers = Headers::from([("x-death".to_owned(), HeaderValue::List(rows))]);
        let first = first_published(&headers);
        assert_eq!(
            first,
            Some(("app.events".to_owned(), "order.placed".to_owned()))
        );
    }
}
