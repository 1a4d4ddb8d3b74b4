//! `fanout outbox run`

use clap::Args;
use fanout::broker::Broker;
use fanout::broker::amqp::AmqpBroker;
use fanout::codec::Codec;
use fanout::config::{Config, ExchangeKind, UseRabbitmq};
use fanout::operate;
use fanout::publish::Stamper;
use fanout::publish::outbox::{Ended, OutboxError, Relay, Service, Snapshot, router};
use fanout::telemetry::{self, log};
use fanout::topology::Topology;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::failed;
use crate::exit::{CommandError, Exit};
use crate::output::OutputArgs;
use crate::signals;

const VERSION: &str = env!("CARGO_PKG_VERSION");

const HELP: &str = "\
Runs until SIGTERM or SIGINT: then what is on its way is confirmed and marked. Several relays
of one table share the work. /live, /ready, /health and /metrics answer on FANOUT_HTTP_ADDR.

Exit codes:
  0 done · 3 configuration · 4 the database refuses, or the broker does · 5 failed while
  running, or --until-empty cannot be · 6 drain deadline passed · 130 second signal";

/// Publish the rows of the outbox as they are committed
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct RunArgs {
    /// Exit 0 once no row waits, 5 when that cannot be
    #[arg(long)]
    until_empty: bool,

    /// With --until-empty: how long broker or database may be away before it is given up
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration, requires = "until_empty")]
    stuck_after: Duration,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: RunArgs, config: &Config) -> Result<Exit, CommandError> {
    if config.outbox.url.is_none() {
        let missing = OutboxError::Settings("outbox.url is not set".to_owned());
        return Err(failed(&missing, false));
    }
    if config.broker.use_rabbitmq != UseRabbitmq::True {
        let message = "the outbox goes to RabbitMQ alone, and USE_RABBITMQ is not true";
        return Err(CommandError::new(Exit::Configuration, message)
            .hint("leave USE_RABBITMQ unset for this command"));
    }
    let exchange = exchange(config)?;
    let listener = listen(config).await?;
    let stop = signals::stop();
    let topology = Topology::from_config(config);
    let broker = Arc::new(AmqpBroker::start(config.broker.clone(), topology));
    let mut relay = Relay::new(config, broker.clone(), stamper(config, &exchange));
    if args.until_empty {
        relay = relay.until_empty(args.stuck_after);
    }
    let monitor = relay.monitor();
    operate::record_metrics();
    telemetry::describe_outbox();
    if let Ok(http) = listener.local_addr() {
        log::outbox_starts(&exchange, VERSION, http);
    }
    let service = Service::new(config, relay.monitor(), broker.status(), VERSION);
    let _serving = AbortOnDropHandle::new(tokio::spawn(operate::serve(listener, router(service))));
    let _folding = AbortOnDropHandle::new(tokio::spawn(operate::keep_metrics_small()));
    let started = Instant::now();
    let ended = within_drain(relay.run(&stop), &stop, config.worker.drain_deadline).await;
    let connected = broker.status().borrow().epoch > 0;
    broker.close().await;
    let seen = monitor.snapshot();
    log::outbox_ended(&seen);
    Summary::new(exchange, &seen, started.elapsed()).print(args.output)?;
    judge(ended, connected)
}

fn judge(ended: Option<Result<Ended, OutboxError>>, connected: bool) -> Result<Exit, CommandError> {
    match ended {
        Some(Ok(Ended::Stopped | Ended::Empty)) => Ok(Exit::Done),
        Some(Ok(Ended::Stuck(why))) => {
            let message = format!("the outbox does not become empty: {why}");
            Err(CommandError::new(Exit::RunTime, message))
        }
        Some(Err(error)) => Err(failed(&error, connected)),
        None => {
            let message = "drain deadline passed; what was on its way is published again";
            Err(CommandError::new(Exit::DrainDeadline, message))
        }
    }
}

/// `None` where the relay has not ended within `deadline` after `stop`.
async fn within_drain<T>(
    running: impl Future<Output = T>,
    stop: &CancellationToken,
    deadline: Duration,
) -> Option<T> {
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(deadline).await;
    };
    tokio::select! {
        biased;
        ended = running => Some(ended),
        () = late => None,
    }
}

async fn listen(config: &Config) -> Result<TcpListener, CommandError> {
    operate::listen(&config.http).await.map_err(|error| {
        let message = format!("cannot listen on {}: {error}", config.http.addr);
        CommandError::new(Exit::StartUp, message).hint("set FANOUT_HTTP_ADDR to a free address")
    })
}

fn exchange(config: &Config) -> Result<String, CommandError> {
    let first = config.exchanges.first().map(|exchange| &exchange.name);
    let chosen = config.outbox.exchange.as_ref().or(first).cloned();
    chosen.ok_or_else(|| CommandError::new(Exit::Configuration, "no exchange is configured"))
}

fn stamper(config: &Config, exchange: &str) -> Stamper {
    let topics = config
        .exchanges
        .iter()
        .filter(|e| e.kind == ExchangeKind::Topic);
    Stamper {
        codec: Codec::new(config.codec.clone())
            .with_topic_exchanges(topics.map(|e| e.name.clone())),
        limit: config.broker.max_message_bytes,
        exchange: exchange.to_owned(),
        routing_key: None,
        app_id: "fanout-outbox".to_owned(),
    }
}

#[derive(Debug, Serialize)]
struct Summary {
    exchange: String,
    published: u64,
    set_aside: u64,
    seconds: f64,
}

impl Summary {
    fn new(exchange: String, seen: &Snapshot, took: Duration) -> Self {
        Self {
            exchange,
            published: seen.published,
            set_aside: seen.refused,
            seconds: took.as_secs_f64(),
        }
    }

    fn print(&self, output: OutputArgs) -> Result<(), CommandError> {
        output.print(self, |summary| {
            format!(
                "published {} rows to exchange '{}', set aside {}, in {:.1} s",
                summary.published, summary.exchange, summary.set_aside, summary.seconds
            )
        })
    }
}
