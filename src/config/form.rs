//! What a value may look like: how it is read, shown and described.

use std::time::Duration;

use super::raw::{Raw, quoted};
use super::urls;
use super::value::Val;
use crate::topology::names;

/// What a value may look like, limits included.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Flag,
    Whole(u64, u64),
    /// A share, 0 to 1.
    Share,
    /// A number, fractions too.
    Number(f64, f64),
    Time(Duration, Duration),
    /// Bytes.
    Size(u64, u64),
    Text,
    Path,
    /// IP address and port.
    Address,
    Word(&'static [&'static str]),
    Url(urls::Kind),
    List(&'static Form),
    /// The form, or a word for "none".
    OrWord(&'static Form, &'static str),
}

/// Why a value was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) rule: String,
    pub(super) hint: Option<String>,
}

impl Fault {
    pub(super) fn new(rule: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            rule: rule.into(),
            hint: Some(hint.into()),
        }
    }
}

/// Entries of a list at most: far above any real plan, bounded all the same.
const LONGEST_LIST: usize = 100;

impl Form {
    /// The checked value, or the rule it breaks.
    pub(super) fn read(&self, raw: &Raw) -> Result<Val, Fault> {
        let read = match (self, raw) {
            (Self::OrWord(_, word), Raw::Text(t) | Raw::Loose(t)) if t == word => Some(Val::Unset),
            (Self::OrWord(form, _), raw) => form.read(raw).ok(),
            (Self::Flag, Raw::Flag(flag)) => Some(Val::Flag(*flag)),
            (Self::Flag, Raw::Loose(text)) => text.parse().ok().map(Val::Flag),
            (Self::Whole(min, max), Raw::Whole(n)) => whole(u64::try_from(*n).ok(), *min, *max),
            (Self::Whole(min, max), Raw::Loose(text)) => whole(text.parse().ok(), *min, *max),
            (Self::Share, raw) => number(raw, 0.0, 1.0),
            (Self::Number(min, max), raw) => number(raw, *min, *max),
            (Self::Time(min, max), Raw::Text(t) | Raw::Loose(t)) => time(t, *min, *max),
            (Self::Size(min, max), Raw::Text(t) | Raw::Loose(t)) => {
                size(t).filter(|n| (min..=max).contains(&n)).map(Val::Whole)
            }
            (Self::Size(min, max), Raw::Whole(n)) => whole(u64::try_from(*n).ok(), *min, *max),
            (Self::Text | Self::Path, Raw::Text(t) | Raw::Loose(t)) if !t.is_empty() => {
                Some(Val::Text(t.clone()))
            }
            (Self::Address, Raw::Text(t) | Raw::Loose(t)) => t
                .parse::<std::net::SocketAddr>()
                .ok()
                .map(|_| Val::Text(t.clone())),
            (Self::Word(words), Raw::Flag(flag)) => word(words, &flag.to_string()),
            (Self::Word(words), Raw::Text(t) | Raw::Loose(t)) => word(words, t),
            (Self::Url(kind), Raw::Text(t) | Raw::Loose(t)) => {
                return kind.read(t).map(Val::Text);
            }
            (Self::List(form), raw) => return list(form, raw),
            _ => None,
        };
        read.ok_or_else(|| self.fault(raw))
    }

    fn fault(&self, raw: &Raw) -> Fault {
        Fault {
            rule: format!("must be {}", self.rule()),
            hint: self.hint(raw),
        }
    }

    fn hint(&self, raw: &Raw) -> Option<String> {
        match (self, raw) {
            (Self::OrWord(form, _), raw) => form.hint(raw),
            (Self::Time(..), _) => Some(
                "write whole milliseconds or more with the unit: 250ms, 5s, 5m, 1h, 14d".to_owned(),
            ),
            (Self::Size(..), _) => {
                Some("write a number with its unit: 512KiB, 4MiB, 8GiB".to_owned())
            }
            (Self::Address, _) => Some("write for example 127.0.0.1:8081 or [::1]:8081".to_owned()),
            (Self::Word(words), Raw::Text(t) | Raw::Loose(t)) => did_you_mean(t, words),
            _ => None,
        }
    }

