//! What the processor needs to know: a plain struct, filled by whoever builds it.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use fanout_contract::ConfigProblem;

/// Settings of a [`QdrantProcessor`](crate::QdrantProcessor).
#[derive(Clone, PartialEq)]
pub struct QdrantConfig {
    /// Address of the gRPC port. `http://` plain, `https://` TLS. Default
    /// `http://localhost:6334`.
    pub url: String,
    /// API key, sent with every call; `None` (default) = none. Never printed.
    pub api_key: Option<String>,
    /// TLS beyond what the URL says. Default: the system's roots, no client certificate.
    pub tls: Tls,
    /// Put before the names of the four collections. Default empty.
    pub collection_prefix: String,
    /// Dimension of the vectors; `None` (default) = that of the collection where it exists,
    /// else of the first product that arrives, 384 where it has no vector.
    pub dimension: Option<NonZeroUsize>,
    /// Whether a product without a vector gets one from its text, by feature hashing. Where
    /// not, it is a permanent failure. Default true.
    pub derive_vectors: bool,
    /// Whether the profiles of users are kept. Default true.
    pub profiles: bool,
    /// What an interaction weighs in a profile, by kind.
    pub weights: Weights,
    /// After this time an interaction counts half, reckoned from the newest one of its user.
    /// Default 30 days: what is in season.
    pub half_life: Duration,
    /// The newest interactions of a user that make the profile; what is older is counted, but
    /// has no weight. Default 10,000.
    pub history: NonZeroUsize,
    /// For TCP connect and TLS. Default 5 s.
    pub connect_timeout: Duration,
    /// For a whole call of `process` or `prepare`; afterwards the outcome is unknown. Keep it
    /// below the runtime's deadline (30 s). Default 25 s.
    pub query_timeout: Duration,
    /// Requests at once, of all lanes together. Default 4: one shard takes updates one after
    /// the other, so that more only wait.
    pub in_flight: NonZeroUsize,
    /// Points of one request at most. Default 256: above it a server gains little.
    pub request_points: NonZeroUsize,
    /// Bytes of one request at most, vectors and payloads; a single point above it goes
    /// alone. Default 4 MiB.
    pub request_bytes: usize,
}

/// What an interaction weighs in a profile. A profile is always folded with one set of
/// weights: after a change that of a user follows with the user's next event, or the next
/// version of a product. What is stored with a point is the weight at the time it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Default 1.
    pub viewed: f64,
    /// Default 3.
    pub carted: f64,
    /// Default -3: takes back what `carted` said.
    pub uncarted: f64,
    /// Default 5.
    pub purchased: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            viewed: 1.0,
            carted: 3.0,
            uncarted: -3.0,
            purchased: 5.0,
        }
    }
}

impl Weights {
    /// What an interaction of this kind weighs; `None` where the kind is none of ours.
    pub(crate) fn of(&self, kind: &str) -> Option<f64> {
        match kind {
            "product.viewed" => Some(self.viewed),
            "product.carted" => Some(self.carted),
            "product.uncarted" => Some(self.uncarted),
            "product.purchased" => Some(self.purchased),
            _ => None,
        }
    }
}

/// TLS settings, used with `https://`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the authority that signed the server's certificate. Default: the
    /// system's roots.
    pub ca: Option<PathBuf>,
    /// PEM files of a client certificate and its key. Default: none.
    pub client: Option<(PathBuf, PathBuf)>,
    /// Name that the server's certificate must bear. Default: the host of the URL.
    pub server_name: Option<String>,
}

const fn count(n: usize) -> NonZeroUsize {
    match NonZeroUsize::new(n) {
        Some(n) => n,
        None => NonZeroUsize::MIN,
    }
}

impl Default for QdrantConfig {
    fn default() -> Self {
        Self {
            url: "http://localhost:6334".to_owned(),
            api_key: None,
            tls: Tls::default(),
            collection_prefix: String::new(),
            dimension: None,
            derive_vectors: true,
            profiles: true,
            weights: Weights::default(),
            half_life: Duration::from_secs(30 * 24 * 60 * 60),
            history: count(10_000),
            connect_timeout: Duration::from_secs(5),
            query_timeout: Duration::from_secs(25),
            in_flight: count(4),
            request_points: count(256),
            request_bytes: 4 << 20,
        }
    }
}

