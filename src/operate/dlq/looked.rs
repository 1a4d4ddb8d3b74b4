//! What a look has found, before the queue has everything back.

use super::error::DlqError;
use super::walk::Walk;

/// What was found. The messages read go back with [`Looked::give_back`], in their order, which
/// may take longer than finding: answer first. Dropping it gives them back as well, in another
/// order where they had been looked at before.
pub struct Looked<T> {
    /// What was found.
    pub found: T,
    pub(super) walks: Vec<Walk>,
}

impl<T: std::fmt::Debug> std::fmt::Debug for Looked<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Looked")
            .field("found", &self.found)
            .finish_non_exhaustive()
    }
}

impl<T> From<T> for Looked<T> {
    /// Where nothing is left to be given back.
    fn from(found: T) -> Self {
        let walks = Vec::new();
        Self { found, walks }
    }
}

impl<T> Looked<T> {
    /// What was found, and what is to be given back.
    pub fn apart(self) -> (T, Looked<()>) {
        let walks = self.walks;
        (self.found, Looked { found: (), walks })
    }

    /// Gives back everything that was read, and keeps what was found.
    ///
    /// # Errors
    /// The broker was lost; it then has everything back by itself.
    pub async fn give_back(self) -> Result<T, DlqError> {
        let mut given = Ok(());
        for walk in self.walks {
            given = given.and(walk.close().await);
        }
        given.map(|()| self.found)
    }
}
