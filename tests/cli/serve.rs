//! `fanout serve` where there is no broker.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::program::Program;

const SOON: Duration = Duration::from_secs(60);

pub(crate) struct Gateway {
    pub(crate) program: Program,
    child: Child,
}

impl Gateway {
    pub(crate) fn start(env: &[(&str, &str)]) -> Self {
        Self::start_with(env, &[])
    }

    pub(crate) fn start_with(env: &[(&str, &str)], files: &[(&str, &str)]) -> Self {
        let mut program = Program::new()
            .env("RABBITMQ_URL", "amqp://guest:s3cret@127.0.0.1:1/%2f")
            .env("FANOUT_HTTP_ADDR", "127.0.0.1:0");
        for (name, value) in env {
            program = program.env(name, value);
        }
        for (name, content) in files {
            program = program.file(name, content);
        }
        let child = Self::spawn(&program);
        Self { program, child }
    }

    fn spawn(program: &Program) -> Child {
        Self::spawned(program.command(&["serve"]), program)
    }

    fn spawned(mut command: Command, program: &Program) -> Child {
        let log = std::fs::File::create(program.folder().join("log")).unwrap();
        command.stderr(log).spawn().unwrap()
    }

    pub(crate) fn start_again(&mut self) {
        self.child = Self::spawn(&self.program);
    }

    /// In the same folder, with this for `USE_RABBITMQ`.
    pub(crate) fn start_again_in(&mut self, mode: &str) {
        let mut command = self.program.command(&["serve"]);
        command.env("USE_RABBITMQ", mode);
        self.child = Self::spawned(command, &self.program);
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.program.folder().join("log")).unwrap()
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        eventually("the gateway says its address", || {
            let log = self.log();
            // In either form of the log.
            let (_, behind) = log.split_once(" http=").or(log.split_once("\"http\":\""))?;
            let address = behind.split([' ', '\n', '"']).next()?;
            behind.contains('\n').then(|| address.parse().unwrap())
        })
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
    }

    pub(crate) fn call(&self, request: &str) -> (u16, Value) {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        answer(&mut stream)
    }

    fn get(&self, path: &str) -> (u16, Value) {
        self.call(&format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        ))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }

    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        eventually("the gateway ends", || self.child.try_wait().unwrap()).code()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answer(stream: &mut TcpStream) -> (u16, Value) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
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

#[test]
fn without_the_broker_it_starts_serves_and_drains() {
    let mut gateway = Gateway::start(&[("RABBITMQ_REQUIRED", "false")]);
    assert_eq!(gateway.get("/live").0, 200);
    let (status, health) = gateway.get("/health");
    assert_eq!((status, &health["status"]), (200, &"degraded".into()));
    assert_eq!(health["rabbitmq"], false);
    let url = &health["dependencies"]["rabbitmq"]["url"];
    assert!(!url.as_str().unwrap().contains("s3cret"), "{url}");
    let (status, broker) = gateway.get("/rabbitmq/health");
    assert_eq!((status, &broker["connected"]), (200, &false.into()));
    assert_eq!(gateway.get("/rabbitmq/queues/neo4j").0, 503);
    gateway.signal(Signal::SIGTERM);
    assert_eq!(gateway.exit_code(), Some(0), "{}", gateway.log());
    assert!(!gateway.log().contains("s3cret"));
}

