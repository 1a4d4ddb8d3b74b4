//! What is wrong with a server, for `fanout doctor`. Changes nothing.
//!
//! The questions stand in `store::bolt`; what the answers mean is judged here, purely.

use std::time::Duration;

use fanout_contract::ConfigProblem;
use fanout_contract::diagnosis::{Check, Diagnosis, Severity, Symptom};
use jiff::Timestamp;

use crate::config::Neo4jConfig;
use crate::store::{BoltStore, StoreError};

const UNREACHABLE: Check = Check {
    id: "neo4j-unreachable",
    severity: Severity::Error,
    why: "workers pause and events wait in their queue until it answers",
};
const LOGIN: Check = Check {
    id: "neo4j-login-refused",
    severity: Severity::Error,
    why: "a worker with a wrong login does not start",
};
const VERSION: Check = Check {
    id: "neo4j-version-old",
    severity: Severity::Error,
    why: "the statements need 4.4 or later",
};
const CONSTRAINT: Check = Check {
    id: "neo4j-constraint-missing",
    severity: Severity::Error,
    why: "without it two workers create the same node twice, and every event scans all nodes of \
          its label",
};
const INDEX: Check = Check {
    id: "neo4j-index-missing",
    severity: Severity::Warning,
    why: "pruning the ledger scans it as a whole",
};
const READ_ONLY: Check = Check {
    id: "neo4j-not-writable",
    severity: Severity::Error,
    why: "it answers questions and takes no events: a worker does not start",
};
const LEDGER: Check = Check {
    id: "neo4j-ledger-empty",
    severity: Severity::Error,
    why: "the ledger says which events have had their effect: without it everything that is \
          replayed or delivered again counts a second time",
};
const LOCKS: Check = Check {
    id: "neo4j-lock-timeout",
    severity: Severity::Warning,
    why: "a transaction that waits for a lock longer than the worker waits for it ends with an \
          unknown outcome instead of a clear error",
};
const TRANSACTIONS: Check = Check {
    id: "neo4j-transaction-timeout",
    severity: Severity::Warning,
    why: "a transaction that the worker has given up may go on and hold its locks",
};
const CLOCK: Check = Check {
    id: "neo4j-clock-skew",
    severity: Severity::Warning,
    why: "times that the server stamps and times of events come from two clocks; what is pruned \
          by age is pruned too early or too late",
};

/// Every check of this package.
pub const CHECKS: &[Check] = &[
    UNREACHABLE,
    LOGIN,
    VERSION,
    CONSTRAINT,
    INDEX,
    READ_ONLY,
    LEDGER,
    LOCKS,
    TRANSACTIONS,
    CLOCK,
];

/// Far above what a dozen questions take.
const DEADLINE: Duration = Duration::from_secs(15);
/// Seconds. NTP keeps machines within fractions of one.
const CLOCK_TOLERANCE: u64 = 5;

/// What the server answered. `None` = it was not asked so far.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Constraints and indexes that are missing; with `true` it is a constraint.
    pub(crate) missing: Vec<(&'static str, bool)>,
    pub(crate) writable: Option<Result<(), StoreError>>,
    pub(crate) ledger_lost: Option<bool>,
    /// Name and value of the settings that matter, or why they are not known.
    pub(crate) settings: Option<Result<Vec<(String, String)>, StoreError>>,
    /// Seconds that the server's clock is ahead of ours.
    pub(crate) ahead: Option<i64>,
}

/// Looks at the server of this configuration. Takes at most 15 s. Dropping the future leaves
/// nothing behind.
///
/// # Errors
/// All [`ConfigProblem`]s at once.
pub async fn diagnose(config: &Neo4jConfig) -> Result<Diagnosis, Vec<ConfigProblem>> {
    let store = BoltStore::new(config)?;
    let mut answers = Answers::default();
    let asked = tokio::time::timeout(DEADLINE, store.ask(&mut answers)).await;
    store.give_up();
    let asked = asked.unwrap_or(Err(StoreError::TimedOut));
    Ok(judge(config, &answers, asked))
}

