//! HTTP/1.1 by hand: what a client library would not send can be sent, too.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// For whatever happens within a second on an idle machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// A request that is not sent yet.
#[derive(Clone)]
pub(crate) struct Request {
    head: String,
    body: Vec<u8>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) text: String,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self {
            head: format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n"),
            body: Vec::new(),
        }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// `POST /events` with this body.
    pub(crate) fn events(body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", "/events").body(body)
    }

    /// The same with an event a line.
    pub(crate) fn lines(body: impl Into<Vec<u8>>) -> Self {
        Self::events(body).header("content-type", "application/x-ndjson")
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        let request = self.header("content-length", &length);
        Self { body, ..request }
    }

    /// The head as it is sent, with the empty line behind it.
    pub(crate) fn head(&self) -> Vec<u8> {
        format!("{}\r\n", self.head).into_bytes()
    }

    /// Sends it on a connection of its own and reads the answer.
    pub(crate) async fn send(self, to: SocketAddr) -> Answer {
        let mut stream = TcpStream::connect(to).await.unwrap();
        let request = self.header("connection", "close");
        // Where the answer comes first the rest of the request need not be taken.
        let mut bytes = request.head();
        bytes.extend_from_slice(&request.body);
        let _ = stream.write_all(&bytes).await;
        Answer::read(&mut stream).await
    }
}

impl Answer {
    /// Everything up to the end of the connection.
    pub(crate) async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let read = timeout(SOON, stream.read_to_end(&mut bytes)).await;
        let read = read.expect("an answer in time");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, text)) = text.split_once("\r\n\r\n") else {
            panic!("no HTTP answer: {text:?}, {read:?}");
        };
        Self {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            text: text.to_owned(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The body of an answer with this status.
    #[track_caller]
    pub(crate) fn with_status(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// The problem of an answer with this status: RFC 9457 in body and media type.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> Value {
        let problem = self.with_status(status);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(problem["status"], status);
        for member in ["type", "title", "detail"] {
            assert!(problem[member].is_string(), "{member}: {problem}");
        }
        problem
    }

    /// The ids of an answer that took all events.
    #[track_caller]
    pub(crate) fn ids(&self) -> Vec<String> {
        let answer = self.with_status(202);
        assert_eq!(answer["rejected"], serde_json::json!([]), "{answer}");
        let ids: Vec<String> = serde_json::from_value(answer["ids"].clone()).unwrap();
        assert_eq!(answer["accepted"], ids.len());
        ids
    }
}
