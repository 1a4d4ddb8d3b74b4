//! The access log of the gateway.

use super::super::HttpRequest;

super::records! { "fanout::access";
    /// A request that may have changed something, or failed, was answered.
    pub(in super::super) fn request(
        request: &HttpRequest<'_>, took_ms: f64, peer: Option<&str>,
    )
        INFO "request" {
            method = request.method,
            path = request.path,
            status = request.status,
            took_ms = took_ms,
            accepted = request.accepted,
            rejected = request.rejected,
            peer = peer,
        }
}
