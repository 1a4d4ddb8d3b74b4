//! Which dead letters are meant.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::letter::DeadLetter;

/// Conditions on a dead letter; all that are set must hold, of a list any one. Empty = all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Event ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub id: Vec<String>,
    /// Ids of groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<String>,
    /// Kinds of events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kind: Vec<String>,
    /// Reason codes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reason: Vec<String>,
    /// Queues of origin, by their name at the broker.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub queue: Vec<String>,
    /// Subject keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Dead-lettered then or later.
    #[serde(skip_serializing_if = "Option::is_none", with = "super::stamp::option")]
    pub since: Option<Timestamp>,
    /// Dead-lettered before.
    #[serde(skip_serializing_if = "Option::is_none", with = "super::stamp::option")]
    pub until: Option<Timestamp>,
    /// Stands in the error or the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Filter {
    /// Of one event.
    pub fn id(id: impl Into<String>) -> Self {
        Self {
            id: vec![id.into()],
            ..Self::default()
        }
    }

    /// Nothing is set, so that everything is meant. An empty text stands everywhere: a
    /// variable of a script that is not set must not mean all of them.
    pub fn is_empty(&self) -> bool {
        let text = self.text.clone().filter(|text| !text.is_empty());
        let set = Self {
            text,
            ..self.clone()
        };
        set == Self::default()
    }

    /// Whether this one is meant.
    pub fn matches(&self, letter: &DeadLetter) -> bool {
        any(&self.kind, letter.kind.as_deref())
            && any(&self.reason, Some(&letter.reason))
            && any(&self.queue, letter.origin.as_deref())
            && any(&self.key, letter.key.as_deref())
            && self.names(letter)
            && self.in_time(letter.dead_lettered_at)
            && self.has_text(letter)
            && (self.group.is_empty() || self.group.contains(&letter.group()))
    }

    fn names(&self, letter: &DeadLetter) -> bool {
        let message_id = letter.message.properties.message_id.as_deref();
        any(&self.id, Some(&letter.id)) || any(&self.id, message_id)
    }

    /// What has no time is meant only where no time is asked for.
    fn in_time(&self, at: Option<Timestamp>) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        at.is_some_and(|at| {
            self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
        })
    }

    fn has_text(&self, letter: &DeadLetter) -> bool {
        let Some(text) = self.text.as_deref().filter(|text| !text.is_empty()) else {
            return true;
        };
        letter.error.contains(text)
            || letter
                .message
                .body
                .windows(text.len())
                .any(|window| window == text.as_bytes())
    }
}

fn any(wanted: &[String], found: Option<&str>) -> bool {
    wanted.is_empty() || found.is_some_and(|found| wanted.iter().any(|one| one == found))
}

/// A point in time as people write it: RFC 3339, a date or a date with time (UTC), or how
/// long ago (`2h`, `3days`).
///
/// # Errors
/// What is accepted, where it is none of these.
pub fn point_in_time(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let civil = text
        .parse::<DateTime>()
        .or_else(|_| text.parse::<Date>().map(DateTime::from));
    if let Ok(civil) = civil {
        let zoned = civil.to_zoned(TimeZone::UTC);
        return zoned.map(|at| at.timestamp()).map_err(|e| e.to_string());
    }
    let ago: Option<Duration> = humantime::parse_duration(text).ok();
    ago.and_then(|ago| now.checked_sub(ago).ok())
        .ok_or_else(|| {
            "is no time: write 2h (ago), 2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00:00Z"
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Message;
    use crate::codec::Codec;
    use crate::config::Config;

    fn letter() -> DeadLetter {
        let config = Config::default();
        let message = Message {
            body: r#"{"event_id":"a","event_type":"view","note":"lamp"}"#.into(),
            ..Message::default()
        };
        let mut letter =
            DeadLetter::read("events.dlq", message, &Codec::from_config(&config), &config);
        letter.reason = "panic".to_owned();
        letter.error = "broken".to_owned();
        letter.origin = Some("events.neo4j".to_owned());
        letter.dead_lettered_at = Timestamp::from_second(100).ok();
        letter
    }

    fn matches(change: impl FnOnce(&mut Filter)) -> bool {
        let mut filter = Filter::default();
        change(&mut filter);
        filter.matches(&letter())
    }

    #[test]
    fn an_empty_filter_means_everything() {
        assert!(matches(|_| {}));
        assert!(Filter::default().is_empty() && !Filter::id("a").is_empty());
    }

    #[test]
    fn an_empty_text_is_no_condition() {
        let empty = Filter {
            text: Some(String::new()),
            ..Filter::default()
        };
        assert!(empty.is_empty());
        let with_kind = Filter {
            kind: vec!["view".to_owned()],
            ..empty
        };
        assert!(!with_kind.is_empty());
    }

    #[test]
    fn each_condition_is_held_to_its_field() {
        let text = |t: &str| vec![t.to_owned()];
        assert!(matches(|f| f.id = text("a")) && !matches(|f| f.id = text("b")));
        assert!(matches(|f| f.kind = text("view")) && !matches(|f| f.kind = text("cart")));
        assert!(matches(|f| f.reason = text("panic")) && !matches(|f| f.reason = text("x")));
        assert!(matches(|f| f.queue = text("events.neo4j")) && !matches(|f| f.queue = text("x")));
        assert!(!matches(|f| f.key = text("u1")));
        assert!(matches(|f| f.group = vec![letter().group()]));
        assert!(!matches(|f| f.group = text("00000000")));
        for (found, wanted) in [("broken", true), ("lamp", true), ("other", false)] {
            assert_eq!(
                matches(|f| f.text = Some(found.to_owned())),
                wanted,
                "{found}"
            );
        }
    }

    #[test]
    fn of_a_list_any_one_will_do_and_all_conditions_must_hold() {
        let kinds = || vec!["cart".to_owned(), "view".to_owned()];
        assert!(matches(|f| f.kind = kinds()));
        assert!(!matches(|f| {
            f.kind = kinds();
            f.reason = vec!["other".to_owned()];
        }));
    }

    #[test]
    fn since_is_inclusive_and_until_is_not() {
        let at = |second| Timestamp::from_second(second).ok();
        assert!(matches(|f| f.since = at(100)) && !matches(|f| f.since = at(101)));
        assert!(matches(|f| f.until = at(101)) && !matches(|f| f.until = at(100)));
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let read = |text| point_in_time(text, now).map(Timestamp::as_second);
        assert_eq!(read("2h"), Ok(1_000_000 - 7200));
        assert_eq!(read("1970-01-02"), Ok(86_400));
        assert_eq!(read("1970-01-02T01:00"), Ok(90_000));
        assert_eq!(read("1970-01-02T00:00:00Z"), Ok(86_400));
        assert!(read("yesterday").is_err());
    }
}
