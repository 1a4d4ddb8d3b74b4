//! What the user of the AMQP URL may do, against what the configuration needs.
//!
//! RabbitMQ matches names by regular expressions anywhere in the name; an empty one matches
//! nothing.

use regex::Regex;

use super::case::{Case, Notes};
use super::facts::{Permission, User};
use super::finding::{Area, checks};
use crate::config::TopologyMode;
use crate::topology::{Role, names};

checks! { Permissions:
    MISSING = "permission-missing", Error,
        "the broker refuses it (403): a worker does not start, or cannot retry and dead-letter";
    WIDE = "permission-too-wide", Notice,
        "a stolen password of this user can do more than the program needs";
    ADMINISTRATOR = "user-administrator", Notice,
        "a stolen password of this user is one of the whole broker";
}

/// What the default exchange is called in permissions.
const DEFAULT_EXCHANGE: &str = "amq.default";

pub(super) fn check(case: &Case<'_>, notes: &mut Notes) {
    let Some(facts) = case.management() else {
        return;
    };
    if let Some(user) = notes.answer(Area::Permissions, "tags of the user", &facts.user) {
        administrator(user, notes);
    }
    let permission = notes.answer(
        Area::Permissions,
        "permissions of the user",
        &facts.permission,
    );
    if let Some(permission) = permission {
        enough(case, permission, notes);
        wide(case, permission, notes);
    }
}

fn administrator(user: &User, notes: &mut Notes) {
    if user.has_tag("administrator") {
        notes.add(ADMINISTRATOR.found(
            &user.name,
            format!(
                "workers log in as {}, an administrator of the broker",
                user.name
            ),
            "make a user without tags for workers, and one with the tag monitoring for the \
             management API",
        ));
    }
}

type Allows = Box<dyn Fn(&str) -> bool>;

fn enough(case: &Case<'_>, permission: &Permission, notes: &mut Notes) {
    let patterns = [&permission.configure, &permission.write, &permission.read];
    let [Some(configure), Some(write), Some(read)] = patterns.map(|pattern| allows(pattern)) else {
        notes.gap(
            Area::Permissions,
            format!(
                "permissions of {}: an expression cannot be read here",
                permission.user
            ),
            "compare them with docs/doctor.md",
        );
        return;
    };
    let missing = if case.config.broker.topology == TopologyMode::Declare {
        to_declare(case, &configure, &write, &read)
    } else {
        to_work(case, &write, &read)
    };
    for (what, names) in missing {
        notes.add(MISSING.found(
            &permission.user,
            format!("may not {what} {}", names.join(", ")),
            format!("rabbitmqctl set_permissions, with a pattern for {what} that matches them"),
        ));
    }
}

