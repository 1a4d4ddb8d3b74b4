//! `fanout serve` as a process, in a folder of its own.
#![allow(dead_code, reason = "two test binaries use it, each in part")]

use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::eventually;

/// For whatever happens within a second on an idle machine; tests share it with servers.
const SOON: Duration = Duration::from_secs(60);

/// A gateway; killed when dropped, with its log shown where a test fails.
pub struct Gateway {
    folder: TempDir,
    env: Vec<(String, String)>,
    child: Child,
}

impl Gateway {
    /// Starts it with the broker at this URL, without waiting for either.
    pub fn start(url: &str) -> Self {
        Self::with(vec![("RABBITMQ_URL".to_owned(), url.to_owned())])
    }

    /// Starts it with these variables.
    pub fn with(env: Vec<(String, String)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            child: spawn(&folder, &env),
            env,
            folder,
        }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }

    pub async fn exit_code(&mut self) -> Option<i32> {
        eventually("the gateway ends", SOON, async || {
            self.child.try_wait().unwrap()
        })
        .await
        .code()
    }

    /// `kill -9`, and another start in the same folder.
    pub async fn kill_and_start_again(&mut self) {
        self.signal(Signal::SIGKILL);
        self.exit_code().await;
        self.child = spawn(&self.folder, &self.env);
        self.addr().await;
    }

    /// Ends it with this signal, and starts it again in the same folder with a variable set.
    pub async fn start_again_with(&mut self, signal: Signal, name: &str, value: &str) {
        self.signal(signal);
        self.exit_code().await;
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        self.child = spawn(&self.folder, &self.env);
        self.addr().await;
    }

    pub async fn addr(&self) -> SocketAddr {
        eventually("the gateway says its address", SOON, async || {
            let log = self.log();
            let (_, behind) = log.split_once(" http=")?;
            let address = behind.split_whitespace().next()?;
            behind.contains('\n').then(|| address.parse().unwrap())
        })
        .await
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        call(self.addr().await, "GET", path, "").await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &str) -> (u16, Value) {
        call(self.addr().await, "POST", path, body).await.unwrap()
    }

    pub async fn connected(&self) {
        eventually("the gateway is connected", SOON, async || {
            (self.get("/health").await.1["rabbitmq"] == true).then_some(())
        })
        .await;
    }

    /// Events accepted and not with the broker yet.
    pub async fn pending(&self) -> u64 {
        let (_, health) = self.get("/health").await;
        let pending = &health["dependencies"]["rabbitmq"]["pending_events"];
        pending.as_u64().unwrap()
    }

    pub async fn nothing_is_pending(&self) {
        eventually("nothing is pending", SOON * 2, async || {
            (self.pending().await == 0).then_some(())
        })
        .await;
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("{}", self.log());
        }
    }
}

fn spawn(folder: &TempDir, env: &[(String, String)]) -> Child {
    let log = File::create(folder.path().join("log")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_fanout"))
        .arg("serve")
        .env_clear()
        .envs(env.iter().map(|(name, value)| (name, value)))
        .env("FANOUT_HTTP_ADDR", "127.0.0.1:0")
        .env("FANOUT_LOG", "info,fanout::access=off")
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Status and JSON of a call; `None` where the connection breaks.
pub async fn call(to: SocketAddr, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
    let exchange = async {
        let mut stream = TcpStream::connect(to).await.ok()?;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, serde_json::from_str(body).ok()?))
    };
    timeout(SOON, exchange).await.ok()?
}

/// A view by this user under this id.
pub fn view(id: &str, user: usize) -> String {
    json!({"event_id": id, "event_type": "view", "user_id": user, "product_id": 2}).to_string()
}
