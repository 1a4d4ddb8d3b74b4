//! What lives and dies together: two connections and everything on them.
//!
//! One connection consumes and acknowledges, the other publishes: the broker blocks a
//! connection that has published when it runs out of memory or disk, and a blocked connection
//! writes nothing, not even acknowledgements.

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use lapin::Event;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::declare;
use super::endpoint::Endpoint;
use super::link::Link;
use super::publisher::Publisher;
use super::side::Side;
use crate::broker::BrokerError;
use crate::config::BrokerConfig;
use crate::topology::Topology;

/// How often the connections are looked at beside their events, which can be missed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Epoch {
    /// Counts from 1.
    pub(super) number: u64,
    pub(super) consuming: Arc<Link>,
    publishing: Arc<Link>,
    pub(super) side: Arc<Side>,
    pub(super) publisher: Publisher,
    /// Ends the tasks of this epoch.
    _lost: DropGuard,
}

impl Epoch {
    /// Connects twice and puts the topology in place.
    pub(super) async fn open(
        number: u64,
        endpoint: &Endpoint,
        topology: &Topology,
        config: &BrokerConfig,
    ) -> Result<Self, BrokerError> {
        let (consuming, publishing) = tokio::try_join!(
            Link::open(endpoint, "consume", config),
            Link::open(endpoint, "publish", config),
        )?;
        let (consuming, publishing) = (Arc::new(consuming), Arc::new(publishing));
        let deadline = config.call_timeout;
        declare::establish(&consuming, topology, config.topology, deadline).await?;
        let side = Arc::new(Side::new(Arc::clone(&consuming), deadline));
        let lost = CancellationToken::new();
        let publisher = Publisher::start(
            Arc::clone(&publishing),
            Arc::clone(&side),
            endpoint.user(),
            config,
            lost.clone(),
        )
        .await?;
        Ok(Self {
            number,
            consuming,
            publishing,
            side,
            publisher,
            _lost: lost.drop_guard(),
        })
    }

    /// Waits until a connection is lost; tells `on_blocked` whether publishing is blocked.
    pub(super) async fn lost(&self, mut on_blocked: impl FnMut(Option<String>)) -> BrokerError {
        let mut consuming = std::pin::pin!(watched(&self.consuming, false));
        let mut publishing = std::pin::pin!(watched(&self.publishing, true));
        let mut look = tokio::time::interval(LOOK_EVERY);
        let mut last = None;
        loop {
            let event = tokio::select! {
                Some(event) = consuming.next() => Some(event),
                Some(event) = publishing.next() => Some(event),
                _ = look.tick() => None,
            };
            match event {
                Some(Event::ConnectionBlocked(reason)) => on_blocked(Some(reason)),
                Some(Event::ConnectionUnblocked) => on_blocked(None),
                // Of a channel, where the connection still stands.
                Some(Event::Error(error)) => last = Some(super::error::broker(&error)),
                _ => {}
            }
            if !self.consuming.is_connected() || !self.publishing.is_connected() {
                return last.unwrap_or_else(|| {
                    BrokerError::NotConnected("the connection was closed".to_owned())
                });
            }
        }
    }

    /// Ends both connections at once, without a word.
    pub(super) fn hang_up(&self) {
        self.consuming.hang_up();
        self.publishing.hang_up();
    }

    /// Closes both connections side by side.
    pub(super) async fn close(&self, deadline: Duration) {
        tokio::join!(
            self.consuming.close(deadline),
            self.publishing.close(deadline)
        );
    }
}

/// Events of a connection; of one that never publishes, blocking means nothing.
fn watched(link: &Link, publishes: bool) -> impl Stream<Item = Event> + Send + 'static {
    link.events().filter(move |event| {
        let blocking = matches!(
            event,
            Event::ConnectionBlocked(_) | Event::ConnectionUnblocked
        );
        std::future::ready(publishes || !blocking)
    })
}
