//! One broker address: what a configured URL means for lapin.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use lapin::uri::AMQPUri;
use url::Url;

use crate::broker::BrokerError;
use crate::config::{BrokerConfig, Secret};

/// Largest frame we agree to, bytes. lapin keeps two buffers of 32 frames per connection, so a
/// server without a limit must not decide alone; 2 MiB lets 1 MiB of headers through where the
/// server allows that. Where it answers less (RabbitMQ: 128 KiB), the buffers are made for that.
const FRAME_MAX: u32 = 2 * 1024 * 1024;

/// A parsed URL.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) uri: AMQPUri,
    /// For status and logs: without the password.
    pub(super) masked: String,
    /// What the server agreed to the first time; 0 = not known yet.
    agreed: Arc<AtomicU32>,
}

impl Endpoint {
    /// The user we log in as.
    pub(super) fn user(&self) -> &str {
        &self.uri.authority.userinfo.username
    }

    /// The frame size to ask for: ours, or what this server is known to agree to.
    pub(super) fn frame_max(&self) -> Option<u32> {
        match self.agreed.load(Ordering::Relaxed) {
            0 => self.uri.query.frame_max,
            agreed => Some(agreed),
        }
    }

    /// Remembers what the server agreed to.
    pub(super) fn agreed(&self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or_default();
        self.agreed.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn parse(url: &Secret, config: &BrokerConfig) -> Result<Self, BrokerError> {
        let text = url.expose();
        let parsed = Url::parse(text).map_err(|e| invalid(&e.to_string()))?;
        // Its messages may quote the URL, password and all.
        let mut uri: AMQPUri = text
            .parse()
            .map_err(|e: String| invalid(&e.replace(text, "…")))?;
        // amq-protocol-uri knows only domain names; an IPv6 address would become `localhost`.
        if let Some(host) = parsed.host_str() {
            host.trim_start_matches('[')
                .trim_end_matches(']')
                .clone_into(&mut uri.authority.host);
        }
        // It reads a trailing `/` as the vhost with the empty name.
        if uri.vhost.is_empty() {
            "/".clone_into(&mut uri.vhost);
        }
        if uri.vhost.len() > 255 {
            return Err(invalid("the vhost is longer than 255 bytes"));
        }
        uri.query.frame_max.get_or_insert(FRAME_MAX);
        uri.query
            .heartbeat
            .get_or_insert_with(|| heartbeat_seconds(config));
        Ok(Self {
            masked: mask(&uri),
            uri,
            agreed: Arc::default(),
        })
    }
}

fn invalid(problem: &str) -> BrokerError {
    BrokerError::NotConnected(format!("the broker URL is not usable: {problem}"))
}

/// lapin looks every half interval whether two intervals have passed in silence, so it
/// notices after 2 to 2.5 of them. Three quarters of the setting keep that within two.
fn heartbeat_seconds(config: &BrokerConfig) -> u16 {
    u16::try_from(config.heartbeat.as_secs() * 3 / 4)
        .unwrap_or(u16::MAX)
        .max(1)
}

fn mask(uri: &AMQPUri) -> String {
    let vhost = match uri.vhost.as_str() {
        "/" => "%2f",
        other => other,
    };
    let host = match uri.authority.host.as_str() {
        v6 if v6.contains(':') => format!("[{v6}]"),
        name => name.to_owned(),
    };
    format!(
        "{}://{}:***@{host}:{}/{vhost}",
        uri.scheme, uri.authority.userinfo.username, uri.authority.port
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn endpoint(url: &str) -> Endpoint {
        Endpoint::parse(&Secret::new(url), &BrokerConfig::default()).unwrap()
    }

    #[test]
    fn no_path_and_a_trailing_slash_both_mean_the_vhost_slash() {
        for url in ["amqp://h", "amqp://h/", "amqp://h/%2f"] {
            assert_eq!(endpoint(url).uri.vhost, "/", "{url}");
        }
        assert_eq!(endpoint("amqp://h/orders").uri.vhost, "orders");
    }

    #[test]
    fn an_ipv6_address_stays_the_host() {
        let endpoint = endpoint("amqp://u:p@[::1]:5673/");
        assert_eq!(endpoint.uri.authority.host, "::1");
        assert_eq!(endpoint.masked, "amqp://u:***@[::1]:5673/%2f");
    }

    #[test]
    fn the_password_is_decoded_for_the_broker_and_masked_for_people() {
        let endpoint = endpoint("amqp://me:p%40ss@h:1/v");
        assert_eq!(endpoint.uri.authority.userinfo.password, "p@ss");
        assert_eq!(endpoint.masked, "amqp://me:***@h:1/v");
        assert_eq!(endpoint.user(), "me");
    }

    #[test]
    fn the_heartbeat_is_asked_for_so_that_silence_is_noticed_within_two_of_the_configured() {
        let config = |seconds| BrokerConfig {
            heartbeat: Duration::from_secs(seconds),
            ..BrokerConfig::default()
        };
        assert_eq!(heartbeat_seconds(&config(10)), 7);
        assert_eq!(heartbeat_seconds(&config(1)), 1);
        assert_eq!(
            endpoint("amqp://h?heartbeat=3").uri.query.heartbeat,
            Some(3)
        );
    }

    #[test]
    fn other_schemes_and_overlong_vhosts_are_refused() {
        let parse = |url: String| Endpoint::parse(&Secret::new(url), &BrokerConfig::default());
        assert!(parse("http://h/".into()).is_err());
        let error = parse("amqp:guest:secret@h".into()).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(parse(format!("amqp://h/{}", "v".repeat(256))).is_err());
    }
}
