//! Takes rows, marks them, sets them aside, counts them, deletes them after a while.

use std::time::Duration;

use futures::try_join;
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};
use uuid::Uuid;

use super::error::OutboxError;
use super::message::Refusal;
use super::session::Session;
use super::slots::SLOTS;
use super::table::Table;
use crate::config::OutboxConfig;
use crate::topology::names::headers as names;

/// Bytes of payloads taken at once; a single larger one is taken alone.
const BUDGET: i64 = 64 << 20;
/// Rows are counted up to here: a count reads every one.
const COUNTED: u64 = 100_000;
/// Rows deleted by one statement.
const PIECE: u64 = 1000;
/// Longest text of an error that is kept with a row.
const LONGEST_ERROR: usize = 1000;

/// Conditions of the partial index of waiting rows.
const WAITS: &str = "published_at IS NULL AND refused_at IS NULL";

/// A row that waits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) position: i64,
    pub(super) id: Uuid,
    pub(super) aggregate: String,
    pub(super) kind: Option<String>,
    pub(super) routing_key: Option<String>,
    /// JSON text; `None` where it is larger than asked for.
    pub(super) payload: Option<String>,
    /// Size of the payload.
    pub(super) bytes: usize,
    /// JSON text of an object.
    pub(super) headers: String,
    pub(super) created_at: Timestamp,
}

impl Row {
    /// The trace context among its headers.
    pub(super) fn trace_parent(&self) -> Option<String> {
        let headers: serde_json::Value = serde_json::from_str(&self.headers).ok()?;
        Some(headers.get(names::TRACEPARENT)?.as_str()?.to_owned())
    }
}

/// What the table holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Backlog {
    pub(super) waiting: u64,
    pub(super) oldest: Duration,
    pub(super) set_aside: u64,
}

/// The statements of a session.
pub(super) struct Statements {
    take: Statement,
    mark: Statement,
    set_aside: Statement,
    any: Statement,
    count: Statement,
    clean: Statement,
}

impl Statements {
    /// # Errors
    /// What the server says; a table or column that does not exist shows here.
    pub(super) async fn prepare(
        client: &Client,
        table: &Table,
        config: &OutboxConfig,
    ) -> Result<Self, Error> {
        let table = table.quoted();
        let (take, count) = (take(&table, config.batch), count(&table));
        let mark = match config.keep.is_zero() {
            true => format!("DELETE FROM {table} WHERE position = ANY($1) AND {WAITS}"),
            false => format!(
                "UPDATE {table} SET published_at = clock_timestamp() \
                 WHERE position = ANY($1) AND {WAITS}"
            ),
        };
        let set_aside = format!(
            "UPDATE {table} SET refused_at = clock_timestamp(), reason = $2, error = $3 \
             WHERE position = $1 AND {WAITS}"
        );
        let any = format!("SELECT EXISTS (SELECT FROM {table} WHERE {WAITS})");
        let clean = format!(
            "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} \
             WHERE published_at < clock_timestamp() - make_interval(secs => $1) \
             ORDER BY published_at LIMIT {PIECE} FOR UPDATE SKIP LOCKED)"
        );
        let (take, mark, set_aside, any, count, clean) = try_join!(
            client.prepare(&take),
            client.prepare(&mark),
            client.prepare(&set_aside),
            client.prepare(&any),
            client.prepare(&count),
            client.prepare(&clean),
        )?;
        Ok(Self {
            take,
            mark,
            set_aside,
            any,
            count,
            clean,
        })
    }
}

/// The first rows of the slots in `$1`, as many as fit into `$2` bytes; without the payloads
/// above `$3` bytes. In the order of the index, so that no more is read than is taken.
fn take(table: &str, batch: usize) -> String {
    let mask = SLOTS - 1;
    format!(
        "WITH first AS MATERIALIZED ( \
           SELECT position, id, aggregate, kind, routing_key, payload::text AS payload, \
                  headers, created_at \
           FROM {table} WHERE {WAITS} AND (hashtextextended(aggregate, 0) & {mask})::int4 = ANY($1) \
           ORDER BY position LIMIT {batch} \
         ), measured AS ( \
           SELECT *, octet_length(payload)::int8 AS bytes, \
                  sum(octet_length(payload)) OVER (ORDER BY position) AS so_far FROM first \
         ) \
         SELECT position, id::text, aggregate, kind, routing_key, \
                CASE WHEN bytes <= $3::int8 THEN payload END, bytes, headers::text, \
                (extract(epoch FROM created_at) * 1000000)::int8 \
         FROM measured WHERE so_far <= $2::int8 OR so_far = bytes ORDER BY position"
    )
}

