//! URLs of servers: checked, made canonical, masked.

use std::net::Ipv6Addr;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use super::form::Fault;

/// AMQP short strings hold 255 bytes.
const LONGEST_VHOST: usize = 255;

/// Whose URL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Amqp,
    Http,
    Bolt,
    Grpc,
    Postgres,
    Otlp,
}

impl Kind {
    pub(super) fn rule(self) -> &'static str {
        match self {
            Self::Amqp => "a URL like amqp://user:password@host:5672/vhost",
            Self::Http => "a URL like http://host:15672",
            Self::Bolt => "a URL like bolt://host:7687",
            Self::Grpc => "a URL like http://host:6334",
            Self::Postgres => "a URL like postgres://user:password@host:5432/database",
            Self::Otlp => "a URL like http://host:4318",
        }
    }

    fn schemes(self) -> &'static [&'static str] {
        match self {
            Self::Amqp => &["amqp", "amqps"],
            Self::Http | Self::Grpc | Self::Otlp => &["http", "https"],
            Self::Postgres => &["postgres", "postgresql"],
            Self::Bolt => &[
                "bolt",
                "bolt+s",
                "bolt+ssc",
                "neo4j",
                "neo4j+s",
                "neo4j+ssc",
            ],
        }
    }

    /// The URL, made canonical.
    pub(super) fn read(self, text: &str) -> Result<String, Fault> {
        let bad = |hint: String| Fault::new(format!("must be {}", self.rule()), hint);
        let parsed = Url::parse(text).map_err(|error| {
            bad(format!(
                "{error}; percent-encode special characters of user and password"
            ))
        })?;
        if !self.schemes().contains(&parsed.scheme()) {
            return Err(bad(format!(
                "the scheme is one of {}",
                self.schemes().join(", ")
            )));
        }
        if parsed.host_str().is_none_or(str::is_empty) {
            return Err(bad("it needs a host".to_owned()));
        }
        if is_cut_short(&parsed) {
            let hint =
                "percent-encode special characters of user and password: %2F for /, %23 for #";
            return Err(bad(hint.to_owned()));
        }
        match self {
            Self::Amqp => amqp(parsed).map_err(bad).map(String::from),
            Self::Http | Self::Postgres | Self::Otlp => Ok(text.to_owned()),
            Self::Bolt | Self::Grpc
                if parsed.username().is_empty() && parsed.password().is_none() =>
            {
                Ok(text.to_owned())
            }
            Self::Bolt => Err(bad("user and password are settings of their own".to_owned())),
            Self::Grpc => Err(bad("the API key is a setting of its own".to_owned())),
        }
    }
}

/// Whether a `/`, `?` or `#` in the password ended the authority before its `@`.
fn is_cut_short(url: &Url) -> bool {
    url.fragment().is_some() || url.path().contains('@') || url.query().unwrap_or("").contains('@')
}

/// A missing or empty path is the vhost `/`: the client library would read `…/` as the vhost
/// with the empty name.
fn amqp(mut url: Url) -> Result<Url, String> {
    for part in [url.username(), url.password().unwrap_or(""), url.path()] {
        if percent_decode_str(part).decode_utf8().is_err() {
            return Err("percent-encoded text must be UTF-8".to_owned());
        }
    }
    for (key, _) in url.query_pairs() {
        match key.as_ref() {
            "auth_mechanism" | "frame_max" | "channel_max" => {}
            "heartbeat" => return Err("set broker.heartbeat instead of ?heartbeat=".to_owned()),
            "connection_timeout" => {
                return Err("set broker.connect_timeout instead of ?connection_timeout=".to_owned());
            }
            other => {
                return Err(format!(
                    "the client does not know the parameter {other}; TLS is set under broker.tls"
                ));
            }
        }
    }
    if url.path().is_empty() || url.path() == "/" {
        url.set_path("/%2f");
    }
    if vhost(url.as_str()).len() > LONGEST_VHOST {
        return Err(format!("a vhost has at most {LONGEST_VHOST} bytes"));
    }
    Ok(url)
}

/// One of the parts of an AMQP URL that has a variable of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Hostname,
    Port,
    User,
    Password,
    Vhost,
}

