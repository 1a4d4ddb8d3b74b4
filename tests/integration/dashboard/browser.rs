//! Chromium in a container, driven over WebDriver (w3.org/TR/webdriver2).

use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};
use testcontainers::core::WaitFor;
use testcontainers::{GenericImage, ImageExt};

use crate::support::docker::{Container, image};

/// Keys without a letter, as WebDriver names them.
pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";
pub const ESCAPE: &str = "\u{e00c}";

/// A browser with one window.
pub struct Browser {
    _container: Container,
    session: String,
}

impl Browser {
    /// On the network of this host, where the gateway of the test listens.
    pub async fn start() -> Self {
        let (name, tag) = image("FANOUT_TEST_CHROMIUM_IMAGE", "fanout-test/chromium:trixie");
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let request = GenericImage::new(name, tag)
            .with_wait_for(WaitFor::message_on_stdout("started successfully"))
            .with_network("host")
            .with_shm_size(256 << 20)
            .with_cmd([format!("--port={port}")]);
        let container = Container::start(request).await;
        let options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=1200,900",
        ];
        let wanted =
            json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": options}}}});
        let driver = format!("http://127.0.0.1:{port}/session");
        let made = send(&driver, &wanted);
        let id = made["sessionId"].as_str().unwrap();
        Self {
            _container: container,
            session: format!("{driver}/{id}"),
        }
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        send(&format!("{}{path}", self.session), body)
    }

    pub fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    pub fn resize(&self, width: u32, height: u32) {
        self.post("/window/rect", &json!({"width": width, "height": height}));
    }

    /// What this JavaScript returns.
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// The text of the element with this id.
    pub fn text(&self, id: &str) -> String {
        let script = format!("return document.getElementById('{id}').innerText");
        self.run(&script).as_str().unwrap().to_owned()
    }

    /// Presses and releases each of these keys.
    pub fn press(&self, keys: &[&str]) {
        let key = |key: &&str| {
            [
                json!({"type": "keyDown", "value": key}),
                json!({"type": "keyUp", "value": key}),
            ]
        };
        let actions: Vec<Value> = keys.iter().flat_map(key).collect();
        let keyboard = json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]});
        self.post("/actions", &keyboard);
    }

    /// Types a text, letter by letter.
    pub fn write(&self, text: &str) {
        let letters: Vec<String> = text.chars().map(String::from).collect();
        self.press(&letters.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// Goes on with the tabulator until the element of this name has the focus.
    pub fn tab_to(&self, name: &str) {
        const FOCUSED: &str = "const one = document.activeElement; \
            return one.getAttribute('aria-label') ?? one.id";
        for _ in 0..40 {
            if self.run(FOCUSED) == name {
                return;
            }
            self.press(&[TAB]);
        }
        panic!("the keyboard does not reach {name:?}");
    }
}

fn send(url: &str, body: &Value) -> Value {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(60)))
        .http_status_as_error(false)
        .build()
        .into();
    let mut answer = agent
        .post(url)
        .header("content-type", "application/json")
        .send(body.to_string())
        .unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    assert_eq!(answer.status(), 200, "{url}: {text}");
    let mut answer: Value = serde_json::from_str(&text).unwrap();
    answer["value"].take()
}