/// `POST /events` with this event.
pub(crate) fn view(id: &str) -> String {
    let body = format!("{{\"event_id\":\"{id}\",\"event_type\":\"view\",\"user_id\":1}}");
    format!(
        "POST /events HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn events_posted_without_the_broker_are_kept_over_a_kill() {
    let mut gateway = Gateway::start(&[]);
    for n in 0..5 {
        let (status, answer) = gateway.call(&view(&n.to_string()));
        assert_eq!((status, &answer["spooled"]), (202, &1.into()), "{answer}");
    }
    assert_eq!(gateway.get("/ready").0, 200);
    gateway.signal(Signal::SIGKILL);
    gateway.exit_code();
    gateway.start_again();
    let pending = || gateway.get("/health").1["dependencies"]["rabbitmq"]["pending_events"].clone();
    assert_eq!(pending(), 5);
    assert_eq!(gateway.call(&view("5")).0, 202);
    assert_eq!(pending(), 6);
}

#[test]
fn a_second_gateway_on_the_same_spool_is_exit_3() {
    let gateway = Gateway::start(&[]);
    gateway.addr();
    let second = gateway.program.run(&["serve"]);
    assert_eq!(second.code, Some(3), "{second:?}");
    assert!(second.stderr.contains("in use by process"), "{second:?}");
}

#[test]
fn a_broker_that_is_required_and_away_ends_it_with_exit_4() {
    let mut gateway = Gateway::start(&[
        ("RABBITMQ_REQUIRED", "true"),
        ("FANOUT_BROKER_BACKOFF_MAX_ATTEMPTS", "2"),
    ]);
    assert_eq!(gateway.exit_code(), Some(4), "{}", gateway.log());
    assert!(
        gateway.log().contains("gave up after 2 attempts"),
        "{}",
        gateway.log()
    );
}

#[test]
fn a_second_signal_ends_a_drain_with_exit_130() {
    let mut gateway = Gateway::start(&[]);
    // A request whose body does not come keeps the drain waiting.
    let mut stream = gateway.connect();
    let head = "POST /events HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(gateway.get("/live").0, 200);
    gateway.signal(Signal::SIGTERM);
    eventually("it drains", || {
        gateway.log().contains("draining").then_some(())
    });
    gateway.signal(Signal::SIGINT);
    assert_eq!(gateway.exit_code(), Some(130), "{}", gateway.log());
}

#[test]
fn a_drain_that_takes_too_long_is_exit_6() {
    let mut gateway = Gateway::start(&[("FANOUT_WORKER_DRAIN_DEADLINE", "100ms")]);
    let mut stream = gateway.connect();
    let head = "POST /events HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(gateway.get("/live").0, 200);
    gateway.signal(Signal::SIGTERM);
    assert_eq!(gateway.exit_code(), Some(6), "{}", gateway.log());
}

#[test]
fn an_address_that_is_taken_is_exit_4() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let mut gateway = Gateway::start(&[("FANOUT_HTTP_ADDR", &addr)]);
    assert_eq!(gateway.exit_code(), Some(4));
    assert!(gateway.log().contains(&addr), "{}", gateway.log());
}

#[test]
fn the_access_log_has_no_payload_and_no_query() {
    let mut gateway = Gateway::start(&[]);
    let body = "{\"user_id\":\"pay10ad\"}";
    let (status, _) = gateway.call(&format!(
        "POST /events?q=pay10ad HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    assert_eq!(status, 422);
    gateway.signal(Signal::SIGTERM);
    assert_eq!(gateway.exit_code(), Some(0));
    let log = gateway.log();
    assert!(
        log.contains("path=\"/events\"") && log.contains("status=422"),
        "{log}"
    );
    assert!(!log.contains("pay10ad"), "{log}");
}

#[test]
fn payloads_are_held_to_the_schemas_of_a_folder() {
    let schema = r#"{"properties":{"user_id":{"type":"integer"}},"required":["user_id"]}"#;
    let gateway = Gateway::start_with(&[("FANOUT_GATEWAY_SCHEMAS", ".")], &[("view.json", schema)]);
    assert_eq!(gateway.call(&view("a")).0, 202);
    let (status, problem) = gateway.call(&view("a").replace("\"user_id\":1", "\"User_id\":1"));
    assert_eq!((status, &problem["code"]), (422, &"schema-mismatch".into()));
    let broken = Program::new()
        .file("view.json", "{")
        .env("FANOUT_GATEWAY_SCHEMAS", ".");
    assert!(broken.run(&["serve"]).bad(3).contains("view.json"));
}

#[test]
fn a_token_for_events_without_a_token_is_a_configuration_error() {
    let program = Program::new().env("FANOUT_API_TOKEN_EVENTS", "true");
    let complaint = program.run(&["serve"]).bad(3);
    assert!(complaint.contains("http.api_token_events"), "{complaint}");
}
