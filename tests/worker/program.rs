//! A `run-worker` in a folder of its own, with nothing in its environment but what is given.
#![allow(dead_code, reason = "two test binaries use it, each in part")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// For whatever happens within a second on an idle machine; tests share it with servers.
pub const SOON: Duration = Duration::from_secs(60);

/// The folder and environment of a worker.
pub struct Program {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

/// A worker that has ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Program {
    /// Broker and destination at ports where nobody answers.
    pub fn new() -> Self {
        let program = Self {
            folder: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        };
        program
            .env("RABBITMQ_URL", "amqp://guest:s3cret@127.0.0.1:1/%2f")
            .env("NEO4J_URI", "bolt://127.0.0.1:1")
            .env("FANOUT_HTTP_ADDR", "127.0.0.1:0")
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a variable that `new` has set.
    pub fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self
    }

    /// With this `fanout.toml`.
    pub fn file(self, text: &str) -> Self {
        fs::write(self.folder.path().join("fanout.toml"), text).unwrap();
        self
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs to the end.
    pub fn run(&self, args: &[&str]) -> Ended {
        self.start(args).ended()
    }

    pub fn start(&self, args: &[&str]) -> Running<'_> {
        let output = |name: &str| File::create(self.folder.path().join(name)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_run-worker"))
            .args(args)
            .env_clear()
            .envs(self.variables.iter().map(|(n, v)| (n, v)))
            .current_dir(self.folder.path())
            .stdout(output("stdout"))
            .stderr(output("stderr"))
            .spawn()
            .unwrap();
        Running {
            program: self,
            child,
        }
    }

    fn output(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }
}

/// A worker; killed when dropped.
pub struct Running<'a> {
    program: &'a Program,
    child: Child,
}

impl Running<'_> {
    pub fn stderr(&self) -> String {
        self.program.output("stderr")
    }

    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }

    /// Waits for the end.
    pub fn ended(mut self) -> Ended {
        let code = eventually("the worker ends", || self.child.try_wait().unwrap()).code();
        Ended {
            code,
            stdout: self.program.output("stdout"),
            stderr: self.program.output("stderr"),
        }
    }

    /// The address for health and metrics, from the log.
    pub fn http(&self) -> SocketAddr {
        eventually("the worker says its address", || {
            let log = self.stderr();
            // In either form of the log.
            let (_, behind) = log.split_once(" http=").or(log.split_once("\"http\":\""))?;
            let address = behind.split([' ', '\n', '"']).next()?;
            behind.contains('\n').then(|| address.parse().unwrap())
        })
    }

    /// Status and JSON body of a GET.
    pub fn get(&self, path: &str) -> (u16, Value) {
        let (head, body) = exchange(self.http(), "GET", path);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Head and body of an HTTP answer.
pub fn exchange(addr: SocketAddr, method: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// Polls until `look` finds something; panics after [`SOON`].
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + SOON;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not within {SOON:?}: {what}");
        #[allow(clippy::disallowed_methods, reason = "these tests have no runtime")]
        // sleep: between two looks; the deadline is above
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A port of the loopback that is taken as long as the listener lives.
pub fn taken_port() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}
