//! A dead letter as people and programs see it.

use std::str::FromStr;

use fanout_contract::{EventId, ReasonCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::deaths::{self, Death};
use super::fingerprint;
use crate::broker::{HeaderValue, Message};
use crate::codec::{Codec, IdOrigin};
use crate::config::Config;
use crate::recovery::{FailureNote, codes};
use crate::topology::names::headers as names;

/// Digits of the digest that stands for the id of what has none.
const BODY_ID: usize = 16;

/// One failure of an event's past.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryEntry {
    /// When, RFC 3339.
    pub at: String,
    /// The attempt that failed.
    pub attempt: u32,
    /// Its reason code.
    pub reason: String,
    /// The queue it failed in.
    pub queue: String,
}

/// A dead letter: what is known of it, and the message as it lies in the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// The dead-letter queue it lies in.
    pub dlq: String,
    /// The event's id; of what has none, `body:` and a digest of the body.
    pub id: String,
    /// The event's kind, where it can be told.
    pub kind: Option<String>,
    /// The subject key, where the event has one.
    pub key: Option<String>,
    /// Reason code of the last failure.
    pub reason: String,
    /// Error text of the last failure.
    pub error: String,
    /// The queue it failed in and goes back to; unknown for what others have put here.
    pub origin: Option<String>,
    /// The attempt that failed last.
    pub attempt: u32,
    /// When it first failed.
    pub first_failed_at: Option<Timestamp>,
    /// When it was dead-lettered.
    pub dead_lettered_at: Option<Timestamp>,
    /// The broker itself dead-lettered it.
    pub by_broker: bool,
    /// The run of the replay it has come back from.
    pub replayed_by: Option<String>,
    /// Size of the body, bytes.
    pub size: usize,
    /// The message, byte for byte; in a listing without its body.
    pub message: Message,
    pub(super) event_id: Option<EventId>,
    pub(super) code: ReasonCode,
}

impl DeadLetter {
    /// Reads a message of the queue `dlq`. Never fails: what cannot be told is left open.
    pub fn read(dlq: &str, message: Message, codec: &Codec, config: &Config) -> Self {
        let death = Death::of(&message.properties.headers, config);
        let message = match &death {
            Some(_) => deaths::as_published(message),
            None => message,
        };
        let (event_id, kind, key) = identity(codec, &message);
        let header = |name: &str| text(&message, name);
        let said = header(names::REASON);
        let id = event_id.as_ref().map(EventId::to_string);
        let mut letter = Self {
            dlq: dlq.to_owned(),
            id: id.unwrap_or_else(|| body_id(&message)),
            kind,
            key,
            reason: said.unwrap_or_else(|| codes::NO_REASON.as_str().to_owned()),
            error: header(names::ERROR).unwrap_or_default(),
            origin: header(names::ORIGIN_QUEUE),
            attempt: attempt(&message),
            first_failed_at: header(names::FIRST_FAILED_AT).as_deref().and_then(time),
            dead_lettered_at: last_failure(&message),
            by_broker: death.is_some(),
            replayed_by: header(names::REPLAY),
            event_id,
            code: codes::NO_REASON,
            size: message.body.len(),
            message,
        };
        if let Some(death) = death {
            letter.died(&death);
        }
        letter
    }

    /// What the broker did last outweighs what a worker said before.
    fn died(&mut self, death: &Death) {
        self.error = death.error();
        self.reason = death.code.as_str().to_owned();
        self.code = death.code;
        self.origin = death.queue.clone().or(self.origin.take());
        self.dead_lettered_at = death.at.or(self.dead_lettered_at);
        self.first_failed_at = self.first_failed_at.or(death.at);
    }

    /// Earlier failures, oldest first.
    pub fn history(&self) -> Vec<HistoryEntry> {
        let text = text(&self.message, names::HISTORY);
        text.and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default()
    }

    /// The short id of the group it belongs to: those of one origin, reason, kind and error,
    /// numbers, ids and quoted texts left out.
    pub fn group(&self) -> String {
        fingerprint::group_id(
            self.origin.as_deref().unwrap_or_default(),
            &self.reason,
            self.kind.as_deref().unwrap_or_default(),
            &fingerprint::normalised(&self.error),
        )
    }

    /// What the broker said, for the history of what is published in its place.
    pub(super) fn note(&self) -> Option<FailureNote<'_>> {
        let queue = self.origin.as_deref().filter(|_| self.by_broker)?;
        Some(FailureNote {
            queue,
            attempt: self.attempt,
            code: self.code,
            error: &self.error,
            at: self.dead_lettered_at.unwrap_or_else(Timestamp::now),
        })
    }
}

