//! The one owner of connections: connects, watches, rebuilds, gives up.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::endpoint::Endpoint;
use super::epoch::Epoch;
use crate::broker::{BrokerError, BrokerStatus, ConnectionState};
use crate::config::{BrokerConfig, Secret};
use crate::telemetry::{Outages, log};
use crate::topology::Topology;

/// A connection lost sooner than this after it was made counts as a failed attempt, so that
/// something that kills every connection does not make us reconnect without a pause.
const SETTLED_AFTER: Duration = Duration::from_secs(5);

/// What the supervisor shares with the broker's callers.
pub(super) struct Shared {
    pub(super) config: BrokerConfig,
    pub(super) topology: Topology,
    pub(super) status: watch::Sender<BrokerStatus>,
    pub(super) epoch: watch::Sender<Option<Arc<Epoch>>>,
    /// A queue may have gone with its bindings: declare again before consuming.
    pub(super) suspicion: Arc<AtomicBool>,
    pub(super) closing: CancellationToken,
}

/// Runs until the broker is closed, or cannot be had and is required.
pub(super) async fn run(shared: Arc<Shared>) {
    let closing = shared.closing.clone();
    let mut supervisor = Supervisor {
        shared,
        epochs: 0,
        preferred: 0,
        endpoints: HashMap::new(),
        away: Outages::default(),
        alarm: Outages::default(),
    };
    // Ends by itself only where the broker is given up; that stays to be seen.
    let closed = closing.run_until_cancelled(supervisor.supervise()).await;
    if closed.is_none()
        && let Some(epoch) = supervisor.retire(None)
    {
        epoch.close(CLOSE_WITHIN).await;
    }
}

struct Supervisor {
    shared: Arc<Shared>,
    epochs: u64,
    /// Index of the URL that worked last.
    preferred: usize,
    /// By index of the URL. Kept: they remember what their server agreed to.
    endpoints: HashMap<usize, Endpoint>,
    away: Outages,
    alarm: Outages,
}

impl Supervisor {
    async fn supervise(&mut self) {
        let mut flaps = 0;
        while let Some(epoch) = self.connect(flaps).await {
            let since = Instant::now();
            let error = epoch.lost(|reason| self.blocked(reason)).await;
            flaps = if since.elapsed() < SETTLED_AFTER {
                flaps + 1
            } else {
                0
            };
            if let Some(told) = self.away.failed("") {
                log::connection_lost(&error, epoch.number, told);
            }
            self.retire(Some(&error));
            // The other one may still stand, or hang: what waits on it shall not.
            epoch.hang_up();
        }
    }

    fn blocked(&self, reason: Option<String>) {
        match &reason {
            Some(reason) => {
                if let Some(told) = self.alarm.failed("") {
                    log::blocked(reason, told);
                }
            }
            None => self.unblocked(),
        }
        self.shared.status.send_modify(|s| s.blocked = reason);
    }

    fn unblocked(&self) {
        if let Some(told) = self.alarm.over("") {
            log::unblocked(told);
        }
    }

    /// Tries until connected; `None` where trying on is pointless.
    async fn connect(&mut self, flaps: u32) -> Option<Arc<Epoch>> {
        let mut failed = flaps;
        if failed > 0 {
            self.back_off(failed).await;
        }
        loop {
            let attempt = failed + 1;
            match self.pass(attempt).await {
                Ok(epoch) => return Some(epoch),
                Err(failure) => {
                    failed = attempt;
                    if let Some(fatal) = self.verdict(failed, &failure) {
                        self.give_up(fatal);
                        return None;
                    }
                    self.failed(failed, &failure.error);
                    self.back_off(failed).await;
                }
            }
        }
    }

    /// One attempt: every URL once, beginning with the one that worked last.
    async fn pass(&mut self, attempt: u32) -> Result<Arc<Epoch>, Failure> {
        let count = self.shared.config.urls.len();
        let mut failure = Failure {
            error: BrokerError::NotConnected("no broker URL is configured".to_owned()),
            permanent: true,
        };
        for offset in 0..count {
            let index = (self.preferred + offset) % count;
            match self.try_url(index, attempt).await {
                Ok(epoch) => {
                    self.preferred = index;
                    return Ok(epoch);
                }
                Err(error) => {
                    failure.permanent &= self.is_permanent(&error);
                    failure.error = error;
                }
            }
        }
        Err(failure)
    }

