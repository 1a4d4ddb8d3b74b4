//! Keeps a bad deploy from setting aside everything there is.

use std::time::Duration;

use fanout_contract::ReasonCode;

use crate::config::FloodGuardConfig;
use crate::recovery::FloodGuard;

/// Looks at what becomes of rows. Once most of the last ones cannot be published for one
/// reason it trips; then single rows show whether that is over.
#[derive(Debug)]
pub(super) struct Flood {
    config: FloodGuardConfig,
    guard: FloodGuard,
    tripped: Option<&'static str>,
}

impl Flood {
    pub(super) fn new(config: FloodGuardConfig) -> Self {
        Self {
            guard: FloodGuard::new(config.clone()),
            config,
            tripped: None,
        }
    }

    /// The reason, while rows are tried one by one.
    pub(super) fn tripped(&self) -> Option<&'static str> {
        self.tripped
    }

    /// Wait before each single row.
    pub(super) fn pause(&self) -> Duration {
        self.config.pause
    }

    /// A row was published: whatever it was is over.
    pub(super) fn published(&mut self) {
        if self.tripped.take().is_some() {
            self.guard = FloodGuard::new(self.config.clone());
        }
        self.guard.observe(None);
    }

    /// Whether a row that cannot be published may be set aside for this reason.
    pub(super) fn may_set_aside(&mut self, code: &'static str) -> bool {
        if self.tripped.is_none() {
            self.guard.observe(Some(ReasonCode::new(code)));
            self.tripped = self.guard.flooding().map(ReasonCode::as_str);
        }
        self.tripped.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tripped() -> Flood {
        let mut flood = Flood::new(FloodGuardConfig::default());
        let aside = (0..1000)
            .filter(|_| flood.may_set_aside("missing-kind"))
            .count();
        assert_eq!(aside, 999);
        assert_eq!(flood.tripped(), Some("missing-kind"));
        flood
    }

    #[test]
    fn a_thousand_rows_refused_for_one_reason_trip_it_and_none_more_is_set_aside() {
        let mut flood = tripped();
        assert!(!flood.may_set_aside("missing-kind"));
        assert!(!flood.may_set_aside("publish-too-large"));
    }

    #[test]
    fn a_row_that_is_published_clears_it() {
        let mut flood = tripped();
        flood.published();
        assert_eq!(flood.tripped(), None);
        assert!(flood.may_set_aside("missing-kind"));
    }

    #[test]
    fn switched_off_it_never_trips() {
        let mut flood = Flood::new(FloodGuardConfig {
            enabled: false,
            ..FloodGuardConfig::default()
        });
        assert!((0..5000).all(|_| flood.may_set_aside("missing-kind")));
    }
}