impl Part {
    /// Checks a value for this part on its own.
    pub(super) fn check(self, value: &str) -> Result<(), Fault> {
        let mut url = Url::parse("amqp://localhost").map_err(|e| Fault::new(e.to_string(), ""))?;
        self.apply(&mut url, value)
    }

    /// Replaces the part; `value` is plain text, not percent-encoded.
    pub(super) fn apply(self, url: &mut Url, value: &str) -> Result<(), Fault> {
        let encoded = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
        match self {
            Self::User => url.set_username(&encoded).map_err(|()| self.fault(value)),
            Self::Password => url
                .set_password(Some(&encoded))
                .map_err(|()| self.fault(value)),
            Self::Vhost if value.len() > LONGEST_VHOST => Err(self.fault(value)),
            Self::Vhost => {
                url.set_path(&format!("/{encoded}"));
                Ok(())
            }
            Self::Port => match value.parse::<u16>() {
                Ok(port) if port > 0 => url.set_port(Some(port)).map_err(|()| self.fault(value)),
                _ => Err(self.fault(value)),
            },
            Self::Hostname if value.parse::<Ipv6Addr>().is_ok() => url
                .set_host(Some(&format!("[{value}]")))
                .map_err(|_| self.fault(value)),
            Self::Hostname if value.contains([':', '/', '@', '[']) => Err(self.fault(value)),
            Self::Hostname => url.set_host(Some(value)).map_err(|_| self.fault(value)),
        }
    }

    fn fault(self, value: &str) -> Fault {
        match self {
            Self::Port if value.starts_with("tcp://") => Fault::new(
                "must be a port from 1 to 65535",
                "Kubernetes sets this variable for a service named rabbitmq: set RABBITMQ_URL, \
                 or RABBITMQ_PORT in the pod, or enableServiceLinks: false",
            ),
            Self::Port => Fault::new("must be a port from 1 to 65535", "for example 5672"),
            Self::Hostname => Fault::new(
                "must be a host name or an IP address",
                "port, user and vhost have variables of their own; several hosts go into RABBITMQ_URL",
            ),
            _ => Fault::new("must fit into an AMQP URL", "set RABBITMQ_URL instead"),
        }
    }
}

/// The vhost of an AMQP URL that was read before; `/` where it says none.
pub(super) fn vhost(url: &str) -> String {
    let path = Url::parse(url).map(|url| url.path().to_owned());
    match path.as_deref().unwrap_or("").strip_prefix('/') {
        None | Some("") => "/".to_owned(),
        Some(path) => percent_decode_str(path).decode_utf8_lossy().into_owned(),
    }
}

/// The user of an AMQP URL that was read before; `guest` where it names none.
pub(super) fn user(url: &str) -> String {
    let user = Url::parse(url).map(|url| url.username().to_owned());
    match user.as_deref().unwrap_or("") {
        "" => "guest".to_owned(),
        user => percent_decode_str(user).decode_utf8_lossy().into_owned(),
    }
}

/// The URL with its password replaced by `***`; of what is no URL, nothing that could hold one.
///
/// ```
/// assert_eq!(
///     fanout::config::mask_url("amqp://app:s3cret@rabbit:5672/%2f"),
///     "amqp://app:***@rabbit:5672/%2f"
/// );
/// ```
pub fn mask_url(text: &str) -> String {
    if let Ok(mut url) = Url::parse(text)
        && url.has_host()
        && !is_cut_short(&url)
    {
        if url.password().is_some() && url.set_password(Some("***")).is_err() {
            return "***".to_owned();
        }
        if url.query().is_some() {
            url.set_query(Some("***"));
        }
        return url.into();
    }
    let known = |scheme: &str| {
        scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'+')
    };
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) if known(scheme) => (format!("{scheme}://"), rest),
        _ => (String::new(), text),
    };
    // Nothing before the last `@` is safe to show, and without one nothing behind a mark.
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}***@{host}"),
        None if rest.contains([':', '#', '?']) => format!("{scheme}***"),
        None => format!("{scheme}{rest}"),
    }
}
