//! The flags of the command line.

use super::super::form::did_you_mean;
use super::super::raw::{Raw, quoted};
use super::super::schema::{QUEUE, settings};
use super::super::{Config, Origin, Problem};
use super::entries::quoted_key;
use super::{Overrides, Report};

/// Writes the flags over the configuration; returns the key of the queue they name.
pub(super) fn apply(
    config: &mut Config,
    report: &mut Report,
    overrides: &Overrides,
) -> Option<String> {
    for (key, flag, text) in plain(overrides) {
        if let (Some(field), Some(text)) = (settings().find(|f| f.key == key), text) {
            report.assign(field, config, key, &Raw::Loose(text), Origin::Flag(flag));
        }
    }
    let queue = overrides
        .queue
        .as_deref()
        .and_then(|name| find_queue(config, report, name));
    if let Some(prefetch) = overrides.prefetch {
        let raw = Raw::Loose(prefetch.to_string());
        for (key, config) in &mut config.queues {
            if queue.as_ref().is_none_or(|queue| queue == key) {
                for field in QUEUE.iter().filter(|field| field.key == "prefetch") {
                    let key = format!("queues.{}.prefetch", quoted_key(key));
                    report.assign(field, config, &key, &raw, Origin::Flag("--prefetch"));
                }
            }
        }
    }
    queue
}

type Plain = (&'static str, &'static str, Option<String>);

fn plain(overrides: &Overrides) -> [Plain; 5] {
    let format = overrides
        .log_format
        .map(|format| format.as_str().to_owned());
    let dir = overrides.log_dir.as_ref();
    [
        (
            "worker.lanes",
            "--workers",
            overrides.workers.map(|n| n.to_string()),
        ),
        ("log.format", "--log-format", format),
        (
            "log.dir",
            "--log-dir",
            dir.map(|dir| dir.to_string_lossy().into_owned()),
        ),
        ("log.filter", "--log", overrides.log_filter.clone()),
        (
            "http.addr",
            "--http-addr",
            overrides.http_addr.map(|a| a.to_string()),
        ),
    ]
}

/// A key wins over another queue's name.
fn find_queue(config: &Config, report: &mut Report, name: &str) -> Option<String> {
    let by_name = || config.queues.iter().find(|(_, queue)| queue.name == name);
    let found = match config.queues.get_key_value(name) {
        Some((key, _)) => Some(key.clone()),
        None => by_name().map(|(key, _)| key.clone()),
    };
    if found.is_none() && report.trusts(&["queues"]) {
        let names: Vec<&str> = config
            .queues
            .iter()
            .flat_map(|(key, queue)| [key.as_str(), queue.name.as_str()])
            .collect();
        let known = format!("known: {}", names.join(", "));
        let hint = match did_you_mean(name, &names) {
            Some(near) => format!("{near}; {known}"),
            None => known,
        };
        let rule = "must be the key of a configured queue or its name at the broker";
        report.problems.push(
            Problem::new("--queue", Origin::Flag("--queue"), rule)
                .value(quoted(name))
                .hint(hint),
        );
    }
    found
}
