//! The tables, and how a time is kept in them.

use jiff::Timestamp;
use redb::TableDefinition;

use super::error::Trouble;

/// Nanoseconds since 1970, as Neo4j keeps a time.
pub(super) type Nanoseconds = i128;
/// Count, first and last time, session of the last.
pub(super) type Edge<'a> = (i64, Nanoseconds, Nanoseconds, Option<&'a str>);
/// Nonce of the attempt that entered it, time of entry, follow-ups as JSON.
pub(super) type Entry<'a> = (i64, Nanoseconds, Option<&'a str>);

/// Applied events by their id.
pub(super) const LEDGER: TableDefinition<&str, Entry<'static>> = TableDefinition::new("ledger");
/// The same by time, so that old ones are found.
pub(super) const LEDGER_AT: TableDefinition<(Nanoseconds, &str), ()> =
    TableDefinition::new("ledger-at");
/// Users by the key of their id; whether they are deleted.
pub(super) const USERS: TableDefinition<&[u8], bool> = TableDefinition::new("users");
/// Products by the key of their id; as `property` encodes them.
pub(super) const PRODUCTS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("products");
/// Relationships by user, kind and product.
pub(super) const EDGES: TableDefinition<(&[u8], u8, &[u8]), Edge<'static>> =
    TableDefinition::new("edges");

pub(super) fn time_out(nanoseconds: Nanoseconds) -> Result<Timestamp, Trouble> {
    Timestamp::from_nanosecond(nanoseconds).map_err(|_| Trouble::Damaged)
}