/// What the answers mean; `asked` says whether the questions came to their end.
fn judge(config: &Neo4jConfig, answers: &Answers, asked: Result<(), StoreError>) -> Diagnosis {
    let uri = crate::config::masked(&config.uri);
    let mut diagnosis = Diagnosis::default();
    for (missing, is_constraint) in &answers.missing {
        let check = if *is_constraint { CONSTRAINT } else { INDEX };
        let found = check.found(
            &uri,
            format!("{missing} is missing"),
            "a worker creates it when it starts, where it may",
        );
        diagnosis.add(Symptom {
            prepare_mends: true,
            ..found
        });
    }
    if let Some(Err(error)) = &answers.writable {
        diagnosis.add(READ_ONLY.found(
            &uri,
            format!("a write is refused: {error}"),
            "is it a follower or read-only, or does the user lack the privilege to write?",
        ));
    }
    if answers.ledger_lost == Some(true) {
        diagnosis.add(LEDGER.found(
            &uri,
            "there are users, and no AppliedEvent",
            "restore the ledger from the same backup as the graph; replay nothing older than that",
        ));
    }
    timeouts(config, &uri, answers, &mut diagnosis);
    if let Some(ahead) = answers.ahead {
        clock(&uri, ahead, &mut diagnosis);
    }
    if let Err(error) = asked {
        diagnosis.add(unanswered(&uri, &error));
    }
    diagnosis
}

fn unanswered(uri: &str, error: &StoreError) -> Symptom {
    match error {
        StoreError::Version(_) => VERSION.found(uri, error.to_string(), "upgrade Neo4j"),
        StoreError::Login | StoreError::LoginLimited => LOGIN.found(
            uri,
            error.to_string(),
            "check NEO4J_USER and NEO4J_PASSWORD",
        ),
        _ => UNREACHABLE.found(
            uri,
            error.to_string(),
            "is Neo4j running there? NEO4J_URI says where to connect, with Bolt's port, 7687",
        ),
    }
}

/// Seconds that a clock is ahead, which was read between two looks at ours.
pub(crate) fn ahead(theirs: Timestamp, before: Timestamp, after: Timestamp) -> i64 {
    theirs.as_second() - theirs.clamp(before, after).as_second()
}

fn clock(uri: &str, ahead: i64, diagnosis: &mut Diagnosis) {
    if ahead.unsigned_abs() > CLOCK_TOLERANCE {
        let side = if ahead > 0 { "ahead of" } else { "behind" };
        diagnosis.add(CLOCK.found(
            uri,
            format!(
                "the server's clock is {} s {side} the one of this machine",
                ahead.unsigned_abs()
            ),
            "let both machines take their time from the same source (NTP)",
        ));
    }
}

fn timeouts(config: &Neo4jConfig, uri: &str, answers: &Answers, diagnosis: &mut Diagnosis) {
    let settings = match &answers.settings {
        None => return,
        Some(Err(error)) => {
            diagnosis.not_checked(
                format!("Neo4j's lock and transaction timeouts: {error}"),
                "give the user the privilege SHOW SETTING, or look into neo4j.conf",
            );
            return;
        }
        Some(Ok(settings)) => settings,
    };
    let ours = config.query_timeout;
    for (end, check) in [
        ("lock.acquisition.timeout", LOCKS),
        ("transaction.timeout", TRANSACTIONS),
    ] {
        let setting = settings.iter().find(|(name, _)| name.ends_with(end));
        let Some((name, text)) = setting else {
            diagnosis.not_checked(
                format!("Neo4j's setting {end}: the server does not show it"),
                "look into neo4j.conf",
            );
            continue;
        };
        let theirs = duration(text);
        let what = match theirs {
            Some(Duration::ZERO) => format!("{name} is not set: there is no limit"),
            Some(theirs) if theirs >= ours => format!(
                "{name} is {text}, not below neo4j.query_timeout, which is {} s",
                ours.as_secs()
            ),
            Some(_) => continue,
            None => {
                diagnosis.not_checked(
                    format!("Neo4j's setting {name}: '{text}' cannot be read"),
                    "compare it with neo4j.query_timeout",
                );
                continue;
            }
        };
        let below = (ours / 5 * 4).as_secs().max(1);
        diagnosis.add(check.found(uri, what, format!("set {name}={below}s in neo4j.conf")));
    }
}

