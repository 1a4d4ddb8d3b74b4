//! Questions about a server, for `diagnose`. Nothing is created, nothing stays written.

use jiff::Timestamp;

use super::super::{Record, StoreError, one};
use super::BoltStore;
use super::prepare::{self, run};
use crate::diagnose::{self, Answers};

/// Before 5.0 there is only the procedure.
const SETTINGS: [&str; 2] = [
    "SHOW SETTINGS YIELD name, value \
     WHERE name IN ['db.lock.acquisition.timeout', 'db.transaction.timeout'] RETURN name, value",
    "CALL dbms.listConfig() YIELD name, value \
     WHERE name IN ['dbms.lock.acquisition.timeout', 'dbms.transaction.timeout'] \
     RETURN name, value",
];

impl BoltStore {
    /// Asks everything; what was answered before an error stays in `answers`.
    pub(crate) async fn ask(&self, answers: &mut Answers) -> Result<(), StoreError> {
        prepare::verify_version(self).await?;
        let before = Timestamp::now();
        let mut now = one(run(self, "RETURN timestamp() AS now").await?)?;
        let theirs = Timestamp::from_millisecond(now.int("now")?);
        let theirs = theirs.map_err(|_| StoreError::Answer("a time is out of range"))?;
        answers.ahead = Some(diagnose::ahead(theirs, before, Timestamp::now()));
        for need in prepare::NEEDS {
            if !prepare::present(self, &need).await? {
                answers.missing.push((need.missing, need.unique));
            }
        }
        answers.ledger_lost = Some(prepare::ledger_is_lost(self).await?);
        answers.settings = Some(settings(self).await);
        answers.writable = Some(prepare::probe_write(self).await);
        Ok(())
    }

    /// Closes its connections.
    pub(crate) fn give_up(&self) {
        self.connections.close();
    }
}

async fn settings(store: &BoltStore) -> Result<Vec<(String, String)>, StoreError> {
    let [show, list] = SETTINGS;
    let rows = match run(store, show).await {
        Ok(rows) => rows,
        Err(_) => run(store, list).await?,
    };
    let read = |mut row: Record| Some((row.text("name")?, row.text("value")?));
    Ok(rows.into_iter().filter_map(read).collect())
}
