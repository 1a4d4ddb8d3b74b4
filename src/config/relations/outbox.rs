//! The outbox: names that PostgreSQL takes unquoted, an exchange that exists, TLS that is used.

use super::super::form::did_you_mean;
use super::super::load::Report;
use super::super::raw::quoted;
use super::super::{Config, TlsConfig};

/// PostgreSQL cuts names at 63 bytes; the longest one made from the table's is
/// `{table}_published`.
const LONGEST_NAME: usize = 48;

pub(super) fn check(config: &Config, report: &mut Report) {
    let outbox = &config.outbox;
    for (key, name) in [
        ("outbox.schema", &outbox.schema),
        ("outbox.table", &outbox.table),
    ] {
        if !is_plain(name) {
            report.relate(
                &[key],
                quoted(name),
                format!(
                    "must be a name of lower-case letters, digits and _, not starting with a \
                     digit, of at most {LONGEST_NAME}"
                ),
                "a name that needs no quotes in SQL",
            );
        }
    }
    exchange(config, report);
    if outbox.tls != TlsConfig::default()
        && outbox
            .url
            .as_ref()
            .is_some_and(|url| url.expose().contains("sslmode=disable"))
    {
        report.relate(
            &["outbox.url", "outbox.tls"],
            "***",
            "must not say sslmode=disable where outbox.tls is set",
            "without it the connection would not be encrypted as configured",
        );
    }
}

fn exchange(config: &Config, report: &mut Report) {
    let Some(name) = &config.outbox.exchange else {
        return;
    };
    let known: Vec<&str> = config.exchanges.iter().map(|e| e.name.as_str()).collect();
    if !known.contains(&name.as_str()) {
        let hint = did_you_mean(name, &known).unwrap_or_else(|| {
            let known = known.join(", ");
            format!("add it under [[exchanges]]; configured: {known}")
        });
        report.relate(
            &["outbox.exchange", "exchanges"],
            quoted(name),
            "must be a configured exchange",
            hint,
        );
    }
}

fn is_plain(name: &str) -> bool {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name.bytes().all(letters)
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_need_no_quotes_are_taken() {
        for good in ["fanout_outbox", "_x", "a1", &"a".repeat(48)] {
            assert!(is_plain(good), "{good}");
        }
        for bad in [
            "",
            "1a",
            "Outbox",
            "a-b",
            "a.b",
            "a\"b",
            "a b",
            "ü",
            &"a".repeat(49),
        ] {
            assert!(!is_plain(bad), "{bad}");
        }
    }
}
