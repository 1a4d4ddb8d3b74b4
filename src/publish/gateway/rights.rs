//! The right to do something, as an argument of a handler: without it there is no call.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::Gateway;
use crate::operate::{HttpProblem, Peer};

/// May read what events are made of.
pub(super) struct Reader;

/// May change something; from where, as far as that is known.
pub(super) struct Changer(Option<Peer>);

impl Changer {
    /// For logs and notes that others read. Without the port: the next request of the same
    /// client has another.
    pub(super) fn who(&self) -> String {
        let addr = self.addr();
        addr.map_or_else(|| "http".to_owned(), |addr| format!("http:{}", addr.ip()))
    }

    pub(super) fn addr(&self) -> Option<SocketAddr> {
        self.0.map(|Peer(addr)| addr)
    }
}

impl FromRequestParts<Arc<Gateway>> for Reader {
    type Rejection = HttpProblem;

    async fn from_request_parts(
        parts: &mut Parts,
        gateway: &Arc<Gateway>,
    ) -> Result<Self, HttpProblem> {
        gateway.guard.may_read(&parts.headers, peer(parts))?;
        Ok(Self)
    }
}

impl FromRequestParts<Arc<Gateway>> for Changer {
    type Rejection = HttpProblem;

    async fn from_request_parts(
        parts: &mut Parts,
        gateway: &Arc<Gateway>,
    ) -> Result<Self, HttpProblem> {
        let peer = peer(parts);
        gateway.guard.may_change(&parts.headers, peer)?;
        Ok(Self(peer))
    }
}

fn peer(parts: &Parts) -> Option<Peer> {
    parts.extensions.get().copied()
}
