//! A TCP proxy that breaks connections the way networks do.
//!
//! ```text
//! client ─▶ 127.0.0.1:PORT (fixed) ─▶ 127.0.0.1:upstream (may change)
//! ```

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// What the proxy does with connections, open ones and new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Forwards, each piece after this wait.
    Pass(Duration),
    /// Closes what is open; the port refuses.
    Cut,
    /// Keeps everything open and forwards nothing: a half-open connection.
    Swallow,
}

#[derive(Clone, Copy)]
struct State {
    mode: Mode,
    upstream: u16,
}

/// A proxy; gone when dropped.
pub struct Proxy {
    port: u16,
    state: watch::Sender<State>,
    open: Arc<AtomicUsize>,
    listening: watch::Receiver<bool>,
}

impl Proxy {
    /// Forwards a port of its own to the local port `upstream`.
    pub async fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, states) = watch::channel(State {
            mode: Mode::Pass(Duration::ZERO),
            upstream,
        });
        let (listens, listening) = watch::channel(true);
        let open = Arc::new(AtomicUsize::new(0));
        tokio::spawn(serve(listener, port, states, listens, Arc::clone(&open)));
        Self {
            port,
            state,
            open,
            listening,
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connections open now.
    pub fn connections(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Forwards again, without delay; returns once the port accepts.
    pub async fn pass(&self) {
        self.set(Mode::Pass(Duration::ZERO), true).await;
    }

    /// Forwards each piece after `delay`.
    pub async fn delay(&self, delay: Duration) {
        self.set(Mode::Pass(delay), true).await;
    }

    /// Closes every connection and the port; returns once it refuses.
    pub async fn cut(&self) {
        self.set(Mode::Cut, false).await;
    }

    /// Keeps connections open but forwards nothing, new ones included. What was swallowed is
    /// lost: after `pass` an old connection is out of step, as after a real loss.
    pub async fn swallow(&self) {
        self.set(Mode::Swallow, true).await;
    }

    /// New connections lead there from now on.
    pub fn retarget(&self, upstream: u16) {
        self.state.send_modify(|s| s.upstream = upstream);
    }

    async fn set(&self, mode: Mode, listens: bool) {
        self.state.send_modify(|s| s.mode = mode);
        let mut listening = self.listening.clone();
        listening.wait_for(|l| *l == listens).await.unwrap();
    }
}

async fn serve(
    listener: TcpListener,
    port: u16,
    mut states: watch::Receiver<State>,
    listens: watch::Sender<bool>,
    open: Arc<AtomicUsize>,
) {
    let mut listener = Some(listener);
    loop {
        let state = *states.borrow_and_update();
        if state.mode == Mode::Cut {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(("127.0.0.1", port)).await.ok();
        }
        listens.send_replace(listener.is_some());
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = states.changed() => if changed.is_err() { return },
            client = accepted => if let Ok((client, _)) = client {
                let states = states.clone();
                let open = Arc::clone(&open);
                tokio::spawn(async move {
                    open.fetch_add(1, Ordering::SeqCst);
                    let _ = forward(client, states).await;
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            },
        }
    }
}

async fn forward(client: TcpStream, mut states: watch::Receiver<State>) -> io::Result<()> {
    let state = *states.borrow();
    let mut cut = states.clone();
    let cut = cut.wait_for(|s| s.mode == Mode::Cut);
    if state.mode == Mode::Swallow {
        // Accepted, and nobody at the other end until it is over.
        tokio::select! {
            _ = cut => return Ok(()),
            _ = states.wait_for(|s| s.mode != Mode::Swallow) => return Ok(()),
        }
    }
    let server = TcpStream::connect(("127.0.0.1", state.upstream)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    tokio::select! {
        _ = cut => Ok(()),
        done = pipe(client_read, server_write, states.clone()) => done,
        done = pipe(server_read, client_write, states.clone()) => done,
    }
}

async fn pipe(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    states: watch::Receiver<State>,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        let mode = states.borrow().mode;
        match mode {
            Mode::Pass(delay) => {
                if read == 0 {
                    return Ok(());
                }
                if !delay.is_zero() {
                    // sleep: the delay is the fault that the test asked for
                    sleep(delay).await;
                }
                to.write_all(&buffer[..read]).await?;
            }
            // Not even the end of the stream goes through.
            Mode::Swallow if read == 0 => std::future::pending().await,
            Mode::Swallow => {}
            Mode::Cut => return Ok(()),
        }
    }
}

/// Whether something that speaks AMQP answers on this local port.
pub async fn amqp_answers(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
        let mut first = [0; 1];
        stream.read_exact(&mut first).await
    };
    matches!(timeout(Duration::from_secs(1), ask).await, Ok(Ok(_)))
}
