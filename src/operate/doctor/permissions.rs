//! What the user of the AMQP URL may do, against what the configuration needs.
//!
//! RabbitMQ matches names by regular expressions anywhere in the name; an empty one matches
//! nothing.

use regex::Regex;

use super::case::{Case, Notes};
use super::facts::{Permission, User};
use super::finding::{Area, checks};
use crate::config::TopologyMode;

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

/// What the programs do: configure, write, read.
fn needed<'a>(case: &'a Case<'_>) -> [(&'static str, Vec<&'a str>); 3] {
    let topology = &case.topology;
    let exchanges = || topology.exchanges.iter().map(|e| e.name.as_str());
    let queues = || topology.queues.iter().map(|q| q.name.as_str());
    let declares = case.config.broker.topology == TopologyMode::Declare;
    let configure = if declares {
        exchanges().chain(queues()).collect()
    } else {
        Vec::new()
    };
    let mut write: Vec<_> = exchanges().chain([DEFAULT_EXCHANGE]).collect();
    let mut read: Vec<_> = queues().collect();
    if declares {
        // Binding writes to the queue and reads from the exchange.
        write.extend(queues());
        read.extend(exchanges());
    }
    [("configure", configure), ("write", write), ("read", read)]
}

fn enough(case: &Case<'_>, permission: &Permission, notes: &mut Notes) {
    let granted = [&permission.configure, &permission.write, &permission.read];
    for ((what, names), pattern) in needed(case).into_iter().zip(granted) {
        let Some(allows) = allows(pattern) else {
            notes.gap(
                Area::Permissions,
                format!("the permission to {what}: '{pattern}' cannot be read here"),
                "compare it with docs/doctor.md",
            );
            continue;
        };
        let refused: Vec<_> = names.into_iter().filter(|name| !allows(name)).collect();
        if !refused.is_empty() {
            notes.add(MISSING.found(
                &permission.user,
                format!("may not {what} {}", refused.join(", ")),
                format!("rabbitmqctl set_permissions, with a pattern for {what} that matches them"),
            ));
        }
    }
}

/// `None` where the expression is one that this library does not know.
fn allows(pattern: &str) -> Option<impl Fn(&str) -> bool> {
    let pattern = if pattern.is_empty() { "^$" } else { pattern };
    let regex = Regex::new(pattern).ok()?;
    Some(move |name: &str| regex.is_match(name))
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