fn count(table: &str) -> String {
    format!(
        "SELECT count(*), \
                coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8, \
                (SELECT count(*) FROM \
                   (SELECT FROM {table} WHERE refused_at IS NOT NULL LIMIT {COUNTED}) r) \
         FROM (SELECT created_at FROM {table} WHERE {WAITS} ORDER BY position LIMIT {COUNTED}) w"
    )
}

impl Session {
    /// The first rows that wait in these slots, by position. Payloads above `limit` bytes are
    /// left where they are.
    pub(super) async fn take(&self, slots: &[i32], limit: usize) -> Result<Vec<Row>, OutboxError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let parameters: [&(dyn ToSql + Sync); 3] = [&slots, &BUDGET, &limit];
        let take = self.client.query(&self.statements.take, &parameters);
        let rows = self.call(take).await?;
        rows.iter().map(row).collect()
    }

    /// Notes that these rows are with the broker.
    pub(super) async fn mark(&self, positions: &[i64]) -> Result<(), OutboxError> {
        if !positions.is_empty() {
            let parameters: [&(dyn ToSql + Sync); 1] = [&positions];
            let mark = self.client.execute(&self.statements.mark, &parameters);
            self.call(mark).await?;
        }
        Ok(())
    }

    /// Keeps a row from being tried again, with the reason.
    pub(super) async fn set_aside(
        &self,
        position: i64,
        refusal: &Refusal,
    ) -> Result<(), OutboxError> {
        // PostgreSQL's texts hold no zero byte.
        let reason: String = refusal.reason.replace('\0', "");
        let reason: String = reason.chars().take(LONGEST_ERROR).collect();
        let parameters: [&(dyn ToSql + Sync); 3] = [&position, &refusal.code, &reason];
        let aside = self.client.execute(&self.statements.set_aside, &parameters);
        self.call(aside).await.map(drop)
    }

    /// Whether a row waits, whoever's it is.
    pub(super) async fn any_waits(&self) -> Result<bool, OutboxError> {
        let any = self.client.query_one(&self.statements.any, &[]);
        Ok(self.call(any).await?.try_get(0)?)
    }

    /// What the table holds.
    pub(super) async fn count(&self) -> Result<Backlog, OutboxError> {
        let count = self.client.query_one(&self.statements.count, &[]);
        let row = self.call(count).await?;
        let whole = |index| {
            row.try_get::<_, i64>(index)
                .map(|n| u64::try_from(n).unwrap_or(0))
        };
        Ok(Backlog {
            waiting: whole(0)?,
            oldest: Duration::try_from_secs_f64(row.try_get(1)?).unwrap_or_default(),
            set_aside: whole(2)?,
        })
    }

    /// Deletes a piece of what was published longer ago, and says whether there may be more.
    pub(super) async fn clean(&self, keep: Duration) -> Result<bool, OutboxError> {
        let seconds = keep.as_secs_f64();
        let parameters: [&(dyn ToSql + Sync); 1] = [&seconds];
        let clean = self.client.execute(&self.statements.clean, &parameters);
        Ok(self.call(clean).await? >= PIECE)
    }
}

fn row(row: &tokio_postgres::Row) -> Result<Row, OutboxError> {
    let id: &str = row.try_get(1)?;
    let odd = |what: &str| OutboxError::Statement(format!("row {id} has an odd {what}"));
    Ok(Row {
        position: row.try_get(0)?,
        id: id.parse().map_err(|_| odd("id"))?,
        aggregate: row.try_get(2)?,
        kind: row.try_get(3)?,
        routing_key: row.try_get(4)?,
        payload: row.try_get(5)?,
        bytes: usize::try_from(row.try_get::<_, i64>(6)?).unwrap_or(usize::MAX),
        headers: row.try_get(7)?,
        created_at: Timestamp::from_microsecond(row.try_get(8)?).map_err(|_| odd("created_at"))?,
    })
}
