//! CPU time and peak memory of this process, from the kernel's own accounting.

use std::fs;

/// Clock ticks a second of `/proc/self/stat`; fixed at 100 on every Linux architecture.
const TICKS: f64 = 100.0;

/// User and system CPU seconds of this process so far.
pub fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = |nth: usize| {
        after_name
            .split_whitespace()
            .nth(nth)
            .and_then(|n| n.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / TICKS
}

/// Largest resident set of this process so far, MiB.
pub fn peak_rss_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or("0");
    let kib: f64 = line
        .trim()
        .trim_end_matches(" kB")
        .trim()
        .parse()
        .unwrap_or(0.0);
    kib / 1024.0
}