/// What is not allowed, and on which names.
type Missing = Vec<(&'static str, Vec<String>)>;

fn refused(
    what: &'static str,
    names: impl IntoIterator<Item = String>,
    allows: &Allows,
) -> Missing {
    let refused: Vec<_> = names.into_iter().filter(|name| !allows(name)).collect();
    if refused.is_empty() {
        Vec::new()
    } else {
        vec![(what, refused)]
    }
}

/// Who declares, makes all of it. Binding writes to the queue and reads from the exchange.
fn to_declare(case: &Case<'_>, configure: &Allows, write: &Allows, read: &Allows) -> Missing {
    let exchanges = case.topology.exchanges.iter().map(|e| e.name.clone());
    let queues = case.topology.queues.iter().map(|q| q.name.clone());
    let all: Vec<_> = exchanges.chain(queues).collect();
    let written = all.iter().cloned().chain([DEFAULT_EXCHANGE.to_owned()]);
    [
        refused("configure", all.clone(), configure),
        refused("write", written, write),
        refused("read", all.clone(), read),
    ]
    .concat()
}

/// Else each program has a user of its own: one that may read a main queue is its worker; one
/// that may neither read a queue nor write to an exchange can do nothing at all.
fn to_work(case: &Case<'_>, write: &Allows, read: &Allows) -> Missing {
    let queues = &case.topology.queues;
    let worked = queues
        .iter()
        .filter(|queue| queue.role == Role::Main && read(&queue.name));
    let suspects: Vec<_> = worked.map(|queue| names::suspect(&queue.name)).collect();
    if !suspects.is_empty() {
        let default = [DEFAULT_EXCHANGE.to_owned()];
        return [
            refused("read", suspects, read),
            refused("write", default, write),
        ]
        .concat();
    }
    let exchanges = case.topology.exchanges.iter().map(|e| e.name.clone());
    let exchanges: Vec<_> = exchanges.collect();
    let idle = !queues.iter().any(|queue| read(&queue.name))
        && !exchanges.iter().any(|exchange| write(exchange));
    if idle {
        refused("write", exchanges, write)
    } else {
        Vec::new()
    }
}

/// `None` where the expression is one that this library does not know.
fn allows(pattern: &str) -> Option<Allows> {
    let pattern = if pattern.is_empty() { "^$" } else { pattern };
    let regex = Regex::new(pattern).ok()?;
    Some(Box::new(move |name: &str| regex.is_match(name)))
}

fn wide(case: &Case<'_>, permission: &Permission, notes: &mut Notes) {
    let idle = case.config.broker.topology != TopologyMode::Declare;
    if idle && !permission.configure.is_empty() && permission.configure != "^$" {
        notes.add(WIDE.found(
            &permission.user,
            format!(
                "may configure '{}', although broker.topology is not declare",
                permission.configure
            ),
            "rabbitmqctl set_permissions, with '^$' for configure",
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{findings, healthy};
    use super::*;
    use crate::config::Config;

    fn with(mode: TopologyMode, patterns: [&str; 3]) -> Vec<(&'static str, String)> {
        let mut config = Config::default();
        config.broker.topology = mode;
        let mut facts = healthy(&config);
        let [configure, write, read] = patterns;
        let permission =
            json!({"user": "app", "configure": configure, "write": write, "read": read});
        facts.permission = Ok(serde_json::from_value(permission).unwrap());
        let found = findings(&config, facts).into_iter();
        found.map(|found| (found.check, found.what)).collect()
    }

    fn missing(mode: TopologyMode, patterns: [&str; 3]) -> Vec<String> {
        let found = with(mode, patterns).into_iter();
        found.map(|(_, what)| what).collect()
    }

    #[test]
    fn who_declares_needs_all_of_it() {
        let declare = |patterns| missing(TopologyMode::Declare, patterns);
        let operator = "^events(\\..+)?$";
        let writes = "^(events(\\..+)?|amq\\.default)$";
        assert_eq!(declare([operator, writes, operator]), [""; 0]);
        let what = declare(["^$", "^(events|amq\\.default)$", "^events\\."]);
        assert!(
            what[0].starts_with("may not configure events, events.dlq"),
            "{what:?}"
        );
        assert!(what[1].starts_with("may not write events.dlq"), "{what:?}");
        assert_eq!(what[2], "may not read events");
    }

    /// The lines of docs/operations/security.md.
    #[test]
    fn the_documented_users_may_do_what_they_need() {
        for [write, read] in [
            ["^events$", "^$"],
            ["^(events|amq\\.default)$", "^events\\.neo4j(\\.suspect)?$"],
            ["^(events|amq\\.default)$", "^events\\.dlq$"],
            ["^amq\\.default$", "^events\\.qdrant(\\.suspect)?$"],
        ] {
            let what = missing(TopologyMode::Verify, ["^$", write, read]);
            assert_eq!(what, [""; 0], "{write} {read}");
        }
    }

    #[test]
    fn a_worker_without_its_suspects_and_a_user_who_may_nothing_are_found() {
        let verify = |write, read| missing(TopologyMode::Verify, ["^$", write, read]);
        let worker = verify("^events$", "^events\\.neo4j$");
        assert_eq!(
            worker,
            [
                "may not read events.neo4j.suspect",
                "may not write amq.default"
            ]
        );
        // An empty expression allows nothing, any other matches anywhere in a name.
        assert_eq!(verify("", ""), ["may not write events"]);
        assert_eq!(verify("e", "n"), [""; 0]);
    }

    #[test]
    fn configure_is_too_much_for_who_never_declares() {
        let found = with(TopologyMode::None, [".*", ".*", ".*"]);
        assert_eq!(found[0].0, "permission-too-wide");
    }
}
