//! The configuration file.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::super::raw::{Node, Raw, node, position};
use super::super::schema::{BINDING, EXCHANGE, FOLLOW_UP, KIND, QUEUE, settings};
use super::super::{
    Binding, Config, ExchangeConfig, ExchangeKind, FollowUpRoute, Origin, Problem, QueueConfig,
};
use super::Report;
use super::entries::{Source, assign, quoted_key};

/// Far above any real file, so that a wrong path cannot fill the memory.
const LARGEST_FILE: u64 = 1 << 20;

/// Reads the named file, or the usual one if it exists, into the configuration; returns the
/// file that was read.
pub(super) fn apply(
    config: &mut Config,
    report: &mut Report,
    named: Option<&Path>,
    usual: Option<&Path>,
) -> Option<PathBuf> {
    let path = named.or(usual)?;
    let text = match read_text(path, LARGEST_FILE) {
        Ok(text) => text,
        Err(Unreadable { missing: true, .. }) if named.is_none() => return None,
        Err(error) => {
            refuse_file(
                report,
                path,
                0,
                error.rule,
                "name the file by --config or FANOUT_CONFIG",
            );
            return None;
        }
    };
    if let Some(root) = parse(report, path, &text) {
        let mut source = Source { path, report };
        read_root(config, &mut source, &root);
    }
    Some(path.to_owned())
}

/// A file that could not be read as text.
pub(super) struct Unreadable {
    missing: bool,
    pub(super) rule: String,
}

/// The text of a file of at most `limit` bytes.
pub(super) fn read_text(path: &Path, limit: u64) -> Result<String, Unreadable> {
    let fail = |missing, rule: String| Unreadable { missing, rule };
    let io = |error: std::io::Error| {
        let missing = error.kind() == ErrorKind::NotFound;
        fail(missing, format!("cannot be read: {error}"))
    };
    if path.is_dir() {
        return Err(fail(false, "is a directory, not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(io)?
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() as u64 > limit {
        return Err(fail(false, format!("is larger than {limit} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        fail(false, format!("is not UTF-8 text, from byte {at} on"))
    })
}

fn refuse_file(report: &mut Report, path: &Path, line: usize, rule: String, hint: &str) {
    let origin = Origin::File {
        path: path.to_owned(),
        line,
    };
    // Without the file nothing is known about how settings relate.
    report.distrust("");
    report
        .problems
        .push(Problem::new("configuration file", origin, rule).hint(hint));
}

/// The document, or all its syntax errors with line and column.
fn parse(report: &mut Report, path: &Path, text: &str) -> Option<Node> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let value = toml::Spanned::new(table.span(), toml::de::DeValue::Table(table.into_inner()));
        return Some(node(text, &value));
    }
    for error in errors {
        let (line, column) = position(text, error.span().map_or(0, |span| span.start));
        let rule = format!(
            "is not TOML, line {line}, column {column}: {}",
            error.message()
        );
        refuse_file(report, path, line, rule, "see https://toml.io");
    }
    None
}

fn read_root(config: &mut Config, source: &mut Source<'_>, root: &Node) {
    let extras = ["exchanges", "queues", "follow_ups", "codec.kinds"];
    let found = assign(source, settings(), &extras, config, "", root);
    // Exchanges first: a queue without bindings is bound to the first of them.
    for (key, node) in found {
        match key {
            "exchanges" => {
                config.exchanges = exchanges(source, node);
                let first: Vec<_> = config.exchanges.first().map(bound_to).into_iter().collect();
                for queue in config.queues.values_mut() {
                    queue.bindings.clone_from(&first);
                }
            }
            "queues" => queues(config, source, node),
            "follow_ups" => follow_ups(config, source, node),
            _ => kinds(config, source, node),
        }
    }
}

fn exchanges(source: &mut Source<'_>, list: &Node) -> Vec<ExchangeConfig> {
    let items = tables_of(source, "exchanges", list);
    let mut exchanges = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let mut exchange = ExchangeConfig {
            name: String::new(),
            kind: ExchangeKind::Fanout,
        };
        let key = format!("exchanges[{index}]");
        assign(source, EXCHANGE, &[], &mut exchange, &key, item);
        exchanges.push(exchange);
    }
    let origin = source.origin(list.line);
    source.report.origins.set("exchanges", origin);
    exchanges
}

fn queues(config: &mut Config, source: &mut Source<'_>, table: &Node) {
    let entries = tables_in(source, "queues", table);
    if entries.is_empty() {
        return;
    }
    config.queues.clear();
    for (name, node) in entries {
        let key = format!("queues.{}", quoted_key(name));
        let mut queue = QueueConfig::for_key(name);
        queue.bindings = config.exchanges.first().map(bound_to).into_iter().collect();
        let found = assign(source, QUEUE, &["bindings"], &mut queue, &key, node);
        for (_, list) in found {
            queue.bindings = bindings(source, &format!("{key}.bindings"), list);
        }
        config.queues.insert(name.clone(), queue);
    }
}

fn bound_to(exchange: &ExchangeConfig) -> Binding {
    Binding {
        exchange: exchange.name.clone(),
        keys: vec!["#".to_owned()],
    }
}

fn bindings(source: &mut Source<'_>, key: &str, list: &Node) -> Vec<Binding> {
    let items = tables_of(source, key, list);
    let mut bindings = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let mut binding = Binding {
            exchange: String::new(),
            keys: vec!["#".to_owned()],
        };
        let key = format!("{key}[{index}]");
        assign(source, BINDING, &[], &mut binding, &key, item);
        bindings.push(binding);
    }
    let origin = source.origin(list.line);
    source.report.origins.set(key, origin);
    bindings
}

fn follow_ups(config: &mut Config, source: &mut Source<'_>, table: &Node) {
    for (kind, node) in tables_in(source, "follow_ups", table) {
        let mut route = FollowUpRoute {
            exchange: String::new(),
            routing_key: None,
        };
        let key = format!("follow_ups.{}", quoted_key(kind));
        assign(source, FOLLOW_UP, &[], &mut route, &key, node);
        config.follow_ups.insert(kind.clone(), route);
    }
}

fn kinds(config: &mut Config, source: &mut Source<'_>, table: &Node) {
    for (kind, node) in tables_in(source, "codec.kinds", table) {
        let mut fields = Vec::new();
        let key = format!("codec.kinds.{}", quoted_key(kind));
        assign(source, KIND, &[], &mut fields, &key, node);
        config.codec.id_fields_by_kind.insert(kind.clone(), fields);
    }
}

/// The tables of a list of tables.
fn tables_of<'n>(source: &mut Source<'_>, key: &str, list: &'n Node) -> Vec<&'n Node> {
    match &list.raw {
        Raw::List(nodes) => nodes.iter().collect(),
        _ => {
            source.misshapen(key, list, "must be a list of tables");
            Vec::new()
        }
    }
}

/// The named entries of a table of tables.
fn tables_in<'n>(
    source: &mut Source<'_>,
    key: &str,
    table: &'n Node,
) -> Vec<(&'n String, &'n Node)> {
    match &table.raw {
        Raw::Table(entries) => entries.iter().collect(),
        _ => {
            source.misshapen(key, table, "must be a table of tables");
            Vec::new()
        }
    }
}
