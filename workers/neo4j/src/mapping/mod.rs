//! From events to rows: pure, so that it is tested without a server.

mod interactions;
mod payload;

pub use interactions::{Interactions, KINDS};
pub use payload::Key;
pub(crate) use payload::MAX_ID_BYTES;

use fanout_contract::{Event, Failure, FollowUp, SkipReason};
use jiff::Timestamp;

use crate::statement::Statement;
use crate::value::Value;

/// Says what an event writes.
///
/// ```
/// use fanout_contract::{Event, SkipReason};
/// use fanout_neo4j::mapping::{Effect, Mapped, Mapping};
/// use fanout_neo4j::{Fold, Statement};
/// use jiff::Timestamp;
///
/// /// `(:City {id, name})` from `city.named` events.
/// struct Cities([Statement; 1]);
///
/// #[derive(serde::Deserialize)]
/// struct City { id: i64, name: String }
///
/// impl Cities {
///     fn new() -> Self {
///         Self([Statement {
///             name: "city".into(),
///             cypher: "UNWIND $rows AS r MERGE (c:City {id: r[0]}) SET c.name = r[1] \
///                      RETURN count(*) AS done, [] AS skipped".into(),
///             key_columns: 1,
///             fold: Fold::Each,
///             after_skip: None,
///         }])
///     }
/// }
///
/// impl Mapping for Cities {
///     fn statements(&self) -> &[Statement] { &self.0 }
///
///     fn map(&self, event: &Event, _now: Timestamp) -> Mapped {
///         if event.kind() != "city.named" {
///             return Mapped::Skip(SkipReason::NotMine);
///         }
///         match event.decode::<City>() {
///             Ok(city) => Effect::new().row(0, vec![city.id.into(), city.name.into()]).into(),
///             Err(failure) => Mapped::Fail(failure),
///         }
///     }
/// }
/// ```
pub trait Mapping: Send + Sync + 'static {
    /// The statements, in the order in which a transaction runs them. Constant for a value's
    /// lifetime.
    fn statements(&self) -> &[Statement];

    /// What this event writes. Pure: the same event and `now` give the same answer, since a
    /// repeat must yield the same follow-ups (law L10). Must not panic, whatever the payload.
    fn map(&self, event: &Event, now: Timestamp) -> Mapped;
}

/// What becomes of an event.
#[derive(Clone, Debug)]
pub enum Mapped {
    /// It writes.
    Write(Effect),
    /// It needs no effect; the ledger does not hold it.
    Skip(SkipReason),
    /// It cannot be applied.
    Fail(Failure),
}

/// The rows of an event, and the follow-ups it is answered with.
#[derive(Clone, Debug, Default)]
pub struct Effect {
    pub(crate) rows: Vec<(usize, Vec<Value>)>,
    pub(crate) follow_ups: Vec<FollowUp>,
    pub(crate) clamped: bool,
}

impl Effect {
    /// Writes nothing but the ledger.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row for the statement with this index in [`Mapping::statements`].
    #[must_use]
    pub fn row(mut self, statement: usize, columns: Vec<Value>) -> Self {
        self.rows.push((statement, columns));
        self
    }

    /// Adds a follow-up event. It is stored in the ledger, in the same transaction.
    #[must_use]
    pub fn follow_up(mut self, follow_up: FollowUp) -> Self {
        self.follow_ups.push(follow_up);
        self
    }

    /// Says that the event's time was too far in the future and was clamped; it is reported.
    #[must_use]
    pub fn clamped(mut self, clamped: bool) -> Self {
        self.clamped = clamped;
        self
    }
}

impl From<Effect> for Mapped {
    fn from(effect: Effect) -> Self {
        Self::Write(effect)
    }
}
