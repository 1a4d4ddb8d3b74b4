//! A page of dead letters.

use serde::Serialize;

use super::letter::DeadLetter;

/// Which part of what matches is shown, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Matching dead letters left out before it.
    pub offset: u64,
    /// Dead letters shown at most.
    pub limit: usize,
}

/// A page of dead letters, without their bodies.
#[derive(Debug, Default, Serialize)]
pub struct Listing {
    /// Dead letters ready in the queues looked into.
    pub ready: u64,
    /// Dead letters read to find these.
    pub looked_at: u64,
    /// There may be more behind this page.
    pub more: bool,
    /// Somebody else held some of them, so that they could not be read.
    pub incomplete: bool,
    /// The page.
    #[serde(skip)]
    pub letters: Vec<DeadLetter>,
}