    /// What the value has to be, for people: the end of "must be".
    pub(super) fn rule(&self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Whole(min, max) => format!("a whole number from {min} to {max}"),
            Self::Share => "a number from 0 to 1".to_owned(),
            Self::Number(min, max) => format!("a number from {min} to {max}"),
            Self::Time(min, max) => {
                format!("a duration from {} to {}", show_time(*min), show_time(*max))
            }
            Self::Size(min, max) => {
                format!("a size from {} to {}", show_size(*min), show_size(*max))
            }
            Self::Text => "a text that is not empty".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Address => "an IP address and a port".to_owned(),
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::Url(kind) => kind.rule().to_owned(),
            Self::List(form) => format!("a list of at most {LONGEST_LIST}, each {}", form.rule()),
            Self::OrWord(form, word) => format!("{}, or {word}", form.rule()),
        }
    }

    /// The value as TOML writes it; `None` where it is unset and no word says so.
    pub(super) fn show(&self, val: &Val) -> Option<String> {
        match (self, val) {
            (Self::OrWord(_, word), Val::Unset) => Some(quoted(word)),
            (_, Val::Unset) => None,
            (Self::OrWord(form, _), val) => form.show(val),
            (Self::Size(..), Val::Whole(bytes)) => Some(quoted(&show_size(*bytes))),
            (Self::List(form), Val::List(items)) => {
                let items: Vec<_> = items.iter().filter_map(|item| form.show(item)).collect();
                Some(format!("[{}]", items.join(", ")))
            }
            (_, Val::Flag(flag)) => Some(flag.to_string()),
            (_, Val::Whole(number)) => Some(number.to_string()),
            (_, Val::Real(number)) => Some(format!("{number:?}")),
            (_, Val::Time(time)) => Some(quoted(&show_time(*time))),
            (_, Val::Text(text)) => Some(quoted(text)),
            (_, Val::List(_)) => None,
        }
    }
}

/// The nearest of the known names, where one is near.
pub(super) fn did_you_mean(given: &str, known: &[&str]) -> Option<String> {
    known
        .iter()
        .map(|name| (strsim::jaro_winkler(given, name), *name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| format!("did you mean {name}?"))
}

/// A duration in its largest whole unit: `14d`, `5m`, `250ms`.
pub(crate) fn show_time(time: Duration) -> String {
    let day = 24 * 60 * 60;
    if time.subsec_nanos() == 0 && time.as_secs() > 0 && time.as_secs().is_multiple_of(day) {
        format!("{}d", time.as_secs() / day)
    } else {
        names::delay_label(time)
    }
}

/// A size in its largest whole binary unit: `8GiB`, `100B`.
pub(crate) fn show_size(bytes: u64) -> String {
    [
        (1 << 50, "PiB"),
        (1 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ]
    .into_iter()
    .find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit))
    .map_or_else(
        || format!("{bytes}B"),
        |(unit, name): (u64, _)| format!("{}{name}", bytes / unit),
    )
}

fn whole(number: Option<u64>, min: u64, max: u64) -> Option<Val> {
    number.filter(|n| (min..=max).contains(n)).map(Val::Whole)
}

/// Neither end of a range contains what is no number.
fn number(raw: &Raw, min: f64, max: f64) -> Option<Val> {
    #[allow(clippy::cast_precision_loss, reason = "the limits are far below 2^53")]
    let number = match raw {
        Raw::Whole(n) => *n as f64,
        Raw::Real(number) => *number,
        Raw::Loose(text) => text.parse().ok()?,
        _ => return None,
    };
    // adding zero makes one zero of both
    (min..=max)
        .contains(&number)
        .then_some(Val::Real(number + 0.0))
}

/// `M` is a month to humantime, which nobody means here.
fn time(text: &str, min: Duration, max: Duration) -> Option<Val> {
    let time = humantime::parse_duration(text)
        .ok()
        .filter(|_| !text.contains('M'))?;
    (time.subsec_nanos().is_multiple_of(1_000_000) && (min..=max).contains(&time))
        .then_some(Val::Time(time))
}

fn size(text: &str) -> Option<u64> {
    text.parse::<bytesize::ByteSize>().ok().map(|size| size.0)
}

fn word(words: &[&str], text: &str) -> Option<Val> {
    words.contains(&text).then(|| Val::Text(text.to_owned()))
}

/// A list; a text stands for its comma-separated parts.
fn list(form: &Form, raw: &Raw) -> Result<Val, Fault> {
    let items: Vec<Raw> = match raw {
        Raw::List(nodes) => nodes.iter().map(|node| node.raw.clone()).collect(),
        Raw::Text(text) | Raw::Loose(text) => text
            .split(',')
            .map(|part| Raw::Loose(part.trim().to_owned()))
            .collect(),
        _ => return Err(Form::List(&Form::Text).fault(raw)),
    };
    if items.len() > LONGEST_LIST {
        return Err(Fault {
            rule: format!("must be a list of at most {LONGEST_LIST}"),
            hint: None,
        });
    }
    let values: Result<Vec<_>, _> = items.iter().map(|item| form.read(item)).collect();
    values.map(Val::List).map_err(|fault| Fault {
        rule: format!("each part {}", fault.rule),
        hint: fault.hint,
    })
}
