//! One connection to the database, prepared: everything on it dies with it.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{AsyncMessage, Client, Error};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::error::{OutboxError, text};
use super::rows::Statements;
use super::table::Table;
use super::tls;
use crate::config::OutboxConfig;

/// A silent peer is noticed within this and the three probes after it, on both sides.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(10);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
const KEEPALIVE_PROBES: u32 = 3;

/// A connection with its prepared statements. Dropping it closes the connection, and with it
/// go its locks.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) statements: Statements,
    /// Told of every notification.
    pub(super) notified: Arc<Notify>,
    /// Cancelled once the connection is gone.
    pub(super) lost: CancellationToken,
    pub(super) deadline: Duration,
    _driver: Driver,
}

/// Moves bytes of a connection; ends with it.
pub(super) type Driver = AbortOnDropHandle<()>;

impl Session {
    /// Connects, listens, and prepares the statements, by which it sees whether the table is
    /// as it should be.
    ///
    /// # Errors
    /// The database is away, refuses, or has no such table.
    pub(super) async fn open(config: &OutboxConfig, table: &Table) -> Result<Self, OutboxError> {
        let (notified, lost) = (Arc::new(Notify::new()), CancellationToken::new());
        let (client, driver) = attach(config, Arc::clone(&notified), lost.clone()).await?;
        let settings = settings(config, table);
        within(config.call_timeout, client.batch_execute(&settings)).await?;
        let statements = within(
            config.call_timeout,
            Statements::prepare(&client, table, config),
        )
        .await?;
        Ok(Self {
            client,
            statements,
            notified,
            lost,
            deadline: config.call_timeout,
            _driver: driver,
        })
    }

    /// Awaits a call, for no longer than the deadline.
    pub(super) async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, OutboxError> {
        within(self.deadline, call).await
    }
}

/// What holds for the session.
///
/// Marks need not wait for the disk: one that is lost with the server is a repetition. Plans
/// are made for the values at hand: a general one would not know how short the batch is.
fn settings(config: &OutboxConfig, table: &Table) -> String {
    format!(
        "SET statement_timeout = {deadline}; SET synchronous_commit = off; \
         SET plan_cache_mode = force_custom_plan; SET idle_session_timeout = 0; \
         SET tcp_keepalives_idle = {idle}; SET tcp_keepalives_interval = {every}; \
         SET tcp_keepalives_count = {KEEPALIVE_PROBES}; LISTEN {channel}",
        deadline = config.call_timeout.as_millis(),
        idle = KEEPALIVE_AFTER.as_secs(),
        every = KEEPALIVE_EVERY.as_secs(),
        channel = table.channel(),
    )
}

/// A plain connection. Both end within a deadline; cancel by dropping.
///
/// # Errors
/// The settings cannot be used; or the database is away or refuses.
pub(super) async fn connect(config: &OutboxConfig) -> Result<(Client, Driver), OutboxError> {
    attach(config, Arc::default(), CancellationToken::new()).await
}

async fn attach(
    config: &OutboxConfig,
    notified: Arc<Notify>,
    lost: CancellationToken,
) -> Result<(Client, Driver), OutboxError> {
    let target = target(config)?;
    let tls = tls::connector(&config.tls)?;
    let connecting = target.connect(tls);
    let (client, mut connection) = within(config.connect_timeout, connecting).await?;
    let driver = async move {
        loop {
            match poll_fn(|context| connection.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(_))) => notified.notify_one(),
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    tracing::debug!(%error, "the connection to the database has ended");
                    break;
                }
                None => break,
            }
        }
        lost.cancel();
    };
    Ok((client, AbortOnDropHandle::new(tokio::spawn(driver))))
}

fn target(config: &OutboxConfig) -> Result<tokio_postgres::Config, OutboxError> {
    let missing = || OutboxError::Settings("outbox.url is not set".to_owned());
    let url = config.url.as_ref().ok_or_else(missing)?;
    let mut target: tokio_postgres::Config = url
        .expose()
        .parse()
        .map_err(|error: Error| OutboxError::Settings(text(&error)))?;
    if target.get_application_name().is_none() {
        target.application_name("fanout-outbox");
    }
    target
        .connect_timeout(config.connect_timeout)
        .tcp_user_timeout(config.call_timeout)
        .keepalives_idle(KEEPALIVE_AFTER)
        .keepalives_interval(KEEPALIVE_EVERY)
        .keepalives_retries(KEEPALIVE_PROBES)
        // A standby takes locks, and no marks.
        .target_session_attrs(TargetSessionAttrs::ReadWrite);
    Ok(target)
}

/// Awaits a call for at most `deadline`; the driver itself waits for ever.
pub(super) async fn within<T>(
    deadline: Duration,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, OutboxError> {
    match timeout(deadline, call).await {
        Ok(result) => result.map_err(OutboxError::from),
        Err(_) => Err(OutboxError::timed_out(deadline)),
    }
}
