//! What a measured process reports.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::usage;

/// One measurement of one process.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    /// Events that came to their end.
    pub events: usize,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// CPU seconds of the process, start-up included.
    pub cpu_seconds: f64,
    /// Largest resident set, MiB.
    pub rss_mib: f64,
    /// When the last event ended, seconds since the epoch.
    pub ended_at: f64,
    /// Calls of the processor, where it was counted.
    #[serde(default)]
    pub calls: usize,
    /// Events a second over each tenth of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenths: Vec<f64>,
    /// p50, p95, p99 and maximum in milliseconds, where latency was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latency_ms: Vec<f64>,
}

impl Measured {
    /// `events` done since `started`.
    pub fn since(started: Instant, events: usize) -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            events,
            seconds: started.elapsed().as_secs_f64(),
            cpu_seconds: usage::cpu_seconds(),
            rss_mib: usage::peak_rss_mib(),
            ended_at: now.as_secs_f64(),
            ..Self::default()
        }
    }

    /// Events a second.
    #[allow(
        clippy::cast_precision_loss,
        reason = "event counts are far below 2^52"
    )]
    pub fn rate(&self) -> f64 {
        self.events as f64 / self.seconds
    }

    /// CPU seconds for 100,000 events.
    #[allow(
        clippy::cast_precision_loss,
        reason = "event counts are far below 2^52"
    )]
    pub fn cpu_per_100k(&self) -> f64 {
        self.cpu_seconds * 100_000.0 / self.events as f64
    }
}

/// The middle one; the lower of two.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values
        .get(values.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(f64::NAN)
}

/// p50, p95, p99 and maximum; empty for none.
pub fn percentiles(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let at = |percent: usize| values.get(last * percent / 100).copied();
    [50, 95, 99, 100].into_iter().filter_map(at).collect()
}