/// A duration of Neo4j: `1m30s`, `500ms`, `0s`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(letters)?;
        let number: u64 = number.parse().ok()?;
        total += match unit {
            "ns" => Duration::from_nanos(number),
            "μs" | "us" => Duration::from_micros(number),
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "h" => Duration::from_secs(number.checked_mul(60 * 60)?),
            "d" => Duration::from_secs(number.checked_mul(24 * 60 * 60)?),
            _ => return None,
        };
        rest = tail;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(answers: &Answers, asked: Result<(), StoreError>) -> Vec<&'static str> {
        let diagnosis = judge(&Neo4jConfig::default(), answers, asked);
        diagnosis.symptoms.iter().map(|s| s.check.id).collect()
    }

    fn healthy() -> Answers {
        let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Answers {
            missing: Vec::new(),
            writable: Some(Ok(())),
            ledger_lost: Some(false),
            settings: Some(Ok(vec![
                setting("db.lock.acquisition.timeout", "10s"),
                setting("db.transaction.timeout", "20s"),
            ])),
            ahead: Some(5),
        }
    }

    #[test]
    fn a_healthy_server_has_no_symptoms() {
        assert_eq!(ids(&healthy(), Ok(())), Vec::<&str>::new());
    }

    #[test]
    fn everything_that_can_be_wrong_is_found() {
        let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let answers = Answers {
            missing: vec![("the constraint", true), ("the index", false)],
            writable: Some(Err(StoreError::Server("Neo.Refused".to_owned()))),
            ledger_lost: Some(true),
            settings: Some(Ok(vec![
                setting("db.lock.acquisition.timeout", "0s"),
                setting("db.transaction.timeout", "1m"),
            ])),
            ahead: Some(-100),
        };
        assert_eq!(
            ids(&answers, Err(StoreError::TimedOut)),
            [
                "neo4j-constraint-missing",
                "neo4j-index-missing",
                "neo4j-not-writable",
                "neo4j-ledger-empty",
                "neo4j-lock-timeout",
                "neo4j-transaction-timeout",
                "neo4j-clock-skew",
                "neo4j-unreachable",
            ]
        );
    }

    #[test]
    fn a_refused_login_and_an_old_version_have_names_of_their_own() {
        let none = Answers::default();
        assert_eq!(ids(&none, Err(StoreError::Login)), ["neo4j-login-refused"]);
        let old = StoreError::Version("4.3".to_owned());
        assert_eq!(ids(&none, Err(old)), ["neo4j-version-old"]);
    }

    #[test]
    fn settings_that_are_not_shown_are_told_of() {
        let answers = Answers {
            settings: Some(Err(StoreError::Server("Neo.Forbidden".to_owned()))),
            ..healthy()
        };
        let diagnosis = judge(&Neo4jConfig::default(), &answers, Ok(()));
        assert_eq!(diagnosis.not_checked.len(), 1);
    }

    #[test]
    fn a_clock_agrees_with_ours_while_the_answer_was_on_its_way() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let read = [5, 10, 15, 20, 27].map(|theirs| ahead(at(theirs), at(10), at(20)));
        assert_eq!(read, [-5, 0, 0, 0, 7]);
    }

    #[test]
    fn durations_are_read_as_neo4j_writes_them() {
        for (text, seconds) in [("0s", 0.0), ("1m30s", 90.0), ("500ms", 0.5), ("2h", 7200.0)] {
            let read = duration(text).map(|duration| duration.as_secs_f64());
            assert_eq!(read, Some(seconds), "{text}");
        }
        for text in ["10", "soon", "5 s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn every_id_begins_with_the_name_of_the_database() {
        assert!(CHECKS.iter().all(|check| check.id.starts_with("neo4j-")));
    }
}
