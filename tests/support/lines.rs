//! Log records as a test sees them: of its thread, or of a program that writes JSON.
//!
//! [`Lines::told`] holds one against `docs/operations/logs.md`; `tests/architecture/told.rs`
//! looks for these calls, so that a record of the page that no test sees emitted fails there.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::{Arc, LazyLock, Mutex};

use serde_json::{Map, Value};
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

const PAGE: &str = include_str!("../../docs/operations/logs.md");

/// Secrets that tests configure, and what stands in the payloads of their events.
const UNSAID: [&str; 5] = ["s3cret", "pay10ad", "user_id", "product_id", "userId"];

/// What a line of JSON has beside the fields of its record.
const FRAME: [&str; 6] = ["timestamp", "level", "target", "message", "span", "spans"];

/// With a single subscriber alive, what a thread without one meets first is switched off for all.
static NOBODY: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// A row of the page.
struct Promise {
    target: String,
    message: String,
    level: String,
    always: Vec<String>,
    /// Those in brackets.
    sometimes: Vec<String>,
}

/// The words between backticks.
fn quoted(cell: &str) -> Vec<String> {
    let words = cell.split('`').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

fn promises() -> Vec<Promise> {
    let mut target = String::new();
    let mut rows = Vec::new();
    for line in PAGE.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            target = quoted(heading).concat();
        }
        let cells: Vec<_> = line.split(" | ").collect();
        if let [message, level, fields, _] = cells[..]
            && message.starts_with("| `")
            && !target.is_empty()
        {
            let parts: Vec<_> = fields.split(['(', ')']).collect();
            let [always, sometimes] = [0, 1].map(|n| parts.iter().skip(n).step_by(2));
            rows.push(Promise {
                target: target.clone(),
                message: quoted(message).concat(),
                level: level.to_owned(),
                always: always.flat_map(|part| quoted(part)).collect(),
                sometimes: sometimes.flat_map(|part| quoted(part)).collect(),
            });
        }
    }
    assert!(rows.len() > 50, "the page was not understood");
    rows
}

/// One record.
#[derive(Clone, Debug)]
pub struct Line {
    pub at: Instant,
    pub target: String,
    /// In small letters.
    pub level: String,
    pub message: String,
    pub fields: BTreeMap<String, String>,
}

impl Line {
    fn new(target: &str, level: &str) -> Self {
        Self {
            at: Instant::now(),
            target: target.to_owned(),
            level: level.to_lowercase(),
            message: String::new(),
            fields: BTreeMap::new(),
        }
    }

    fn of_json(json: &Map<String, Value>) -> Self {
        let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
        let mut line = Self::new(&text(&json["target"]), &text(&json["level"]));
        line.message = text(&json["message"]);
        let fields = json.iter().filter(|(name, _)| !FRAME.contains(&&***name));
        line.fields = fields.map(|(name, v)| (name.clone(), text(v))).collect();
        line
    }

    pub fn number(&self, field: &str) -> f64 {
        self.fields[field].parse().unwrap()
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => drop(self.fields.insert(name.to_owned(), value.to_owned())),
        }
    }
}

/// Everything of ours from info upwards.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<Line>>>);

impl Lines {
    /// Captures what this thread tells, until the guard is dropped.
    pub fn capture() -> (Self, DefaultGuard) {
        LazyLock::force(&NOBODY);
        let lines = Self::default();
        let guard = tracing::subscriber::set_default(lines.clone());
        (lines, guard)
    }

    /// What threads without a subscriber of their own tell from now on, of all tests of this
    /// process: for what is told by a thread that the code under test has started.
    pub fn of_threads() -> Self {
        static TOLD: LazyLock<Lines> = LazyLock::new(|| {
            let lines = Lines::default();
            tracing::subscriber::set_global_default(lines.clone()).unwrap();
            lines
        });
        TOLD.clone()
    }

    /// What a program has told with `--log-format json`. Its last words to people are passed over.
    pub fn of_program(log: &str) -> Self {
        let json = log.lines().filter(|line| line.starts_with('{'));
        let lines = json.filter_map(|line| serde_json::from_str(line).ok());
        let lines = lines.map(|json| Line::of_json(&json));
        let ours = lines.filter(|line| line.target.starts_with("fanout"));
        Self(Arc::new(Mutex::new(ours.collect())))
    }

    pub fn all(&self) -> Vec<Line> {
        self.0.lock().unwrap().clone()
    }

    /// Those with a message that begins so.
    pub fn of(&self, message: &str) -> Vec<Line> {
        let mut lines = self.all();
        lines.retain(|line| line.message.starts_with(message));
        lines
    }

    /// The record with this message was told, with every field that the page promises; it comes
    /// back as it was told first. And [`Self::as_promised`].
    #[track_caller]
    pub fn told(&self, message: &str) -> Line {
        self.as_promised();
        let mut lines = self.of(message);
        lines.retain(|line| line.message == message);
        let Some(first) = lines.first() else {
            panic!("not told: {message}; but {:#?}", self.all());
        };
        let missing = lines.iter().flat_map(|line| {
            let promise = promise(line);
            let always = promise.always.into_iter();
            always.filter(|name| !line.fields.contains_key(name))
        });
        let missing: BTreeSet<_> = missing.collect();
        assert!(missing.is_empty(), "{missing:?} lacks in {lines:#?}");
        first.clone()
    }

    /// The same for all records of a target.
    #[track_caller]
    pub fn told_every(&self, target: &str) {
        let mut promises = promises();
        promises.retain(|promise| promise.target == target);
        assert!(!promises.is_empty(), "not on the page: {target}");
        for promise in promises {
            assert_eq!(self.told(&promise.message).target, target);
        }
    }

    /// What was told is on the page with target, level and fields, and quotes neither a payload
    /// nor a secret.
    #[track_caller]
    pub fn as_promised(&self) {
        for line in self.all() {
            let promise = promise(&line);
            assert_eq!(promise.level, line.level, "{line:?}");
            let known = [promise.always, promise.sometimes].concat();
            let unknown = line.fields.keys().find(|name| !known.contains(name));
            assert_eq!(unknown, None, "{line:?}");
            let text = format!("{:?}", line.fields);
            let said = UNSAID.iter().find(|word| text.contains(**word));
            assert_eq!(said, None, "{line:?}");
        }
    }
}

#[track_caller]
fn promise(line: &Line) -> Promise {
    let mut promises = promises().into_iter();
    promises
        .find(|promise| promise.target == line.target && promise.message == line.message)
        .unwrap_or_else(|| panic!("not on the page: {line:?}"))
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let ours = metadata.target().starts_with("fanout");
        ours && metadata.is_event() && *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = Line::new(metadata.target(), metadata.level().as_str());
        event.record(&mut line);
        self.0.lock().unwrap().push(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
