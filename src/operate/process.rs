//! Memory and processor time of this process, from Linux's `/proc`.

use std::fs;

/// Clock ticks a second in `/proc`: a constant of Linux's interface (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// What this process uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// Resident memory, bytes.
    pub resident_bytes: f64,
    /// User and system time since the start, seconds.
    pub cpu_seconds: f64,
}

/// What this process uses; `None` where there is no `/proc`.
pub(super) fn usage() -> Option<Usage> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    Some(Usage {
        resident_bytes: resident_kib(&status)? * 1024.0,
        cpu_seconds: cpu_ticks(&stat)? / TICKS_PER_SECOND,
    })
}

fn resident_kib(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Fields 14 and 15; counted behind the command's name, which may hold blanks.
fn cpu_ticks(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_a_command_with_blanks_and_brackets() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 1 0 1 1 1";
        assert_eq!(cpu_ticks(stat), Some(300.0));
    }

    #[test]
    fn resident_memory_is_read_in_kib() {
        assert_eq!(
            resident_kib("VmHWM:\t 9000 kB\nVmRSS:\t 5120 kB\n"),
            Some(5120.0)
        );
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(usage().unwrap().resident_bytes > 100_000.0);
    }
}
