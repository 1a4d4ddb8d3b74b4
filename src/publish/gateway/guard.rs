//! Who may do what: an API token, or the loopback where there is none.

use axum::http::{HeaderMap, StatusCode, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::HttpConfig;
use crate::operate::{HttpProblem, Peer};

/// Headers of proxies and browsers: behind them the loopback is somebody else.
const NOT_FROM_HERE: [&str; 5] = [
    "forwarded",
    "x-forwarded-for",
    "x-real-ip",
    "origin",
    "sec-fetch-site",
];

/// The rules of `http.api_token`. Tokens are compared by their digests in constant time:
/// neither their text nor their length shows in how long it takes.
pub(super) struct Guard {
    token: Option<[u8; 32]>,
    events: bool,
}

impl Guard {
    pub(super) fn new(config: &HttpConfig) -> Self {
        let token = config.api_token.as_ref();
        Self {
            token: token.map(|token| digest(token.expose().as_bytes())),
            events: config.api_token_events,
        }
    }

    /// Whether this request may post events.
    pub(super) fn may_post(&self, headers: &HeaderMap) -> Result<(), HttpProblem> {
        match &self.token {
            Some(token) if self.events => known(token, headers),
            _ => Ok(()),
        }
    }

    /// Whether this request may read what events are made of. As for a change, but a page
    /// that this gateway has served itself counts as the same host.
    pub(super) fn may_read(
        &self,
        headers: &HeaderMap,
        peer: Option<Peer>,
    ) -> Result<(), HttpProblem> {
        let own_page = headers
            .get("sec-fetch-site")
            .is_some_and(|site| site == "same-origin");
        if !own_page {
            return self.may_change(headers, peer);
        }
        let mut direct = headers.clone();
        for name in ["sec-fetch-site", "origin"] {
            direct.remove(name);
        }
        self.may_change(&direct, peer)
    }

    /// Whether this request may change anything else.
    pub(super) fn may_change(
        &self,
        headers: &HeaderMap,
        peer: Option<Peer>,
    ) -> Result<(), HttpProblem> {
        match &self.token {
            Some(token) => known(token, headers),
            None if is_local(headers, peer) => Ok(()),
            None => {
                let detail = "without an API token this works from the same host only, and not \
                              through a proxy or a browser; set FANOUT_API_TOKEN";
                Err(HttpProblem::new(StatusCode::FORBIDDEN, detail))
            }
        }
    }
}

fn known(token: &[u8; 32], headers: &HeaderMap) -> Result<(), HttpProblem> {
    let given = headers
        .get(header::AUTHORIZATION)
        .map(|value| value.as_bytes());
    let given = given.and_then(bearer);
    // The absent token takes the same way as a wrong one.
    let right = token.ct_eq(&digest(given.unwrap_or_default()));
    if given.is_some() & bool::from(right) {
        return Ok(());
    }
    let detail = match given {
        Some(_) => "the API token is not the right one",
        None => "this needs the API token: Authorization: Bearer TOKEN",
    };
    Err(HttpProblem::new(StatusCode::UNAUTHORIZED, detail))
}

/// The token behind the scheme, whose case does not matter (RFC 9110).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn is_local(headers: &HeaderMap, peer: Option<Peer>) -> bool {
    let loopback = peer.is_some_and(|Peer(addr)| addr.ip().to_canonical().is_loopback());
    let direct = !NOT_FROM_HERE.iter().any(|name| headers.contains_key(*name));
    loopback && direct && host_is_local(headers)
}

/// A page of the web may have its name resolved to the loopback: then the host is its name.
fn host_is_local(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else {
        return true;
    };
    let Some(host) = host
        .to_str()
        .ok()
        .and_then(|host| host.parse::<axum::http::uri::Authority>().ok())
    else {
        return false;
    };
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    let address = name.parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    const LOCAL: Option<Peer> = Some(Peer(std::net::SocketAddr::new(
        std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        1,
    )));

    fn guard(token: Option<&str>, api_token_events: bool) -> Guard {
        Guard::new(&HttpConfig {
            api_token: token.map(Secret::new),
            api_token_events,
            ..HttpConfig::default()
        })
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let name = axum::http::HeaderName::from_static(name);
            (name, axum::http::HeaderValue::from_static(value))
        });
        pairs.collect()
    }

    fn status(result: Result<(), HttpProblem>) -> u16 {
        result.map_or_else(|problem| problem.status().as_u16(), |()| 200)
    }

    #[test]
    fn with_a_token_only_the_token_counts() {
        let guard = guard(Some("s3cret"), false);
        let change = |value| status(guard.may_change(&headers(&[("authorization", value)]), LOCAL));
        assert_eq!(change("Bearer s3cret"), 200);
        assert_eq!(change("bearer  s3cret "), 200);
        for wrong in [
            "Bearer s3cre",
            "Bearer s3crets",
            "Bearer",
            "Bearer ",
            "Basic s3cret",
            "s3cret",
        ] {
            assert_eq!(change(wrong), 401, "{wrong}");
        }
        assert_eq!(status(guard.may_change(&HeaderMap::new(), LOCAL)), 401);
        assert_eq!(status(guard.may_post(&HeaderMap::new())), 200);
    }

    #[test]
    fn posting_needs_the_token_where_that_is_set() {
        let guard = guard(Some("s3cret"), true);
        assert_eq!(status(guard.may_post(&HeaderMap::new())), 401);
        let right = headers(&[("authorization", "Bearer s3cret")]);
        assert_eq!(status(guard.may_post(&right)), 200);
    }

    #[test]
    fn without_a_token_only_the_same_host_may_change_anything() {
        let guard = guard(None, false);
        let change = |pairs: &[_], peer| status(guard.may_change(&headers(pairs), peer));
        assert_eq!(change(&[], LOCAL), 200);
        assert_eq!(change(&[("host", "localhost:8080")], LOCAL), 200);
        assert_eq!(change(&[("host", "[::1]:8080")], LOCAL), 200);
        let mapped = Peer("[::ffff:127.0.0.1]:7".parse().unwrap());
        assert_eq!(change(&[], Some(mapped)), 200);
        assert_eq!(change(&[], Some(Peer("10.0.0.7:1".parse().unwrap()))), 403);
        assert_eq!(change(&[], None), 403);
    }

    #[test]
    fn a_page_of_the_gateway_itself_may_read_and_not_change() {
        let guard = guard(None, false);
        let own = headers(&[
            ("sec-fetch-site", "same-origin"),
            ("host", "localhost:8080"),
        ]);
        assert_eq!(status(guard.may_read(&own, LOCAL)), 200);
        assert_eq!(status(guard.may_change(&own, LOCAL)), 403);
        let rebound = headers(&[("sec-fetch-site", "same-origin"), ("host", "example.com")]);
        assert_eq!(status(guard.may_read(&rebound, LOCAL)), 403);
        let foreign = headers(&[("sec-fetch-site", "cross-site")]);
        assert_eq!(status(guard.may_read(&foreign, LOCAL)), 403);
    }

    #[test]
    fn a_proxy_and_a_page_in_a_browser_are_not_the_same_host() {
        let guard = guard(None, false);
        for pair in [
            ("x-forwarded-for", "10.0.0.7"),
            ("origin", "http://example.com"),
            ("sec-fetch-site", "cross-site"),
            ("host", "example.com"),
        ] {
            assert_eq!(
                status(guard.may_change(&headers(&[pair]), LOCAL)),
                403,
                "{pair:?}"
            );
        }
    }
}
