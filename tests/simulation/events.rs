//! The events of a simulation: each carries a token and says what its processing does.

use fanout::broker::{HeaderValue, Headers, Message, Properties};
use serde::{Deserialize, Serialize};

/// What processing an event does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Deed {
    /// Takes effect.
    Apply,
    /// Takes effect and leads to this many follow-ups.
    FollowUps { count: u8 },
    /// Needs no effect.
    Skip,
    /// Can never be applied.
    Permanent,
    /// Can never be applied, and fails every batch it is in.
    PermanentForAll,
    /// Fails this many times.
    Transient { times: u32 },
    /// Fails every batch it is in, this many times.
    TransientForAll { times: u32 },
    /// Gets no outcome, this many times.
    Unsettled { times: u32 },
    /// Panics, this many times.
    Panic { times: u32 },
    /// Runs into other writers, this many times.
    Contention { times: u32 },
    /// Never answers, this many times.
    Stall { times: u32 },
    /// Kills the process, this many times.
    Crash { times: u32 },
}

/// For ever, as far as a simulation lasts.
pub const ALWAYS: u32 = 1_000_000;

impl Deed {
    /// Whether it takes effect if it is only tried often enough.
    pub fn can_apply(self) -> bool {
        match self {
            Self::Apply | Self::FollowUps { .. } => true,
            Self::Skip | Self::Permanent | Self::PermanentForAll => false,
            Self::Transient { times }
            | Self::TransientForAll { times }
            | Self::Unsettled { times }
            | Self::Panic { times }
            | Self::Contention { times }
            | Self::Stall { times }
            | Self::Crash { times } => times < ALWAYS,
        }
    }

    /// Failures of its own that spend an attempt, at most.
    pub fn spends(self) -> u32 {
        match self {
            Self::Transient { times }
            | Self::TransientForAll { times }
            | Self::Unsettled { times }
            | Self::Stall { times }
            | Self::Panic { times } => times,
            Self::Permanent | Self::PermanentForAll => ALWAYS,
            _ => 0,
        }
    }
}

/// What the payload of an event says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Payload {
    pub token: String,
    #[serde(flatten)]
    pub deed: Deed,
}

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Our envelope.
    Envelope,
    /// A bare event of a foreign publisher, with every property that must not be carried on.
    Foreign,
    /// A bare event without any id but a timestamp: its id is derived.
    Derived,
    /// No event at all.
    Malformed,
}

/// One event to be published.
#[derive(Clone, Debug)]
pub struct Spec {
    pub number: u64,
    pub form: Form,
    pub deed: Deed,
}

impl Spec {
    pub fn new(number: u64, deed: Deed) -> Self {
        let form = Form::Envelope;
        Self { number, form, deed }
    }

    pub fn token(&self) -> String {
        token(self.number)
    }

    pub fn id(&self) -> String {
        format!("event-{}", self.number)
    }

    /// The message, as it goes to the exchange.
    pub fn message(&self) -> Message {
        let payload = Payload {
            token: self.token(),
            deed: self.deed,
        };
        let payload = serde_json::to_value(payload).unwrap();
        let mut properties = Properties {
            persistent: true,
            ..Properties::default()
        };
        let body = match self.form {
            Form::Envelope => envelope(&self.id(), "sim.event", &payload),
            Form::Foreign => {
                foreign(&mut properties, &self.id());
                bare(payload)
            }
            Form::Derived => {
                properties.timestamp = Some(1_767_225_600 + self.number);
                bare(payload)
            }
            Form::Malformed => format!("no json but {}.", self.token()),
        };
        Message {
            exchange: "events".to_owned(),
            routing_key: "sim.event".to_owned(),
            properties,
            body: body.into(),
        }
    }
}

/// The token of the event with this number.
pub fn token(number: u64) -> String {
    format!("<{number}>")
}

/// The token of a follow-up.
pub fn follow_up_token(source: &str, index: usize) -> String {
    format!("<{}+{index}>", source.trim_matches(['<', '>']))
}

/// The token in a body, wherever it stands.
pub fn token_in(message: &Message) -> Option<String> {
    let body = std::str::from_utf8(&message.body).ok()?;
    let start = body.find('<')?;
    let end = body[start..].find('>')?;
    Some(body[start..=start + end].to_owned())
}

fn envelope(id: &str, kind: &str, payload: &serde_json::Value) -> String {
    serde_json::json!({
        "eventId": id,
        "version": "v1",
        "eventType": kind,
        "timestamp": "2026-01-01T00:00:00Z",
        "payload": payload,
    })
    .to_string()
}

fn bare(mut payload: serde_json::Value) -> String {
    payload["event_type"] = "sim.event".into();
    payload.to_string()
}

/// What a foreign publisher may set and a republish must not carry: another user would be
/// refused, copies would multiply, the expiration would lose it in a retry stage.
fn foreign(properties: &mut Properties, id: &str) {
    properties.message_id = Some(id.to_owned());
    properties.user_id = Some("somebody".to_owned());
    properties.expiration = Some("600000000".to_owned());
    properties.reply_to = Some("amq.reply".to_owned());
    properties.persistent = false;
    let keys = HeaderValue::List(vec![HeaderValue::from("sim.copy")]);
    let large = HeaderValue::Text("x".repeat(200 * 1024));
    properties.headers = Headers::from([
        ("CC".to_owned(), keys),
        ("big".to_owned(), large),
        ("tenant".to_owned(), HeaderValue::from("a")),
    ]);
}
