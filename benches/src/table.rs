//! The table that a run prints.

use comfy_table::{CellAlignment, Table, presets};

/// One line.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is compared.
    pub comparison: String,
    /// The side.
    pub side: String,
    /// Events a second.
    pub rate: f64,
    /// Rate against the first side.
    pub ratio: f64,
    /// CPU seconds of the process for 100,000 events.
    pub cpu_per_100k: f64,
    /// Peak resident set, MiB.
    pub rss_mib: f64,
    /// Mean batch.
    pub events_per_call: f64,
    /// 99th percentile of end-to-end latency.
    pub p99_ms: f64,
    /// Rate over the last tenth against the second.
    pub last_tenth: f64,
}

/// As Markdown.
pub fn render(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header([
        "comparison",
        "side",
        "events/s",
        "ratio",
        "CPU s / 100k",
        "RSS MiB",
        "events / call",
        "p99 ms",
        "last tenth / second",
    ]);
    for row in rows {
        table.add_row([
            row.comparison.clone(),
            row.side.clone(),
            number(row.rate, 0),
            number(row.ratio, 2),
            number(row.cpu_per_100k, 2),
            number(row.rss_mib, 0),
            number(row.events_per_call, 0),
            number(row.p99_ms, 0),
            number(row.last_tenth, 2),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

fn number(value: f64, digits: usize) -> String {
    if value.is_finite() {
        format!("{value:.digits$}")
    } else {
        String::new()
    }
}
