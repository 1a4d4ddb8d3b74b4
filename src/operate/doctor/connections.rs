//! How servers are reached: passwords that everybody knows, passwords that everybody can read.

use std::net::IpAddr;

use url::{Host, Url};

use super::case::Notes;
use super::finding::checks;
use crate::config::{Config, UseRabbitmq, mask_url};

checks! { Configuration:
    DEFAULT_USER = "default-user", Warning,
        "everybody knows this user and this password, and RabbitMQ refuses guest from other machines";
    DEFAULT_PASSWORD = "default-password", Warning,
        "everybody knows this password, or there is none";
    PLAIN = "plaintext-connection", Warning,
        "password and events cross the network for everybody on it to read";
}

pub(super) fn check(config: &Config, notes: &mut Notes) {
    let used = config.broker.use_rabbitmq != UseRabbitmq::False;
    for url in config.broker.urls.iter().filter(|_| used) {
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
    if let Some(url) = config.broker.management_url.as_ref().filter(|_| used)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn found(change: impl FnOnce(&mut Config)) -> Vec<&'static str> {
        let mut config = Config::default();
        change(&mut config);
        let mut notes = Notes::default();
        check(&config, &mut notes);
        notes.findings.iter().map(|finding| finding.check).collect()
    }

    #[test]
    fn servers_beside_this_program_are_near() {
        assert_eq!(found(|_| {}), Vec::<&str>::new());
        let compose = found(|config| {
            config.broker.urls = vec![Secret::new("amqp://guest:guest@rabbitmq:5672/%2f")];
            config.neo4j.uri = "bolt://neo4j:7687".to_owned();
            config.qdrant.url = "http://[::1]:6334".to_owned();
        });
        assert_eq!(compose, Vec::<&str>::new());
    }

    #[test]
    fn a_server_far_away_needs_tls_and_a_password_of_its_own() {
        let broker = |url: &str| {
            let url = Secret::new(url);
            found(|config| config.broker.urls = vec![url])
        };
        let both = ["default-user", "plaintext-connection"];
        assert_eq!(broker("amqp://guest:guest@10.0.0.1/%2f"), both);
        assert_eq!(
            broker("amqps://app:x@mq.example.com/%2f"),
            Vec::<&str>::new()
        );
        let neo4j = found(|config| config.neo4j.uri = "neo4j://db.example.com".to_owned());
        assert_eq!(neo4j, ["default-password", "plaintext-connection"]);
        let qdrant = found(|config| config.qdrant.url = "https://q.example.com".to_owned());
        assert_eq!(qdrant, ["default-password"]);
    }

    #[test]
    fn without_rabbitmq_its_address_does_not_matter() {
        let direct = found(|config| {
            config.broker.use_rabbitmq = UseRabbitmq::False;
            config.broker.urls = vec![Secret::new("amqp://guest:guest@10.0.0.1/%2f")];
        });
        assert_eq!(direct, Vec::<&str>::new());
    }
}
