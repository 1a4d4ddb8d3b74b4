//! What the processor needs to know: a plain struct, filled by whoever builds it.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use fanout_contract::ConfigProblem;

/// The largest request that neo4rs sends in one piece: its buffer of 8 KiB, less the frames
/// of RUN and PULL. A larger one waits for the server's delayed acknowledgement, 40 ms each.
pub const MAX_REQUEST_BYTES: usize = 8 * 1024 - 64;

/// Settings of a [`Neo4jProcessor`](crate::Neo4jProcessor).
#[derive(Clone, PartialEq, Eq)]
pub struct Neo4jConfig {
    /// Address. `bolt://` plain, `bolt+s://` TLS, `bolt+ssc://` TLS without verification;
    /// `neo4j://` and kin are taken as a single server. Default `bolt://localhost:7687`.
    pub uri: String,
    /// Default `neo4j`.
    pub user: String,
    /// Default empty. Never printed.
    pub password: String,
    /// Database; `None` (default) = the server's default database.
    pub database: Option<String>,
    /// TLS beyond what the URI says. Default: the system's roots, no client certificate.
    pub tls: Tls,
    /// For TCP connect, TLS, login and BEGIN together. Default 5 s.
    pub connect_timeout: Duration,
    /// For a whole call of `process` or `prepare`, local retries included; afterwards the
    /// outcome is unknown and the transaction's connection is closed. Keep it below the
    /// runtime's deadline (30 s). Default 25 s.
    pub query_timeout: Duration,
    /// Transactions at once; also what [`Processor::concurrency`] answers. Default 1:
    /// writers on the same keys only wait for each other's locks.
    ///
    /// [`Processor::concurrency`]: fanout_contract::Processor::concurrency
    pub writers: NonZeroUsize,
    /// Upper bound of one request in bytes. Default and maximum [`MAX_REQUEST_BYTES`]; a
    /// single row above it goes alone, and slowly.
    pub request_bytes: usize,
    /// Name of the projection, put before its ledger ids as `name:id`; `None` (default) =
    /// bare ids. Two projections into one database need different names.
    pub projection: Option<String>,
}

/// TLS settings, used with `bolt+s://` and `bolt+ssc://`. The name that the server's
/// certificate must bear is the host of the URI; neo4rs cannot check another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the authority that signed the server's certificate. Default: the
    /// system's roots.
    pub ca: Option<PathBuf>,
    /// PEM files of a client certificate and its key. Default: none.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl Default for Neo4jConfig {
    fn default() -> Self {
        Self {
            uri: "bolt://localhost:7687".to_owned(),
            user: "neo4j".to_owned(),
            password: String::new(),
            database: None,
            tls: Tls::default(),
            connect_timeout: Duration::from_secs(5),
            query_timeout: Duration::from_secs(25),
            writers: NonZeroUsize::MIN,
            request_bytes: MAX_REQUEST_BYTES,
            projection: None,
        }
    }
}

/// Masks the password, and credentials that were put into the URI.
impl fmt::Debug for Neo4jConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Neo4jConfig")
            .field("uri", &masked(&self.uri))
            .field("user", &self.user)
            .field("password", &"***")
            .field("database", &self.database)
            .field("tls", &self.tls)
            .field("connect_timeout", &self.connect_timeout)
            .field("query_timeout", &self.query_timeout)
            .field("writers", &self.writers)
            .field("request_bytes", &self.request_bytes)
            .field("projection", &self.projection)
            .finish()
    }
}

/// The URI without credentials.
pub(crate) fn masked(uri: &str) -> String {
    match (uri.find("://"), uri.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            let (head, tail) = (uri.get(..scheme), uri.get(at..));
            format!(
                "{}://***{}",
                head.unwrap_or_default(),
                tail.unwrap_or_default()
            )
        }
        _ => uri.to_owned(),
    }
}

/// What is wrong with a setting of this section.
pub(crate) fn problem(
    key: &'static str,
    rule: impl Into<String>,
    hint: &'static str,
) -> ConfigProblem {
    ConfigProblem {
        section: "neo4j",
        key,
        rule: rule.into(),
        hint,
    }
}

impl Neo4jConfig {
    /// All problems that can be seen without a server; empty = none.
    pub fn problems(&self) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        let mut problem = |key, rule: &str, hint| problems.push(problem(key, rule, hint));
        let scheme = self.uri.split_once("://").map_or("", |(scheme, _)| scheme);
        let known = [
            "",
            "bolt",
            "bolt+s",
            "bolt+ssc",
            "neo4j",
            "neo4j+s",
            "neo4j+ssc",
        ];
        if !known.contains(&scheme) {
            problem(
                "uri",
                "the scheme must be one of Bolt",
                "write bolt://HOST:7687",
            );
        }
        if self.uri.is_empty() {
            problem("uri", "must not be empty", "write bolt://HOST:7687");
        }
        if self.tls != Tls::default() && !scheme.contains('+') {
            problem(
                "tls",
                "is set, but the URI asks for a plain connection",
                "write bolt+s://HOST:7687, or remove the TLS settings",
            );
        }
        if !(1024..=MAX_REQUEST_BYTES).contains(&self.request_bytes) {
            problem(
                "request_bytes",
                "must be between 1024 and 8128",
                "leave the default",
            );
        }
        for (key, value) in [
            ("connect_timeout", self.connect_timeout),
            ("query_timeout", self.query_timeout),
        ] {
            if value.is_zero() {
                problem(key, "must be above zero", "leave the default");
            }
        }
        if self
            .projection
            .as_deref()
            .is_some_and(|name| name.is_empty() || name.contains(':'))
        {
            problem(
                "projection",
                "must be a name without `:`",
                "leave it out for bare ledger ids",
            );
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_has_no_problems() {
        assert_eq!(Neo4jConfig::default().problems(), []);
    }

    #[test]
    fn debug_masks_the_password_and_credentials_in_the_uri() {
        let config = Neo4jConfig {
            uri: "bolt://ann:s3cret@db:7687".to_owned(),
            password: "s3cret".to_owned(),
            ..Neo4jConfig::default()
        };
        let text = format!("{config:?}");
        assert!(!text.contains("s3cret"), "{text}");
        assert!(text.contains("bolt://***@db:7687"), "{text}");
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let config = Neo4jConfig {
            uri: "http://db".to_owned(),
            tls: Tls {
                ca: Some("ca.pem".into()),
                client: None,
            },
            query_timeout: Duration::ZERO,
            request_bytes: 1 << 20,
            projection: Some("a:b".to_owned()),
            ..Neo4jConfig::default()
        };
        let keys: Vec<_> = config.problems().into_iter().map(|p| p.key).collect();
        assert_eq!(
            keys,
            ["uri", "tls", "request_bytes", "query_timeout", "projection"]
        );
    }
}
