//! What is the same in every program that serves probes.

use std::fmt::Display;
use std::net::SocketAddr;

super::records! { "fanout::operate";
    /// Several programs share a host.
    pub(crate) fn address_taken(taken: SocketAddr, instead: SocketAddr)
        WARN "the default address is taken, a free port is used" {
            taken = display(taken),
            instead = display(instead),
        }

    /// The process has another recorder of metrics.
    pub(crate) fn metrics_elsewhere(error: &dyn Display)
        INFO "metrics are recorded elsewhere" { error = display(error) }

    /// The store of a queue cannot say which dead letters are applied.
    #[cfg_attr(not(feature = "cli"), allow(dead_code))]
    pub(crate) fn applied_unknown(queue: &str, error: &dyn Display)
        INFO "nobody can tell what is applied" { queue = queue, error = display(error) }

    /// An operator has paused the consumption of a queue.
    #[cfg_attr(not(feature = "cli"), allow(dead_code))]
    pub(crate) fn queue_paused(queue: &str, by: &str)
        WARN "queue paused" { queue = queue, by = by }

    /// An operator lets a queue go on.
    #[cfg_attr(not(feature = "cli"), allow(dead_code))]
    pub(crate) fn queue_resumed(queue: &str, peer: Option<SocketAddr>)
        WARN "queue resumed" { queue = queue, peer = peer.map(display) }
}
