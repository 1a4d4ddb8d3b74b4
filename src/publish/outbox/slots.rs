//! Whose aggregates are whose: 64 slots, shared out among the relays of a table.
//!
//! An aggregate belongs to the slot of its hash, a slot to the relay that holds its
//! session-level advisory lock. Relays count each other by a lock that all of them share.
//!
//! Invariant: a slot is let go only between batches, when everything taken is marked.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::types::ToSql;

use super::error::OutboxError;
use super::session::Session;

/// A power of two, well above any number of relays.
pub const SLOTS: usize = 64;

/// The lock that every relay shares.
const MEMBER: i32 = 64;
/// How often the shares are looked at.
const BALANCE_EVERY: Duration = Duration::from_secs(1);
/// The same by a relay that has nothing to do.
const ASK_EVERY: Duration = Duration::from_millis(200);

const MEMBERS: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
     AND classid = $1::oid AND objid = $2::oid AND objsubid = 2";

/// The slots of one session.
pub(super) struct Slots<'s> {
    session: &'s Session,
    /// First key of all locks of this table.
    class: i32,
    held: Vec<i32>,
    balanced: Option<Instant>,
    members: usize,
}

impl<'s> Slots<'s> {
    /// Joins the relays of the table with this name; holds nothing yet.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub(super) async fn join(session: &'s Session, name: &str) -> Result<Self, OutboxError> {
        let sql = "SELECT hashtext($1) & 2147483647";
        let class = session
            .call(session.client.query_one(sql, &[&name]))
            .await?;
        let class = class.try_get(0)?;
        let sql = "SELECT pg_advisory_lock_shared($1, $2)";
        let parameters: [&(dyn ToSql + Sync); 2] = [&class, &MEMBER];
        session
            .call(session.client.query_one(sql, &parameters))
            .await?;
        Ok(Self {
            session,
            class,
            held: Vec::new(),
            balanced: None,
            members: 1,
        })
    }

    /// The slots that are ours.
    pub(super) fn held(&self) -> &[i32] {
        &self.held
    }

    /// Relays of this table, this one included, when last looked at.
    pub(super) fn members(&self) -> usize {
        self.members
    }

    /// Takes what is free and lets go what is more than a fair share, now and then. Says
    /// whether there are new ones.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub(super) async fn balance(&mut self) -> Result<bool, OutboxError> {
        let wait = if self.held.is_empty() {
            ASK_EVERY
        } else {
            BALANCE_EVERY
        };
        if self.balanced.is_some_and(|at| at.elapsed() < wait) {
            return Ok(false);
        }
        self.members = self.count().await?;
        let share = share(self.members);
        let before = self.held.len();
        if before > share {
            let surplus = self.held.split_off(share);
            self.let_go(&surplus).await?;
        } else if before < share {
            let taken = self.try_take(share - before).await?;
            self.held.extend(taken);
        }
        self.balanced = Some(Instant::now());
        Ok(self.held.len() > before)
    }

    /// Lets go of everything: another relay need not wait for the end of the session.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub(super) async fn leave(self) -> Result<(), OutboxError> {
        let sql = "SELECT pg_advisory_unlock_all()";
        let all = self.session.client.execute(sql, &[]);
        self.session.call(all).await.map(drop)
    }

    async fn count(&self) -> Result<usize, OutboxError> {
        let [class, member] = [self.class, MEMBER].map(|key| u32::try_from(key).unwrap_or(0));
        let parameters: [&(dyn ToSql + Sync); 2] = [&class, &member];
        let count = self.session.client.query_one(MEMBERS, &parameters);
        let count: i64 = self.session.call(count).await?.try_get(0)?;
        Ok(usize::try_from(count).unwrap_or(1).max(1))
    }

    async fn try_take(&self, wanted: usize) -> Result<Vec<i32>, OutboxError> {
        let mut free: Vec<i32> = (0..MEMBER)
            .filter(|slot| !self.held.contains(slot))
            .collect();
        // Relays that ask at the same time start at different ends.
        fastrand::shuffle(&mut free);
        let sql = "SELECT slot FROM unnest($2::int4[]) AS slot \
                   WHERE pg_try_advisory_lock($1, slot) LIMIT $3";
        let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
        let parameters: [&(dyn ToSql + Sync); 3] = [&self.class, &free, &wanted];
        let rows = self.session.client.query(sql, &parameters);
        let rows = self.session.call(rows).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn let_go(&self, slots: &[i32]) -> Result<(), OutboxError> {
        let sql = "SELECT pg_advisory_unlock($1, slot) FROM unnest($2::int4[]) AS slot";
        let parameters: [&(dyn ToSql + Sync); 2] = [&self.class, &slots];
        let unlock = self.session.client.query(sql, &parameters);
        self.session.call(unlock).await.map(drop)
    }
}

/// Slots of each of so many relays. Rounded up: what is left over belongs to the first.
fn share(members: usize) -> usize {
    SLOTS.div_ceil(members.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_cover_all_slots_whatever_the_number_of_relays() {
        for members in 1..=100 {
            assert!(share(members) * members >= SLOTS, "{members}");
        }
        assert_eq!((share(0), share(1), share(2), share(3)), (64, 64, 32, 22));
    }

    #[test]
    fn the_member_lock_is_no_slot() {
        assert_eq!(usize::try_from(MEMBER).unwrap(), SLOTS);
    }
}
