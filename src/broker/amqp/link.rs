//! One connection: opened within a deadline, closed within one.
//!
//! lapin runs each connection on a thread of its own and knows no deadlines. What was given
//! up (a handshake that hangs, a close that is blocked) is therefore ended at the socket, or
//! its thread would stay for ever.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::Stream;
use futures::io::{AsyncRead, AsyncWrite};
use lapin::tcp::OwnedTLSConfig;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties, Event};
use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::error;
use super::tls;
use crate::broker::BrokerError;
use crate::config::BrokerConfig;

/// A connection that ends with its owner.
pub(super) struct Link {
    connection: Connection,
    hangup: Hangup,
}

impl Link {
    /// Connects, with buffers for the frames that the server agrees to: lapin makes them for
    /// 32 frames of the size asked for, before it knows the answer.
    pub(super) async fn open(
        endpoint: &Endpoint,
        purpose: &str,
        config: &BrokerConfig,
    ) -> Result<Self, BrokerError> {
        let mut fitting = endpoint.clone();
        fitting.uri.query.frame_max = endpoint.frame_max();
        let link = Self::connect(&fitting, purpose, config).await?;
        let agreed = u32::try_from(link.frame_max()).ok();
        if agreed >= fitting.uri.query.frame_max {
            return Ok(link);
        }
        endpoint.agreed(link.frame_max());
        fitting.uri.query.frame_max = agreed;
        link.close(config.call_timeout).await;
        Self::connect(&fitting, purpose, config).await
    }

    /// Connects, within `config.connect_timeout` for everything up to `connection.open-ok`.
    async fn connect(
        endpoint: &Endpoint,
        purpose: &str,
        config: &BrokerConfig,
    ) -> Result<Self, BrokerError> {
        let deadline = config.connect_timeout;
        let tls = tls::load(&config.tls).await?;
        let server_name = config.tls.server_name.clone();
        let hangup = Hangup::default();
        let socket = Arc::clone(&hangup.0);
        let properties = ConnectionProperties::default()
            .with_connection_name(format!("fanout {purpose}").into())
            .with_client_property("product".into(), "fanout".into())
            .with_client_property("version".into(), env!("CARGO_PKG_VERSION").into());
        let runtime = lapin::runtime::default_runtime().map_err(|e| error::broker(&e))?;
        let connecting = Connection::connector(
            endpoint.uri.clone(),
            runtime,
            async move |uri, runtime| {
                mute_this_thread();
                let connecting = async {
                    let host = uri.authority.host.as_str();
                    let addresses: Vec<_> = tokio::net::lookup_host((host, uri.authority.port))
                        .await?
                        .collect();
                    let stream = AsyncTcpStream::connect(&runtime, addresses).await?;
                    if let AsyncTcpStream::Plain(plain) = &stream {
                        Hangup::hold(&socket, plain.get_ref())?;
                    }
                    secure(stream, &uri, server_name.as_deref(), &tls).await
                };
                match timeout(deadline, connecting).await {
                    Ok(stream) => Ok(stream?),
                    Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
                }
            },
            properties,
        );
        match timeout(deadline, connecting).await {
            Ok(Ok(connection)) => Ok(Self { connection, hangup }),
            Ok(Err(e)) => Err(error::broker(&e)),
            Err(_) => Err(BrokerError::TimedOut(deadline)),
        }
    }

    pub(super) async fn channel(&self, deadline: Duration) -> Result<lapin::Channel, BrokerError> {
        error::within(deadline, self.connection.create_channel()).await
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connection.status().connected()
    }

    /// Largest frame both sides agreed on, bytes.
    pub(super) fn frame_max(&self) -> usize {
        usize::try_from(self.connection.configuration().frame_max()).unwrap_or(usize::MAX)
    }

    /// Events of this connection. Ask once: listeners would compete for them.
    pub(super) fn events(&self) -> impl Stream<Item = Event> + Send + 'static {
        self.connection.events_listener()
    }

    /// Ends it at the socket: whatever waits for an answer on it gets an error now.
    pub(super) fn hang_up(&self) {
        self.hangup.now();
    }

    /// Says good-bye; a blocked connection cannot. The socket goes with the link.
    pub(super) async fn close(&self, deadline: Duration) {
        let _ = timeout(deadline, self.connection.close(200, "OK".into())).await;
    }
}

async fn secure<S>(
    stream: AsyncTcpStream<S>,
    uri: &AMQPUri,
    server_name: Option<&str>,
    tls: &OwnedTLSConfig,
) -> io::Result<AsyncTcpStream<S>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    match uri.scheme {
        AMQPScheme::AMQP => Ok(stream),
        AMQPScheme::AMQPS => {
            let name = server_name.unwrap_or(&uri.authority.host);
            stream.into_tls(name, tls.as_ref()).await
        }
    }
}

/// A second handle to the socket of a connection, shut down when its owner goes.
#[derive(Default)]
struct Hangup(Arc<Mutex<Socket>>);

#[derive(Default)]
enum Socket {
    #[default]
    NotYet,
    Open(TcpStream),
    /// Nobody waits for it any more.
    HungUp,
}

impl Hangup {
    fn hold(socket: &Mutex<Socket>, stream: &impl AsFd) -> io::Result<()> {
        let stream = TcpStream::from(stream.as_fd().try_clone_to_owned()?);
        let mut held = socket.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*held, Socket::HungUp) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        *held = Socket::Open(stream);
        Ok(())
    }

    fn now(&self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Socket::Open(stream) = std::mem::replace(&mut *held, Socket::HungUp) {
            // Fails where it is closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Hangup {
    fn drop(&mut self) {
        self.now();
    }
}

/// lapin's thread logs every message the broker returns, payload and all, at level warn. What
/// there is to tell about a connection is told by us.
fn mute_this_thread() {
    std::mem::forget(tracing::dispatcher::set_default(&tracing::Dispatch::none()));
}
