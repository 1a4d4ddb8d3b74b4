//! What a replay shall do.

use std::num::NonZeroU32;

use super::canary::Canary;
use super::filter::Filter;

/// What a replay shall do.
#[derive(Clone, Debug, Default)]
pub struct ReplayPlan {
    /// Which dead letters; those of [`ReplayPlan::all`] need no condition.
    pub filter: Filter,
    /// Every dead letter is meant, where the filter has no condition.
    pub all: bool,
    /// So many at most.
    pub limit: Option<u64>,
    /// So many a second at most.
    pub rate: Option<NonZeroU32>,
    /// Only count what would be done.
    pub dry_run: bool,
    /// Replay what is known to be applied already, too.
    pub force: bool,
    /// Another queue than that of origin (a redirect).
    pub to: Option<String>,
    /// In growing steps, with a stop when some come back.
    pub canary: Option<Canary>,
}
