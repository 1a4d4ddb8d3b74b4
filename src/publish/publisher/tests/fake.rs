//! A broker that does what it is told.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::broker::publish_only::PublishOnly;
use crate::broker::{BrokerStatus, ConnectionState, Message, PublishError};

/// How it answers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Mood {
    #[default]
    Takes,
    Refuses,
    /// Never answers, and takes nothing.
    Hangs,
    /// Fails this share of messages, half of which have arrived.
    Fails(f64),
}

pub(super) struct State {
    pub(super) mood: Mood,
    /// Answers for a message by its id, before the mood counts.
    pub(super) answers: HashMap<String, VecDeque<PublishError>>,
    pub(super) latency: Duration,
    /// In the order in which they arrived.
    pub(super) arrived: Vec<Message>,
    /// When it was asked.
    pub(super) asked: Vec<Instant>,
    pub(super) in_flight: usize,
    pub(super) most_in_flight: usize,
    pub(super) random: fastrand::Rng,
}

pub(super) struct Fake {
    status: watch::Sender<BrokerStatus>,
    state: Mutex<State>,
}

impl Default for Fake {
    fn default() -> Self {
        let status = BrokerStatus {
            state: ConnectionState::Connected,
            url: "fake".to_owned(),
            epoch: 1,
            failed_attempts: 0,
            last_error: None,
            blocked: None,
            fatal: None,
        };
        let state = State {
            mood: Mood::Takes,
            answers: HashMap::new(),
            latency: Duration::from_millis(1),
            arrived: Vec::new(),
            asked: Vec::new(),
            in_flight: 0,
            most_in_flight: 0,
            random: fastrand::Rng::with_seed(1),
        };
        Self {
            status: watch::Sender::new(status),
            state: Mutex::new(state),
        }
    }
}

impl Fake {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn mood(&self, mood: Mood) {
        self.state().mood = mood;
    }

    pub(super) fn answers(&self, id: &str, answers: Vec<PublishError>) {
        self.state().answers.insert(id.to_owned(), answers.into());
    }

    pub(super) fn leave(&self) {
        self.status.send_modify(|status| {
            status.state = ConnectionState::Disconnected;
            status.last_error = Some("gone".to_owned());
        });
    }

    pub(super) fn come_back(&self) {
        self.status.send_modify(|status| {
            status.state = ConnectionState::Connected;
            status.last_error = None;
            status.epoch += 1;
        });
    }

    pub(super) fn block(&self, blocked: bool) {
        let reason = blocked.then(|| "low on memory".to_owned());
        self.status.send_modify(|status| status.blocked = reason);
    }

    /// Ids in the order in which they arrived.
    pub(super) fn arrived(&self) -> Vec<String> {
        self.state()
            .arrived
            .iter()
            .filter_map(|m| m.properties.message_id.clone())
            .collect()
    }

    pub(super) fn asked(&self) -> usize {
        self.state().asked.len()
    }

    async fn answer(&self, message: Message) -> Result<(), PublishError> {
        let away = || PublishError::NotConnected("gone".to_owned());
        if self.status.borrow().state != ConnectionState::Connected {
            return Err(away());
        }
        let id = message.properties.message_id.clone().unwrap_or_default();
        let (latency, mood, scripted) = {
            let mut state = self.state();
            let scripted = state.answers.get_mut(&id).and_then(VecDeque::pop_front);
            (state.latency, state.mood, scripted)
        };
        let mut answer = match (scripted, mood) {
            (Some(error), _) => Some(error),
            (None, Mood::Refuses) => Some(PublishError::Refused),
            (None, Mood::Hangs) => std::future::pending().await,
            (None, Mood::Takes | Mood::Fails(_)) => None,
        };
        let mut arrives = answer.is_none();
        if let (Mood::Fails(share), None) = (mood, &answer) {
            let mut state = self.state();
            if state.random.f64() < share {
                arrives = state.random.bool();
                answer = Some(match state.random.bool() {
                    true => PublishError::Refused,
                    false => away(),
                });
            }
        }
        if arrives {
            self.state().arrived.push(message);
        }
        // sleep: the time a confirm takes, on a paused clock
        sleep(latency).await;
        answer.map_or(Ok(()), Err)
    }
}

struct InFlight<'a>(&'a Fake);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}

impl PublishOnly for Fake {
    fn take(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        Box::pin(async move {
            let _counted = {
                let mut state = self.state();
                state.asked.push(Instant::now());
                state.in_flight += 1;
                state.most_in_flight = state.most_in_flight.max(state.in_flight);
                InFlight(self)
            };
            self.answer(message).await
        })
    }

    fn link(&self) -> watch::Receiver<BrokerStatus> {
        self.status.subscribe()
    }
}
