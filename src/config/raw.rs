//! What a source gave, before it is checked.

use std::collections::BTreeMap;

use toml::de::DeValue;

/// A value of the file with the line it stands on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) raw: Raw,
}

/// A value as a source gave it. Variables and flags are `Loose`: text that may mean a number
/// or a comma-separated list.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    Loose(String),
    Text(String),
    Whole(i64),
    Real(f64),
    Flag(bool),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
    Other(String),
}

impl Raw {
    /// The value as it is shown in a problem; the caller masks secrets.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Loose(text) | Self::Text(text) => quoted(text),
            Self::Whole(number) => number.to_string(),
            Self::Real(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Other(text) => text.clone(),
            Self::Table(_) => "a table".to_owned(),
            Self::List(nodes) => {
                let items: Vec<_> = nodes.iter().map(|node| node.raw.shown()).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }

    /// What kind of value it is, where the value itself may hold a secret.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Loose(_) | Self::Text(_) => "a text",
            Self::Whole(_) | Self::Real(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(_) => "another value",
        }
    }

    /// The same value with every text in it changed: how secrets are masked.
    pub(super) fn with_texts(&self, change: &dyn Fn(&str) -> String) -> Self {
        match self {
            Self::Loose(text) => Self::Loose(change(text)),
            Self::Text(text) => Self::Text(change(text)),
            Self::List(nodes) => Self::List(
                nodes
                    .iter()
                    .map(|node| Node {
                        line: node.line,
                        raw: node.raw.with_texts(change),
                    })
                    .collect(),
            ),
            other => Self::Other(change(&other.shown())),
        }
    }
}

/// Text as TOML writes it, control characters escaped.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The value of a parsed document, lines counted in `text`.
pub(super) fn node(text: &str, value: &toml::Spanned<DeValue<'_>>) -> Node {
    let raw = match value.get_ref() {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Raw::Other(number.to_string()), Raw::Whole),
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .map_or_else(|_| Raw::Other(number.to_string()), Raw::Real),
        DeValue::Boolean(flag) => Raw::Flag(*flag),
        DeValue::Datetime(stamp) => Raw::Other(stamp.to_string()),
        DeValue::Array(items) => Raw::List(items.iter().map(|item| node(text, item)).collect()),
        DeValue::Table(entries) => Raw::Table(
            entries
                .iter()
                .map(|(key, value)| {
                    let mut child = node(text, value);
                    child.line = position(text, key.span().start).0;
                    (key.get_ref().to_string(), child)
                })
                .collect(),
        ),
    };
    Node {
        line: position(text, value.span().start).0,
        raw,
    }
}

/// Line and column of a byte offset, both counted from 1.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before
        .get(line_start..)
        .map_or(0, |line| line.chars().count());
    (before.matches('\n').count() + 1, column + 1)
}
