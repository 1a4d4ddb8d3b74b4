//! How servers are reached: passwords that everybody knows, passwords that everybody can read.

use std::net::IpAddr;

use url::{Host, Url};

use super::case::Notes;
use super::finding::checks;
use crate::config::{Config, mask_url};

checks! { Configuration:
    DEFAULT_USER = "default-user", Warning,
        "everybody knows this user and this password, and RabbitMQ refuses guest from other machines";
    DEFAULT_PASSWORD = "default-password", Warning,
        "everybody knows this password, or there is none";
    PLAIN = "plaintext-connection", Warning,
        "password and events cross the network for everybody on it to read";
}

pub(super) fn check(config: &Config, notes: &mut Notes) {
    for url in &config.broker.urls {
        let Ok(url) = Url::parse(url.expose()) else {
            continue;
        };
        if is_near(&url) {
            continue;
        }
        let shown = mask_url(url.as_str());
        if url.username() == "guest" && url.password() == Some("guest") {
            notes.add(DEFAULT_USER.found(
                &shown,
                "the user is guest with the password guest",
                "make a user of its own: rabbitmqctl add_user, set_permissions",
            ));
        }
        plain(&url, "amqp", &shown, "amqps:// and broker.tls", notes);
    }
    if let Some(url) = &config.broker.management_url
        && let Ok(url) = Url::parse(url.expose())
        && !is_near(&url)
    {
        plain(&url, "http", &mask_url(url.as_str()), "https://", notes);
    }
    neo4j(config, notes);
    qdrant(config, notes);
}

/// On this machine, or a name without dots: a container or service beside this one, whose
/// network is nobody else's.
fn is_near(url: &Url) -> bool {
    match host(url) {
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Domain(name)) => !name.contains('.'),
        None => true,
    }
}

/// Schemes that the library does not know keep an address as a name.
fn host(url: &Url) -> Option<Host<String>> {
    let text = url.host_str()?;
    Host::parse(text).ok()
}

fn plain(url: &Url, scheme: &str, shown: &str, instead: &str, notes: &mut Notes) {
    if url.scheme() == scheme {
        notes.add(PLAIN.found(
            shown,
            format!("{scheme}:// to another machine is not encrypted"),
            format!("use {instead}"),
        ));
    }
}

fn neo4j(config: &Config, notes: &mut Notes) {
    let used = |queue: &crate::config::QueueConfig| queue.processor == "neo4j";
    if !config.queues.values().any(used) {
        return;
    }
    let Ok(url) = Url::parse(&config.neo4j.uri) else {
        return;
    };
    if is_near(&url) {
        return;
    }
    let shown = mask_url(&config.neo4j.uri);
    if matches!(config.neo4j.password.expose(), "" | "neo4j") {
        notes.add(DEFAULT_PASSWORD.found(
            &shown,
            "the password is empty or Neo4j's first one",
            "set NEO4J_PASSWORD or NEO4J_PASSWORD_FILE",
        ));
    }
    for scheme in ["bolt", "neo4j"] {
        plain(&url, scheme, &shown, "bolt+s://", notes);
    }
}

fn qdrant(config: &Config, notes: &mut Notes) {
    let used = |queue: &crate::config::QueueConfig| queue.processor == "qdrant";
    if !config.queues.values().any(used) {
        return;
    }
    let Ok(url) = Url::parse(&config.qdrant.url) else {
        return;
    };
    if is_near(&url) {
        return;
    }
    let shown = mask_url(&config.qdrant.url);
    if config.qdrant.api_key.is_none() {
        notes.add(DEFAULT_PASSWORD.found(
            &shown,
            "there is no API key",
            "set one at the server (service.api_key) and in QDRANT_API_KEY",
        ));
    }
    plain(&url, "http", &shown, "https://", notes);
}
