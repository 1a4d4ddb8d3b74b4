//! A configuration as sections of lines, secrets masked or not.

use super::super::load::quoted_key;
use super::super::schema::{self, Field, Secrecy, settings};
use super::super::value::Val;
use super::super::{Binding, Config};

/// Whether secrets are shown as `***`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrets {
    Masked,
    /// For the defaults: they are public.
    Shown,
}

/// A TOML table.
#[derive(Debug)]
pub(super) struct Section {
    /// With its brackets.
    pub(super) header: String,
    pub(super) lines: Vec<Line>,
}

/// A setting.
#[derive(Debug)]
pub(super) struct Line {
    /// The key inside its section.
    pub(super) key: String,
    /// The whole key, as origins know it.
    pub(super) full_key: String,
    /// The value as TOML; `None` = unset.
    pub(super) value: Option<String>,
    pub(super) doc: &'static str,
    pub(super) rule: String,
    /// The variable that sets it, where there is one.
    pub(super) variable: Option<String>,
}

/// Everything there is, in the order it is printed.
pub(super) fn sections(config: &Config, secrets: Secrets) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut config = config.clone();
    plain(&mut config, secrets, "broker", &mut sections);
    for (index, exchange) in config.exchanges.iter_mut().enumerate() {
        sections.push(Section {
            header: "[[exchanges]]".to_owned(),
            lines: lines(
                schema::EXCHANGE,
                exchange,
                &format!("exchanges[{index}]"),
                secrets,
            ),
        });
    }
    for (key, queue) in &mut config.queues {
        let path = format!("queues.{}", quoted_key(key));
        let mut lines = lines(schema::QUEUE, queue, &path, secrets);
        for (line, field) in lines.iter_mut().zip(schema::QUEUE) {
            line.variable = field.variable_for_all().map(str::to_owned);
        }
        lines.insert(2.min(lines.len()), bindings(&queue.bindings, &path));
        sections.push(Section {
            header: format!("[{path}]"),
            lines,
        });
    }
    for (kind, route) in &mut config.follow_ups {
        let path = format!("follow_ups.{}", quoted_key(kind));
        sections.push(Section {
            lines: lines(schema::FOLLOW_UP, route, &path, secrets),
            header: format!("[{path}]"),
        });
    }
    for section in ["publisher", "spool", "codec"] {
        plain(&mut config, secrets, section, &mut sections);
    }
    for (kind, fields) in &mut config.codec.id_fields_by_kind {
        let path = format!("codec.kinds.{}", quoted_key(kind));
        sections.push(Section {
            lines: lines(schema::KIND, fields, &path, secrets),
            header: format!("[{path}]"),
        });
    }
    for section in [
        "breaker",
        "flood_guard",
        "worker",
        "http",
        "gateway",
        "dlq",
        "log",
        "traces",
        "outbox",
        "neo4j",
        "qdrant",
        "shadow",
    ] {
        plain(&mut config, secrets, section, &mut sections);
    }
    sections
}

/// The settings that exist once, of one section.
fn plain(config: &mut Config, secrets: Secrets, section: &str, sections: &mut Vec<Section>) {
    let start = format!("{section}.");
    let lines = settings()
        .filter_map(|field| Some((field, field.key.strip_prefix(&start)?)))
        .map(|(field, key)| Line {
            key: key.to_owned(),
            variable: Some(field.variable_name()),
            ..line(field, config, "", secrets)
        })
        .collect();
    sections.push(Section {
        header: format!("[{section}]"),
        lines,
    });
}

fn lines<T>(fields: &[Field<T>], target: &mut T, path: &str, secrets: Secrets) -> Vec<Line> {
    fields
        .iter()
        .map(|field| line(field, target, path, secrets))
        .collect()
}

fn line<T>(field: &Field<T>, target: &mut T, path: &str, secrets: Secrets) -> Line {
    let val = (field.slot)(target).get();
    let val = match secrets {
        Secrets::Masked => masked(field.secrecy, val),
        Secrets::Shown => val,
    };
    let full_key = if path.is_empty() {
        field.key.to_owned()
    } else {
        format!("{path}.{}", field.key)
    };
    Line {
        key: field.key.to_owned(),
        full_key,
        value: field.form.show(&val),
        doc: field.doc,
        rule: field.form.rule(),
        variable: None,
    }
}

fn masked(secrecy: Secrecy, val: Val) -> Val {
    match val {
        Val::Text(text) => Val::Text(secrecy.mask(&text)),
        Val::List(items) => Val::List(
            items
                .into_iter()
                .map(|item| masked(secrecy, item))
                .collect(),
        ),
        other => other,
    }
}

fn bindings(bindings: &[Binding], path: &str) -> Line {
    let tables: Vec<_> = bindings
        .iter()
        .map(|binding| {
            let lines = lines(schema::BINDING, &mut binding.clone(), "", Secrets::Shown);
            let entries: Vec<_> = lines
                .into_iter()
                .filter_map(|line| Some(format!("{} = {}", line.key, line.value?)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        })
        .collect();
    Line {
        key: "bindings".to_owned(),
        full_key: format!("{path}.bindings"),
        value: Some(format!("[{}]", tables.join(", "))),
        doc: schema::BINDINGS_DOC,
        rule: schema::BINDINGS_RULE.to_owned(),
        variable: None,
    }
}