    async fn try_url(&mut self, index: usize, attempt: u32) -> Result<Arc<Epoch>, BrokerError> {
        let shared = Arc::clone(&self.shared);
        let Some(url) = shared.config.urls.get(index) else {
            return Err(BrokerError::NotConnected("no such URL".to_owned()));
        };
        let result = match self.endpoint(index, url, &shared.config) {
            Ok(endpoint) => {
                self.shared.status.send_modify(|s| {
                    s.state = match s.state {
                        ConnectionState::Failed => ConnectionState::Failed,
                        _ => ConnectionState::Connecting,
                    };
                    s.url.clone_from(&endpoint.masked);
                });
                let number = self.epochs + 1;
                let opening = Epoch::open(number, &endpoint, &shared.topology, &shared.config);
                opening.await.map(|epoch| self.established(epoch))
            }
            Err(error) => Err(error),
        };
        if let Err(error) = &result
            && let Some(told) = self.away.failed("")
        {
            let url = self.shared.status.borrow().url.clone();
            log::cannot_connect(error, &url, attempt, told);
        }
        result
    }

    fn endpoint(
        &mut self,
        index: usize,
        url: &Secret,
        config: &BrokerConfig,
    ) -> Result<Endpoint, BrokerError> {
        if let Some(known) = self.endpoints.get(&index) {
            return Ok(known.clone());
        }
        let endpoint = Endpoint::parse(url, config)?;
        self.endpoints.insert(index, endpoint.clone());
        Ok(endpoint)
    }

    fn established(&mut self, epoch: Epoch) -> Arc<Epoch> {
        let epoch = Arc::new(epoch);
        self.epochs = epoch.number;
        self.shared.epoch.send_replace(Some(Arc::clone(&epoch)));
        self.shared.status.send_modify(|s| {
            s.state = ConnectionState::Connected;
            s.epoch = epoch.number;
            s.failed_attempts = 0;
            s.last_error = None;
            s.blocked = None;
        });
        let url = self.shared.status.borrow().url.clone();
        let told = self.away.over("");
        // One that comes and goes has its lines now and then.
        if told.is_some() || epoch.number == 1 {
            log::connected(&url, epoch.number, told);
        }
        epoch
    }

    fn failed(&self, attempts: u32, error: &BrokerError) {
        let failed = attempts >= self.shared.config.backoff.failed_after;
        self.shared.status.send_modify(|s| {
            s.failed_attempts = attempts;
            s.last_error = Some(error.to_string());
            s.state = if failed {
                ConnectionState::Failed
            } else {
                ConnectionState::Connecting
            };
        });
    }

    /// Whether trying again cannot mend it. What another program may yet declare is missing
    /// only for now, and a broker that has worked may be amidst a change.
    fn is_permanent(&self, error: &BrokerError) -> bool {
        let required = self.shared.config.required;
        match error {
            BrokerError::AccessRefused(_) | BrokerError::TopologyMismatch(_) => {
                required || self.epochs == 0
            }
            BrokerError::NotFound(_) => required,
            _ => false,
        }
    }

    fn verdict(&self, attempts: u32, failure: &Failure) -> Option<BrokerError> {
        if failure.permanent {
            return Some(failure.error.clone());
        }
        let limit = self.shared.config.backoff.max_attempts?;
        (self.shared.config.required && attempts >= limit).then(|| BrokerError::AttemptsExhausted {
            attempts,
            last: failure.error.to_string(),
        })
    }

    fn give_up(&self, fatal: BrokerError) {
        log::gave_up(&fatal, fatal.code());
        self.shared.status.send_modify(|s| {
            s.state = ConnectionState::Failed;
            s.last_error = Some(fatal.to_string());
            s.fatal = Some(fatal);
        });
    }

    async fn back_off(&self, failed: u32) {
        let plan = &self.shared.config.backoff;
        sleep(plan.jittered(failed, fastrand::f64())).await;
    }

    /// Takes the current epoch out of use.
    fn retire(&self, error: Option<&BrokerError>) -> Option<Arc<Epoch>> {
        let retired = self.shared.epoch.send_replace(None);
        self.unblocked();
        self.shared.status.send_modify(|s| {
            s.state = ConnectionState::Disconnected;
            s.blocked = None;
            if let Some(error) = error {
                s.last_error = Some(error.to_string());
            }
        });
        retired
    }
}

/// Deadline of closing the connections. Beyond it the sockets are just closed.
pub(super) const CLOSE_WITHIN: Duration = Duration::from_secs(2);

struct Failure {
    error: BrokerError,
    /// All URLs failed in a way that trying again does not mend.
    permanent: bool,
}
