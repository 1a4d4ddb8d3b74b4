//! A client's end of a channel.

use std::future::pending;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::server::LocalServer;
use super::settle::Settlement;
use crate::broker::{BrokerError, Channel};

/// Dropping it closes the channel, as the last handle of an AMQP channel does.
#[derive(Debug)]
pub(super) struct LocalChannel {
    server: LocalServer,
    connection: u64,
    id: u64,
}

impl LocalChannel {
    pub(super) fn shared(server: LocalServer, connection: u64, id: u64) -> Arc<dyn Channel> {
        Arc::new(Self {
            server,
            connection,
            id,
        })
    }

    async fn settle(&self, tag: u64, settlement: Settlement) -> Result<(), BrokerError> {
        let result = self.server.with(|state, now| {
            (!state.is_killed(self.connection)).then(|| state.settle(self.id, tag, settlement, now))
        });
        match result {
            Some(result) => result,
            None => pending().await,
        }
    }
}

impl Channel for LocalChannel {
    fn ack(&self, tag: u64, multiple: bool) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(self.settle(tag, Settlement::Ack { multiple }))
    }

    fn requeue(&self, tag: u64) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(self.settle(tag, Settlement::Requeue))
    }

    fn cancel(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async {
            self.server.with(|state, _| {
                if !state.channels.contains_key(&self.id) {
                    let reason = "no such channel any more".to_owned();
                    return Err(BrokerError::ChannelClosed(reason));
                }
                state.cancel(self.id);
                Ok(())
            })
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async {
            self.server
                .with(|state, now| state.close_channel(self.id, None, now));
            Ok(())
        })
    }
}

impl Drop for LocalChannel {
    fn drop(&mut self) {
        self.server
            .with(|state, now| state.close_channel(self.id, None, now));
    }
}
