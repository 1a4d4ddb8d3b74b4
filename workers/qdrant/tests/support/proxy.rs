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
    /// Passes requests on, waits for the first answer, and closes instead of passing it on.
    LoseAnswer,
}

/// Type of an HTTP/2 frame that begins or ends an answer.
const HEADERS: u8 = 1;

/// Runs until it is dropped.
pub struct Proxy {
    port: u16,
    mode: Arc<watch::Sender<Mode>>,
    lost: watch::Receiver<u64>,
    answered: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let own_port = listener.local_addr().unwrap().port();
        let mode = Arc::new(watch::Sender::new(Mode::Pass));
        let (lost_sender, lost) = watch::channel(0);
        let (modes, lost_sender) = (Arc::clone(&mode), Arc::new(lost_sender));
        let answered = Arc::new(AtomicUsize::new(0));
        let bytes = Arc::clone(&answered);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (mode, lost) = (modes.subscribe(), Arc::clone(&lost_sender));
                let bytes = Arc::clone(&bytes);
                tokio::spawn(async move { serve(client, port, mode, &lost, &bytes).await });
            }
        });
        Self {
            port: own_port,
            mode,
            lost,
            answered,
            task,
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// How many answers were lost so far.
    pub fn lost(&self) -> u64 {
        *self.lost.borrow()
    }

    /// Bytes that the server has answered with.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
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
    answered: &AtomicUsize,
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
    tokio::select! {
        () = refused => {}
        () = up(from_client, to_server, mode.clone()) => {}
        () = down(from_server, to_client, mode.clone(), lost, answered) => {}
    }
    // Swallowed connections stay open: neither side learns anything.
    let _ = mode.wait_for(|mode| *mode != Mode::Swallow).await;
}

async fn up(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let _ = mode.wait_for(|mode| *mode != Mode::Swallow).await;
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Frame by frame, so that an answer is told from what HTTP/2 says for itself.
async fn down(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    lost: &watch::Sender<u64>,
    answered: &AtomicUsize,
) {
    let mut head = [0; 9];
    while from.read_exact(&mut head).await.is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut frame = head.to_vec();
        frame.resize(9 + usize::try_from(length).unwrap(), 0);
        if from.read_exact(&mut frame[9..]).await.is_err() {
            return;
        }
        answered.fetch_add(frame.len(), Ordering::Relaxed);
        let _ = mode.wait_for(|mode| *mode != Mode::Swallow).await;
        if *mode.borrow() == Mode::LoseAnswer && head[3] == HEADERS {
            lost.send_modify(|lost| *lost += 1);
            return;
        }
        if to.write_all(&frame).await.is_err() {
            return;
        }
    }
}
