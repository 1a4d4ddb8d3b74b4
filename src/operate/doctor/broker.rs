//! The server: does it answer, is it new enough, does its clock agree.

use super::Severity;
use super::case::{Case, Notes};
use super::facts::{FeatureFlag, Management, ManagementFacts};
use super::finding::{Area, checks};
use crate::broker::BrokerError;

checks! { Broker:
    UNREACHABLE = "broker-unreachable", Error,
        "nothing is consumed, and what is published waits in the spool of its publisher";
    REFUSED = "broker-access-refused", Error,
        "a refused login is not tried again: workers that need the broker end with exit code 4";
    MANAGEMENT = "management-unreachable", Warning,
        "most checks and all rates come from the management API";
    VERSION = "broker-version-old", Warning,
        "at-least-once dead-lettering needs RabbitMQ 3.10, and versions before 3.13 get no fixes any more; quorum queues know priorities from 4.0 on";
    FLAG = "feature-flag-disabled", Error,
        "quorum queues and at-least-once dead-lettering do not work without it";
    PENDING = "feature-flags-pending", Notice,
        "the next upgrade of the broker does not start before they are enabled";
    CLOCK = "broker-clock-skew", Warning,
        "ages and expiry are judged by two clocks: events look older or younger than they are";
}

/// Without these the topology does not work; broker versions that always have them list none.
const NEEDED_FLAGS: [&str; 2] = ["quorum_queue", "stream_queue"];
/// Seconds. NTP keeps machines within fractions of one; `Date` counts whole ones, and a server
/// may make it once in a few.
const CLOCK_TOLERANCE: u64 = 10;

pub(super) fn check(case: &Case<'_>, notes: &mut Notes) {
    reached(case, notes);
    match &case.broker.management {
        Management::NotConfigured => notes.gap(
            Area::Broker,
            "version, alarms, policies, limits, bindings, permissions, and who consumes: only \
             the management API tells",
            "set RABBITMQ_MANAGEMENT_URL, for example http://localhost:15672",
        ),
        Management::Absent(problem) => notes.add(MANAGEMENT.found(
            "broker.management_url",
            format!("the management API does not answer: {problem}"),
            "is the plugin rabbitmq_management enabled, and does RABBITMQ_MANAGEMENT_URL name \
             its port, 15672?",
        )),
        Management::Asked(facts) => {
            version(facts, notes);
            flags(facts, notes);
            clock(facts, notes);
        }
    }
}

/// One address of several that is away is a warning: the others are still tried.
fn reached(case: &Case<'_>, notes: &mut Notes) {
    let urls = &case.broker.urls;
    let some = urls.iter().any(|reached| reached.problem.is_none());
    for reached in urls {
        let Some(problem) = &reached.problem else {
            continue;
        };
        let what = problem.to_string().trim_end_matches('.').to_owned();
        let finding = match problem {
            BrokerError::AccessRefused(_) => REFUSED.found(
                &reached.url,
                what,
                "check user, password and vhost in RABBITMQ_URL, and the user's permissions",
            ),
            _ => UNREACHABLE.found(
                &reached.url,
                what,
                "is RabbitMQ running there? RABBITMQ_URL says where to connect",
            ),
        };
        notes.add(if some {
            finding.severity(Severity::Warning)
        } else {
            finding
        });
    }
}

fn version(facts: &ManagementFacts, notes: &mut Notes) {
    let overview = notes.answer(Area::Broker, "the broker's version", &facts.overview);
    let Some(text) = overview.map(|overview| overview.rabbitmq_version.as_str()) else {
        return;
    };
    let Some(version) = parse(text) else {
        notes.gap(
            Area::Broker,
            format!("the broker's version: '{text}' cannot be read"),
            "compare it with docs/doctor.md",
        );
        return;
    };
    let severity = match version {
        (..=2, _) | (3, ..=9) => Severity::Error,
        (3, ..=12) => Severity::Warning,
        (3, _) => Severity::Notice,
        _ => return,
    };
    let found = VERSION.found(
        "broker",
        format!("the broker is RabbitMQ {text}"),
        "upgrade to 4.0 or later, by way of 3.13; `rabbitmqctl enable_feature_flag all` comes first",
    );
    notes.add(found.severity(severity));
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(['.', '-', '+']).map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

fn flags(facts: &ManagementFacts, notes: &mut Notes) {
    let Some(flags) = notes.answer(Area::Broker, "feature flags", &facts.flags) else {
        return;
    };
    let disabled = |flag: &&FeatureFlag| flag.state == "disabled";
    let needed = |flag: &FeatureFlag| NEEDED_FLAGS.contains(&flag.name.as_str());
    for flag in flags.iter().filter(disabled).filter(|flag| needed(flag)) {
        notes.add(FLAG.found(
            &flag.name,
            format!("the feature flag {} is disabled", flag.name),
            format!("rabbitmqctl enable_feature_flag {}", flag.name),
        ));
    }
    let pending = flags
        .iter()
        .filter(disabled)
        .filter(|flag| !needed(flag) && flag.stability != "experimental");
    let pending: Vec<_> = pending.map(|flag| flag.name.as_str()).collect();
    if !pending.is_empty() {
        notes.add(PENDING.found(
            "feature flags",
            format!("stable feature flags are disabled: {}", pending.join(", ")),
            "rabbitmqctl enable_feature_flag all, before the next upgrade",
        ));
    }
}

fn clock(facts: &ManagementFacts, notes: &mut Notes) {
    let Some(ahead) = facts.clock else {
        notes.gap(
            Area::Broker,
            "the broker's clock: its answers have no date",
            "a proxy in front of the management API must pass the header Date on",
        );
        return;
    };
    if ahead.unsigned_abs() > CLOCK_TOLERANCE {
        let side = if ahead > 0 { "ahead of" } else { "behind" };
        notes.add(CLOCK.found(
            "broker",
            format!(
                "the broker's clock is {} s {side} the one of this machine",
                ahead.unsigned_abs()
            ),
            "let both machines take their time from the same source (NTP)",
        ));
    }
}
