//! `--check`: all of a start but consuming, with every problem in one report.
//!
//! It does what a start would do: declares or verifies the topology as configured, prepares
//! the destination.

use fanout_contract::{Failure, FailureClass};
use std::fmt;
use std::time::Duration;

use super::Worker;
use super::run::Job;
use crate::broker::amqp::AmqpBroker;
use crate::broker::{Broker, BrokerError, BrokerStatus, ConnectionState};
use crate::config::{BrokerConfig, Config};
use crate::topology::Topology;

/// Beyond the deadline of an attempt at each URL: time to declare the topology.
const GRACE: Duration = Duration::from_secs(20);

const DECLARE: &str = "declare it with fanout topology apply, or set broker.topology = \"declare\"";

/// What a check found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What is well.
    pub(super) well: Vec<String>,
    problems: Vec<Problem>,
}

#[derive(Debug)]
struct Problem {
    text: String,
    hint: Option<&'static str>,
    /// Somebody has to correct the configuration; else a server is away.
    configuration: bool,
}

impl Findings {
    /// 0, 3 where a correction is needed, else 4.
    pub(super) fn exit_code(&self) -> u8 {
        match self.problems.iter().map(|p| p.configuration).max() {
            None => 0,
            Some(true) => 3,
            Some(false) => 4,
        }
    }

    fn add(&mut self, finding: Result<String, Problem>) {
        match finding {
            Ok(text) => self.well.push(text),
            Err(problem) => self.problems.push(problem),
        }
    }
}

impl fmt::Display for Findings {
    /// A headline, then one numbered line per problem.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "the check found {count} {noun}")?;
        for (index, problem) in self.problems.iter().enumerate() {
            write!(f, "\n  {}. {}", index + 1, problem.text)?;
            if let Some(hint) = problem.hint {
                write!(f, "; {hint}")?;
            }
        }
        Ok(())
    }
}

impl Worker {
    /// Checks everything, whatever is found on the way.
    pub(super) async fn check(&self, config: &Config, job: Job) -> Findings {
        let mut findings = Findings::default();
        let (broker, destination) = tokio::join!(
            check_broker(config, &job.engine.queue.name),
            check_destination(&job)
        );
        findings.add(broker);
        findings.add(destination);
        job.processor.close().await;
        findings
    }
}

/// Connects once to each URL; the topology is part of it.
async fn check_broker(config: &Config, queue: &str) -> Result<String, Problem> {
    let mut settings: BrokerConfig = config.broker.clone();
    // One round through the URLs tells; a start would go on trying.
    settings.required = true;
    settings.backoff.max_attempts = Some(1);
    let urls = u32::try_from(settings.urls.len()).unwrap_or(u32::MAX);
    let patience = settings.connect_timeout.saturating_mul(urls) + GRACE;
    let broker = AmqpBroker::start(settings, Topology::from_config(config));
    let _ = tokio::time::timeout(patience, broker.connected()).await;
    let status = broker.status().borrow().clone();
    let depth = broker.depth(queue).await;
    broker.close().await;
    if status.state != ConnectionState::Connected {
        return Err(broker_problem(&status));
    }
    match depth {
        Ok(Some(depth)) => Ok(format!(
            "broker {}: {queue} has {} messages and {} consumers",
            status.url, depth.ready, depth.consumers
        )),
        Ok(None) => Err(Problem {
            text: format!("broker {}: there is no queue {queue}", status.url),
            hint: Some(DECLARE),
            configuration: false,
        }),
        Err(error) => Err(Problem {
            text: format!("broker {}: {error}", status.url),
            hint: None,
            configuration: false,
        }),
    }
}

fn broker_problem(status: &BrokerStatus) -> Problem {
    let error = match &status.fatal {
        // The one attempt that there was; its number says nothing.
        Some(BrokerError::AttemptsExhausted { last, .. }) => last.clone(),
        Some(fatal) => fatal.to_string(),
        None => status
            .last_error
            .clone()
            .unwrap_or_else(|| "no answer".to_owned()),
    };
    let (hint, configuration) = match &status.fatal {
        Some(BrokerError::AccessRefused(_)) => (
            "check user, password, vhost and permissions in RABBITMQ_URL",
            true,
        ),
        Some(BrokerError::TopologyMismatch(_)) => (
            "give the queue another name and drain the old one, or configure what it has",
            false,
        ),
        Some(BrokerError::NotFound(_)) => (DECLARE, false),
        _ => (
            "is RabbitMQ running there? RABBITMQ_URL says where to connect",
            false,
        ),
    };
    Problem {
        text: format!("broker {}: {}", status.url, error.trim_end_matches('.')),
        hint: Some(hint),
        configuration,
    }
}

async fn check_destination(job: &Job) -> Result<String, Problem> {
    let name = job.processor.name();
    let deadline = job.engine.queue.deadline;
    match tokio::time::timeout(deadline, job.processor.prepare()).await {
        Ok(Ok(())) => Ok(format!("destination {name} is ready")),
        Ok(Err(failure)) => Err(destination_problem(name, &failure)),
        Err(_) => Err(Problem {
            text: format!("destination {name}: no answer within {deadline:?}"),
            hint: Some("is it overloaded? Its own log says more"),
            configuration: false,
        }),
    }
}

fn destination_problem(name: &str, failure: &Failure) -> Problem {
    Problem {
        text: format!("destination {name}: {failure}"),
        // The processor knows its destination and says what to do.
        hint: None,
        configuration: failure.class() == FailureClass::Permanent,
    }
}
