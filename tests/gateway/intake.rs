//! Intakes for tests: through to a broker, or as the test says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fanout::broker::{Broker, Message, PublishError};
use fanout::publish::{Accepted, Backlog, Intake, NotAccepted};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;

/// What an intake does with a message.
#[derive(Clone, Debug)]
pub(crate) enum Answers {
    /// The broker's answer.
    Broker,
    Spooled,
    Full,
    Refused(PublishError),
    /// Nothing, until it is told otherwise.
    Held,
    /// None: it is broken.
    Panics,
    /// `Full` for messages of this kind, else the broker's answer.
    FullFor(&'static str),
}

/// An intake over a broker whose answers can be replaced.
pub(crate) struct TestIntake {
    broker: Arc<dyn Broker>,
    answers: watch::Sender<Answers>,
    /// Ids in the order in which they were begun.
    begun: Mutex<Vec<String>>,
}

impl TestIntake {
    pub(crate) fn new(broker: Arc<dyn Broker>) -> Arc<Self> {
        Arc::new(Self {
            broker,
            answers: watch::Sender::new(Answers::Broker),
            begun: Mutex::default(),
        })
    }

    pub(crate) fn answer(&self, answers: Answers) {
        self.answers.send_replace(answers);
    }

    pub(crate) fn begun(&self) -> Vec<String> {
        self.begun.lock().unwrap().clone()
    }

    async fn decide(&self, message: Message) -> Result<Accepted, NotAccepted> {
        let mut answers = self.answers.subscribe();
        let answers = answers.wait_for(|now| !matches!(now, Answers::Held)).await;
        let answers = answers.unwrap().clone();
        let full = NotAccepted::Full {
            retry_after: Duration::from_secs(7),
        };
        let kind = message.properties.kind.as_deref();
        match answers {
            Answers::Spooled => Ok(Accepted::Spooled),
            Answers::Full => Err(full),
            Answers::FullFor(name) if kind == Some(name) => Err(full),
            Answers::Refused(error) => Err(error.into()),
            Answers::Panics => panic!("as the test wants it"),
            Answers::Broker | Answers::FullFor(_) | Answers::Held => {
                self.broker.publish(message).await?;
                Ok(Accepted::Confirmed)
            }
        }
    }
}

impl Intake for TestIntake {
    fn accept(&self, message: Message) -> BoxFuture<'_, Result<Accepted, NotAccepted>> {
        let id = message.properties.message_id.clone().unwrap();
        self.begun.lock().unwrap().push(id);
        self.decide(message).boxed()
    }

    fn backlog(&self) -> Backlog {
        Backlog {
            messages: 3,
            bytes: 300,
        }
    }
}
