//! A TCP proxy in front of the server that misbehaves on demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the proxy does, on connections that are open and on new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Passes everything on.
    Pass,
    /// Closes what is open and what comes.
    Refuse,
    /// Passes nothing on, and closes nothing.
    Swallow,
    /// Passes a COMMIT on, waits for its answer, and closes instead of passing that on.
    LoseCommit,
}

/// COMMIT as Bolt 4 frames it: a chunk of two bytes, and its end.
const COMMIT: [u8; 6] = [0x00, 0x02, 0xB0, 0x12, 0x00, 0x00];

/// Runs until it is dropped.
pub struct Proxy {
    port: u16,
    mode: Arc<watch::Sender<Mode>>,
    lost: watch::Receiver<u64>,
    largest: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let own_port = listener.local_addr().unwrap().port();
        let mode = Arc::new(watch::Sender::new(Mode::Pass));
        let (lost_sender, lost) = watch::channel(0);
        let (modes, lost_sender) = (Arc::clone(&mode), Arc::new(lost_sender));
        let largest = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&largest);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (mode, lost) = (modes.subscribe(), Arc::clone(&lost_sender));
                let seen = Arc::clone(&seen);
                tokio::spawn(async move { serve(client, port, mode, &lost, &seen).await });
            }
        });
        Self {
            port: own_port,
            mode,
            lost,
            largest,
            task,
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The most bytes that a client sent without waiting for an answer.
    pub fn largest_request(&self) -> usize {
        self.largest.load(Ordering::Relaxed)
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// How many answers to a COMMIT were lost so far.
    pub fn lost_commits(&self) -> u64 {
        *self.lost.borrow()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.mode.send_replace(Mode::Refuse);
    }
}

async fn serve(
    client: TcpStream,
    port: u16,
    mut mode: watch::Receiver<Mode>,
    lost: &watch::Sender<u64>,
    largest: &AtomicUsize,
) {
    if *mode.borrow_and_update() == Mode::Refuse {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    for socket in [&client, &server] {
        let _ = socket.set_nodelay(true);
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let refused = async {
        let _ = mode.clone().wait_for(|mode| *mode == Mode::Refuse).await;
    };
    let (commit, committed) = watch::channel(false);
    tokio::select! {
        () = refused => {}
        () = up(from_client, to_server, mode.clone(), commit, largest) => {}
        () = down(from_server, to_client, mode.clone(), committed, lost) => {}
    }
    // Swallowed connections stay open: neither side learns anything.
    let _ = mode.wait_for(|mode| *mode != Mode::Swallow).await;
}

async fn up(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    commit: watch::Sender<bool>,
    largest: &AtomicUsize,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        largest.fetch_max(read, Ordering::Relaxed);
        let _ = mode.wait_for(|mode| *mode != Mode::Swallow).await;
        if *mode.borrow() == Mode::LoseCommit && buffer[..read].ends_with(&COMMIT) {
            commit.send_replace(true);
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

async fn down(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    commit: watch::Receiver<bool>,
    lost: &watch::Sender<u64>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let _ = mode.wait_for(|mode| *mode != Mode::Swallow).await;
        if *commit.borrow() {
            lost.send_modify(|lost| *lost += 1);
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
