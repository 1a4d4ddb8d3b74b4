//! Why a worker ended before its time, and the exit code of each reason.

use std::io;
use std::net::SocketAddr;

use fanout_contract::Failure;

use crate::broker::BrokerError;
use crate::config::ConfigErrors;
use crate::engine::EngineError;

/// Why a worker ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The configuration is not valid.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The destination refuses for good: wrong password, missing privilege.
    #[error("the destination {processor} is not usable: {failure}")]
    Destination {
        /// Name of the processor.
        processor: String,
        /// What it said.
        failure: Failure,
    },
    /// The address for health and metrics was set and cannot be had.
    #[error("cannot listen on {addr}: {error}; set FANOUT_HTTP_ADDR to a free address")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The broker refused for good or was given up before anything was consumed.
    #[error("cannot start: {0}")]
    StartUp(BrokerError),
    /// The broker refused for good or was given up later.
    #[error("cannot go on: {0}")]
    RunTime(BrokerError),
    /// The queue will not become empty.
    #[error("the queue does not become empty: {0}")]
    Stuck(String),
    /// Not everything was settled in time.
    #[error(
        "drain deadline passed with {unsettled} events unsettled; they will be delivered again"
    )]
    DrainDeadline {
        /// Deliveries held at that moment.
        unsettled: usize,
    },
    /// A second signal.
    #[error("aborted; what was in flight will be delivered again")]
    Aborted,
    /// The system denies what every program needs: threads, signals.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

impl WorkerError {
    /// The exit code: 3 configuration, 4 start-up, 5 run-time, 6 drain deadline, 130 aborted.
    ///
    /// Refused access is a matter of the configuration: somebody has to correct it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::Destination { .. }
            | Self::StartUp(BrokerError::AccessRefused(_)) => 3,
            Self::Listen { .. } | Self::StartUp(_) | Self::System(_) => 4,
            Self::RunTime(_) | Self::Stuck(_) => 5,
            Self::DrainDeadline { .. } => 6,
            Self::Aborted => 130,
        }
    }

    /// `started`: whether anything was consumed before.
    pub(super) fn from_engine(error: EngineError, processor: &str, started: bool) -> Self {
        match error {
            EngineError::Prepare(failure) => Self::Destination {
                processor: processor.to_owned(),
                failure,
            },
            EngineError::Broker(error) if started => Self::RunTime(error),
            EngineError::Broker(error) => Self::StartUp(error),
            EngineError::DrainDeadline { unsettled } => Self::DrainDeadline { unsettled },
            EngineError::Aborted => Self::Aborted,
        }
    }
}
