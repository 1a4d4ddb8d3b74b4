//! The one table of all settings: key, form and limits, field, meaning.
//!
//! Reading, `config print`, `config print --defaults` and `docs/configuration.md` all come
//! from here, so that they cannot drift apart.

mod broker;
mod dlq;
mod gateway;
mod outbox;
mod publisher;
mod qdrant;
mod queue;
mod shadow;
mod traces;
mod worker;

pub(super) use queue::{BINDING, BINDINGS_DOC, BINDINGS_RULE, EXCHANGE, FOLLOW_UP, KIND, QUEUE};

use std::time::Duration;

use super::form::Form;
use super::raw::Raw;
use super::urls::mask_url;
use super::value::Slot;
use super::{Config, QueueConfig};

/// How much of a value may be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrecy {
    Open,
    /// Nothing of it.
    Hidden,
    /// A URL without its password.
    UrlWithPassword,
}

impl Secrecy {
    pub(super) fn mask(self, text: &str) -> String {
        match self {
            Self::Open => text.to_owned(),
            Self::Hidden => "***".to_owned(),
            Self::UrlWithPassword => text
                .split(',')
                .map(|url| mask_url(url.trim()))
                .collect::<Vec<_>>()
                .join(","),
        }
    }

    /// A refused value as it may be shown.
    fn shown(self, raw: &Raw) -> String {
        match self {
            Self::Open => raw.shown(),
            _ => raw.with_texts(&|text| self.mask(text)).shown(),
        }
    }
}

/// A setting of `T`.
pub(super) struct Field<T> {
    /// The dotted key below `T`.
    pub(super) key: &'static str,
    pub(super) form: Form,
    /// The field, for reading and for writing.
    pub(super) slot: fn(&mut T) -> &mut dyn Slot,
    pub(super) doc: &'static str,
    pub(super) secrecy: Secrecy,
    variable: Option<&'static str>,
    /// An entry without it is a problem.
    pub(super) required: bool,
}

impl<T> Field<T> {
    const fn new(
        key: &'static str,
        form: Form,
        slot: fn(&mut T) -> &mut dyn Slot,
        doc: &'static str,
    ) -> Self {
        Self {
            key,
            form,
            slot,
            doc,
            secrecy: Secrecy::Open,
            variable: None,
            required: false,
        }
    }

    /// A refused value as it may be shown. A URL that may hold no password is refused above all
    /// where it holds one.
    pub(super) fn refused(&self, raw: &Raw) -> String {
        let secrecy = match (&self.form, self.secrecy) {
            (Form::Url(_), Secrecy::Open) => Secrecy::UrlWithPassword,
            (_, secrecy) => secrecy,
        };
        secrecy.shown(raw)
    }

    const fn variable(mut self, name: &'static str) -> Self {
        self.variable = Some(name);
        self
    }

    const fn secret(mut self, secrecy: Secrecy) -> Self {
        self.secrecy = secrecy;
        self
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

impl Field<Config> {
    /// The variable of this setting: its own name, else `FANOUT_` and the key.
    pub(super) fn variable_name(&self) -> String {
        self.variable.map_or_else(
            || format!("FANOUT_{}", self.key.replace('.', "_").to_uppercase()),
            str::to_owned,
        )
    }
}

impl Field<QueueConfig> {
    /// The variable that sets it for every queue, where there is one.
    pub(super) fn variable_for_all(&self) -> Option<&'static str> {
        self.variable
    }
}

/// Every setting that exists once, in the order it is printed.
pub(super) fn settings() -> impl Iterator<Item = &'static Field<Config>> + Clone {
    broker::BROKER
        .iter()
        .chain(publisher::PUBLISHER)
        .chain(worker::SETTINGS)
        .chain(traces::TRACES)
        .chain(gateway::GATEWAY)
        .chain(dlq::DLQ)
        .chain(outbox::OUTBOX)
        .chain(worker::NEO4J)
        .chain(qdrant::QDRANT)
        .chain(shadow::SHADOW)
}

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// Less than any round trip to a database and back can be relied on to take.
const SHORTEST_CALL: Duration = Duration::from_millis(10);
/// RabbitMQ takes a TTL of up to 2^32 - 1 ms, 49 days and a bit.
const LONGEST_TTL: Duration = Duration::from_secs(49 * 24 * 60 * 60);
