//! The gateway: its life, requests, and what an operator does over HTTP.

use std::net::SocketAddr;

super::records! { "fanout::gateway";
    /// The gateway takes requests.
    pub fn gateway_starts(version: &str, exchange: &str, http: SocketAddr)
        INFO "gateway starts" { version = version, exchange = exchange, http = display(http) }

    /// The gateway has ended.
    pub fn gateway_ended(pending_events: u64)
        INFO "gateway ended" { pending_events = pending_events }

    /// An operator has emptied a queue over HTTP.
    pub fn queue_purged(queue: &str, purged: u64, peer: Option<SocketAddr>)
        WARN "queue purged" { queue = queue, purged = purged, peer = peer.map(display) }

    /// A mistake in the gateway itself.
    pub(crate) fn request_panicked(path: &str)
        ERROR "a request made the gateway panic" { path = path }
}
