//! `fanout serve`: the gateway from start to drained.

mod args;
mod way;

use std::sync::Arc;

use fanout::broker::{BrokerError, BrokerStatus, ConnectionState};
use fanout::config::{Config, Loaded};
use fanout::operate;
use fanout::publish::gateway::{Gateway, Schemas};
use fanout::publish::{Publisher, SpoolError};
use fanout::telemetry::log;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::exit::{CommandError, Exit};
use crate::signals;
pub(crate) use args::ServeArgs;
use way::Way;

/// Where it listens unless something else is set; 8081 is the workers'.
const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);

/// Shells allow 1,024 open files unless asked for what the system allows.
fn allow_many_connections() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

pub(crate) async fn run(mut loaded: Loaded) -> Result<Exit, CommandError> {
    let stop = signals::stop();
    allow_many_connections();
    if !loaded.config.http.explicit {
        loaded.config.http.addr = ADDRESS.into();
    }
    let config = loaded.config.clone();
    let schemas = schemas(&config)?;
    let addr = config.http.addr;
    let taken =
        |error| CommandError::new(Exit::StartUp, format!("cannot listen on {addr}: {error}"));
    let listener = operate::listen(&config.http).await.map_err(taken)?;
    let http = listener.local_addr().map_err(taken)?;
    let way = Way::open(&loaded).await?;
    let broker = way.broker.clone();
    let publisher = Publisher::with_broker(broker.clone(), &config).await;
    let publisher = Arc::new(publisher.map_err(no_spool)?);
    operate::record_metrics();
    let deadline = config.worker.drain_deadline;
    let gateway = Gateway::new(
        config,
        env!("CARGO_PKG_VERSION"),
        way.intake(publisher.clone()),
        broker.clone(),
    );
    let gateway = Arc::new(
        gateway
            .with_schemas(schemas)
            .with_destinations(way.destinations())
            .with_stores(way.stores(&loaded)),
    );
    let (limits, drain) = (gateway.connection_limits(), gateway.draining().clone());
    log::gateway_starts(env!("CARGO_PKG_VERSION"), gateway.exchange(), http);
    let watching = gateway.clone();
    let watching = tokio::spawn(async move { watching.watch_queues().await });
    let _watching = AbortOnDropHandle::new(watching);
    let serving = operate::serve_until(listener, gateway.router(), limits, drain.clone());
    let serving = AbortOnDropHandle::new(tokio::spawn(serving));
    let _upkeep = AbortOnDropHandle::new(tokio::spawn(operate::keep_metrics_small()));
    let given_up = tokio::select! {
        () = stop.cancelled() => None,
        given_up = given_up(broker.status()) => Some(given_up),
        ended = way.ended() => Some(ended),
    };
    log::draining();
    drain.cancel();
    let over = Instant::now() + deadline;
    let drained = timeout_at(over, serving).await;
    let left = publisher.shut_down(over - Instant::now()).await;
    broker.close().await;
    let closed = way.close().await;
    log::gateway_ended(left.messages);
    match (closed.err().or(given_up), drained) {
        (Some(error), _) => Err(error),
        (None, Ok(_)) => Ok(Exit::Done),
        (None, Err(_)) => Ok(Exit::DrainDeadline),
    }
}

fn schemas(config: &Config) -> Result<Schemas, CommandError> {
    let Some(dir) = &config.gateway.schemas else {
        return Ok(Schemas::default());
    };
    let schemas = Schemas::read(dir).map_err(|error| {
        CommandError::new(Exit::Configuration, error)
            .hint("gateway.schemas names a folder with a file KIND.json for each kind")
    })?;
    let kinds: Vec<_> = schemas.kinds().collect();
    log::schemas_read(dir, &kinds.join(", "));
    Ok(schemas)
}

/// One program has a spool: another one's is a mistake of the configuration.
fn no_spool(error: SpoolError) -> CommandError {
    let exit = match error {
        SpoolError::InUse { .. } => Exit::Configuration,
        _ => Exit::StartUp,
    };
    CommandError::new(exit, error).hint("FANOUT_SPOOL_DIR names the folder")
}

/// Resolves when the broker is no longer tried: waiting does not mend it.
async fn given_up(mut status: watch::Receiver<BrokerStatus>) -> CommandError {
    let mut connected = false;
    loop {
        let now = status.borrow_and_update().clone();
        connected |= now.state == ConnectionState::Connected;
        if let Some(fatal) = now.fatal {
            let exit = if connected {
                Exit::RunTime
            } else {
                Exit::StartUp
            };
            let message = format!("cannot use the broker at {}: {fatal}", now.url);
            return CommandError::new(exit, message).hint(hint(&fatal));
        }
        if status.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

fn hint(fatal: &BrokerError) -> &'static str {
    match fatal {
        BrokerError::AccessRefused(_) => {
            "check user, password and vhost in RABBITMQ_URL and the user's permissions"
        }
        BrokerError::AttemptsExhausted { .. } => {
            "with RABBITMQ_REQUIRED=false it is tried for ever"
        }
        _ => "compare with fanout topology print",
    }
}