/// Id, kind and subject key, as a worker would read them. An id that each delivery gets anew
/// is none.
fn identity(codec: &Codec, message: &Message) -> (Option<EventId>, Option<String>, Option<String>) {
    match codec.decode(message) {
        Ok(decoded) => {
            let event = decoded.event;
            let id = (decoded.id_origin != IdOrigin::Assigned).then(|| event.id().clone());
            let key = event.subject().map(str::to_owned);
            (id, Some(event.kind().to_owned()), key)
        }
        Err(undecodable) => {
            let kind = undecodable.kind.map(|kind| kind.to_string());
            (undecodable.id, kind, None)
        }
    }
}

fn body_id(message: &Message) -> String {
    let digest = fingerprint::digest(&message.body);
    format!("body:{}", digest.get(..BODY_ID).unwrap_or(&digest))
}

fn text(message: &Message, name: &str) -> Option<String> {
    let value = message.properties.headers.get(name)?;
    value.as_str().map(str::to_owned)
}

fn attempt(message: &Message) -> u32 {
    let attempt = match message.properties.headers.get(names::ATTEMPT) {
        Some(HeaderValue::Int(attempt)) => u32::try_from(*attempt).ok(),
        Some(HeaderValue::Text(text)) => text.parse().ok(),
        _ => None,
    };
    attempt.unwrap_or(1)
}

/// When it failed last. The history is written by the runtime, newest last, so that its end
/// is enough; reading all of it would be most of the work of a look.
fn last_failure(message: &Message) -> Option<Timestamp> {
    let history = message.properties.headers.get(names::HISTORY)?.as_str()?;
    let (_, last) = history.rsplit_once("\"at\"")?;
    // Behind the colon, in quotes.
    last.split('"').nth(1).and_then(time)
}

fn time(text: &str) -> Option<Timestamp> {
    Timestamp::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::dead_letter;

    fn event(id: &str) -> Message {
        let body = format!(
            r#"{{"eventId":"{id}","version":"v1","eventType":"view","subject":"u1","payload":{{}}}}"#
        );
        Message {
            exchange: "events".to_owned(),
            body: body.into(),
            ..Message::default()
        }
    }

    fn dead(error: &str) -> Message {
        let note = FailureNote {
            queue: "events.neo4j",
            attempt: 4,
            code: ReasonCode::new("neo4j-value"),
            error,
            at: Timestamp::from_second(100).unwrap(),
        };
        dead_letter(&event("e-1"), None, "events.dlq".to_owned(), &note)
    }

    fn read(message: Message) -> DeadLetter {
        let config = Config::default();
        DeadLetter::read("events.dlq", message, &Codec::from_config(&config), &config)
    }

    #[test]
    fn what_a_worker_wrote_is_read_back() {
        let letter = read(dead("user 7 is wrong"));
        assert_eq!(letter.id, "e-1");
        assert_eq!(letter.kind.as_deref(), Some("view"));
        assert_eq!(letter.key.as_deref(), Some("u1"));
        assert_eq!(
            (letter.reason.as_str(), letter.error.as_str()),
            ("neo4j-value", "user 7 is wrong")
        );
        assert_eq!(letter.origin.as_deref(), Some("events.neo4j"));
        assert_eq!(letter.attempt, 4);
        assert_eq!(letter.dead_lettered_at, Timestamp::from_second(100).ok());
        assert_eq!(letter.history().len(), 1);
        assert!(!letter.by_broker);
        assert_eq!(letter.group(), read(dead("user 8 is wrong")).group());
    }

    #[test]
    fn the_broker_has_the_last_word() {
        let mut message = dead("transient");
        let row = [
            ("queue", HeaderValue::from("events.neo4j")),
            ("reason", "expired".into()),
            ("time", HeaderValue::Timestamp(200)),
            ("exchange", "events".into()),
        ];
        let row = HeaderValue::Table(row.map(|(k, v)| (k.to_owned(), v)).into());
        let headers = &mut message.properties.headers;
        headers.insert("x-death".to_owned(), HeaderValue::List(vec![row]));
        let letter = read(message);
        assert_eq!(
            (letter.reason.as_str(), letter.by_broker),
            ("expired", true)
        );
        assert_eq!(letter.dead_lettered_at, Timestamp::from_second(200).ok());
        assert_eq!(letter.first_failed_at, Timestamp::from_second(100).ok());
        assert_eq!(letter.message.exchange, "events");
    }

    #[test]
    fn bytes_that_are_no_event_have_an_id_all_the_same() {
        let message = Message {
            body: bytes::Bytes::from_static(b"\xff\x00"),
            ..Message::default()
        };
        let letter = read(message.clone());
        assert!(letter.id.starts_with("body:"), "{}", letter.id);
        assert_eq!(letter.id, read(message).id);
        assert_eq!(letter.reason, "no-reason");
        assert_eq!((letter.origin, letter.kind), (None, None));
    }
}
