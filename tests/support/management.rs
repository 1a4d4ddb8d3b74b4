//! Just enough of an HTTP client for RabbitMQ's management API.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// `guest:guest`.
const AUTHORIZATION: &str = "Basic Z3Vlc3Q6Z3Vlc3Q=";

/// The management API of one broker.
#[derive(Clone)]
pub struct Management {
    port: u16,
}

impl Management {
    pub fn new(port: u16) -> Self {
        Self { port }
    }

    /// `None` for 404.
    pub async fn find(&self, path: &str) -> Option<Value> {
        match self.call("GET", path, None).await {
            (404, _) => None,
            answer => Some(checked("GET", path, answer)),
        }
    }

    pub async fn get(&self, path: &str) -> Value {
        checked("GET", path, self.call("GET", path, None).await)
    }

    pub async fn put(&self, path: &str, body: &Value) -> Value {
        checked("PUT", path, self.call("PUT", path, Some(body)).await)
    }

    pub async fn post(&self, path: &str, body: &Value) -> Value {
        checked("POST", path, self.call("POST", path, Some(body)).await)
    }

    pub async fn delete(&self, path: &str) {
        checked("DELETE", path, self.call("DELETE", path, None).await);
    }

    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, String) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.0\r\nauthorization: {AUTHORIZATION}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
        (status.expect("an HTTP status"), body.to_owned())
    }
}

fn checked(method: &str, path: &str, (status, body): (u16, String)) -> Value {
    assert!(status < 300, "{method} {path}: {status} {body}");
    serde_json::from_str(&body).unwrap_or(Value::Null)
}