/// Masks the API key, and credentials that were put into the URL.
impl fmt::Debug for QdrantConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QdrantConfig")
            .field("url", &masked(&self.url))
            .field("api_key", &self.api_key.as_ref().map(|_| "***"))
            .field("tls", &self.tls)
            .field("collection_prefix", &self.collection_prefix)
            .field("dimension", &self.dimension)
            .field("derive_vectors", &self.derive_vectors)
            .field("profiles", &self.profiles)
            .field("weights", &self.weights)
            .field("half_life", &self.half_life)
            .field("history", &self.history)
            .field("connect_timeout", &self.connect_timeout)
            .field("query_timeout", &self.query_timeout)
            .field("in_flight", &self.in_flight)
            .field("request_points", &self.request_points)
            .field("request_bytes", &self.request_bytes)
            .finish()
    }
}

/// The URL without credentials.
pub(crate) fn masked(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://***@{host}"),
        _ => url.to_owned(),
    }
}

/// What is wrong with a setting of this section.
pub(crate) fn problem(
    key: &'static str,
    rule: impl Into<String>,
    hint: &'static str,
) -> ConfigProblem {
    ConfigProblem {
        section: "qdrant",
        key,
        rule: rule.into(),
        hint,
    }
}

impl QdrantConfig {
    /// All problems that can be seen without a server; empty = none.
    pub fn problems(&self) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        let mut problem = |key, rule: &str, hint| problems.push(problem(key, rule, hint));
        let https = self.url.starts_with("https://");
        if !https && !self.url.starts_with("http://") {
            let hint = "write http://HOST:6334: the gRPC port, not that of REST";
            problem("url", "must start with http:// or https://", hint);
        }
        if self.tls != Tls::default() && !https {
            let rule = "is set, but the URL asks for a plain connection";
            problem(
                "tls",
                rule,
                "write https://HOST:6334, or remove the TLS settings",
            );
        }
        if self.api_key.as_ref().is_some_and(|key| !is_header(key)) {
            let rule = "must be printable ASCII without line breaks";
            problem("api_key", rule, "is there a line break at its end?");
        }
        if self.collection_prefix.len() > 200 || self.collection_prefix.contains(['/', '\\', '\0'])
        {
            let rule = "must be at most 200 bytes without `/` and `\\`";
            problem("collection_prefix", rule, "for example shadow_");
        }
        // the largest that Qdrant takes
        if self.dimension.is_some_and(|d| d.get() > 65_536) {
            problem(
                "dimension",
                "must be at most 65536",
                "leave it out to take the first product's",
            );
        }
        for (key, value) in [
            ("half_life", self.half_life),
            ("connect_timeout", self.connect_timeout),
            ("query_timeout", self.query_timeout),
        ] {
            if value.is_zero() {
                problem(key, "must be above zero", "leave the default");
            }
        }
        let Weights {
            viewed,
            carted,
            uncarted,
            purchased,
        } = self.weights;
        if ![viewed, carted, uncarted, purchased]
            .iter()
            .all(|w| w.is_finite())
        {
            problem("weights", "must be finite numbers", "leave the default");
        }
        problems
    }
}

fn is_header(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| (0x20..0x7f).contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_has_no_problems() {
        assert_eq!(QdrantConfig::default().problems(), []);
    }

    #[test]
    fn debug_masks_the_key_and_credentials_in_the_url() {
        let config = QdrantConfig {
            url: "https://ann:s3cret@db:6334".to_owned(),
            api_key: Some("s3cret".to_owned()),
            ..QdrantConfig::default()
        };
        let text = format!("{config:?}");
        assert!(!text.contains("s3cret"), "{text}");
        assert!(text.contains("https://***@db:6334"), "{text}");
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let config = QdrantConfig {
            url: "db:6334".to_owned(),
            api_key: Some("key\n".to_owned()),
            tls: Tls {
                ca: Some("ca.pem".into()),
                ..Tls::default()
            },
            collection_prefix: "a/b".to_owned(),
            dimension: NonZeroUsize::new(70_000),
            half_life: Duration::ZERO,
            query_timeout: Duration::ZERO,
            weights: Weights {
                viewed: f64::NAN,
                ..Weights::default()
            },
            ..QdrantConfig::default()
        };
        let keys: Vec<_> = config.problems().into_iter().map(|p| p.key).collect();
        let want = [
            "url",
            "tls",
            "api_key",
            "collection_prefix",
            "dimension",
            "half_life",
            "query_timeout",
            "weights",
        ];
        assert_eq!(keys, want);
    }
}
