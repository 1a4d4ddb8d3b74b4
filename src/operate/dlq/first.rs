//! The first dead letter of a queue.

use super::bench::Workbench;
use super::error::DlqError;
use super::letter::DeadLetter;
use super::looked::Looked;
use super::walk::Walk;

impl Workbench {
    /// The first dead letter of a queue, which is the oldest unless older ones were imported;
    /// `None` where none comes. It alone is handed out, and what had been given back before.
    ///
    /// # Errors
    /// The broker cannot be asked, or has no such queue.
    pub async fn first(&self, dlq: &str) -> Result<Looked<Option<DeadLetter>>, DlqError> {
        let mut walk = Walk::begin_with(self.broker.clone(), dlq, 1).await?;
        let held = walk.next().await?;
        let found = held.map(|held| self.read(dlq, held.delivery.message));
        let walks = vec![walk];
        Ok(Looked { found, walks })
    }
}
