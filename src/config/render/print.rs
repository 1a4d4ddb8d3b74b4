//! `fanout config print`, its JSON form, and the documented defaults.

use serde_json::{Map, Value, json as json_value};

use super::super::{Config, FollowUpRoute, Loaded, Origin};
use super::view::{Line, Secrets, Section, sections};

/// The resolved configuration as TOML, each value with its origin, secrets masked.
pub fn toml(loaded: &Loaded) -> String {
    let mut out = match &loaded.file {
        Some(file) => format!("# Resolved configuration; file {}\n", file.display()),
        None => "# Resolved configuration; no file was read\n".to_owned(),
    };
    for section in sections(&loaded.config, Secrets::Masked) {
        out.push_str(&format!("\n{}\n", section.header));
        for line in &section.lines {
            let origin = loaded.origins.of(&line.full_key);
            match &line.value {
                Some(value) => out.push_str(&format!("{} = {value} # {origin}\n", line.key)),
                None => out.push_str(&format!("# {} is unset\n", line.key)),
            }
        }
    }
    out
}

/// The resolved configuration as JSON: `{"file", "settings": {KEY: {"value", "origin"}}}`,
/// values as in the file, secrets masked, `null` = unset.
pub fn json(loaded: &Loaded) -> Value {
    let mut settings = Map::new();
    for section in sections(&loaded.config, Secrets::Masked) {
        for line in section.lines {
            let value = line.value.as_deref().map_or(Value::Null, to_json);
            let origin = origin_json(&loaded.origins.of(&line.full_key));
            settings.insert(
                line.full_key,
                json_value!({"value": value, "origin": origin}),
            );
        }
    }
    json_value!({
        "file": loaded.file.as_ref().map(|file| file.display().to_string()),
        "settings": settings,
    })
}

/// One way of showing values serves both forms: what TOML says is read back for JSON.
fn to_json(value: &str) -> Value {
    let parsed: Result<toml::Table, _> = toml::from_str(&format!("value = {value}"));
    parsed
        .ok()
        .and_then(|table| serde_json::to_value(table.get("value")?).ok())
        .unwrap_or(Value::Null)
}

fn origin_json(origin: &Origin) -> Value {
    match origin {
        Origin::Default => json_value!({"kind": "default"}),
        Origin::Derived(key) => json_value!({"kind": "derived", "from": key}),
        Origin::File { path, line } => {
            json_value!({"kind": "file", "path": path.display().to_string(), "line": line})
        }
        Origin::Variable(name) => json_value!({"kind": "variable", "name": name}),
        Origin::Flag(name) => json_value!({"kind": "flag", "name": name}),
    }
}

/// A configuration file that holds every default, each key with its meaning, form, limits
/// and variable. Loading it gives `Config::default()`.
pub fn defaults() -> String {
    let mut out = String::from(
        "# Every setting with its default. Order of precedence: this file, environment, flags.\n",
    );
    for section in sections(&Config::default(), Secrets::Shown) {
        out.push_str(&format!("\n{}\n", section.header));
        for line in &section.lines {
            out.push_str(&documented(line));
            match &line.value {
                Some(value) => out.push_str(&format!("{} = {value}\n", line.key)),
                None => out.push_str(&format!("# {} =\n", line.key)),
            }
        }
    }
    out.push_str("\n# What has no default, by example:\n");
    for section in examples() {
        out.push_str(&format!("#\n# {}\n", section.header));
        for line in &section.lines {
            let value = line.value.as_deref().unwrap_or("");
            let comment = documented(line).replace("# ", "# # ");
            out.push_str(&format!("{comment}# {} = {value}\n", line.key));
        }
    }
    out
}

fn documented(line: &Line) -> String {
    let variable = line
        .variable
        .as_ref()
        .map_or_else(String::new, |name| format!("; variable {name}"));
    format!("# {}\n# {}{variable}\n", line.doc, line.rule)
}

/// Sections that are empty by default, with one entry each.
pub(super) fn examples() -> Vec<Section> {
    let mut config = Config::default();
    config.queues.clear();
    config.exchanges.clear();
    let route = FollowUpRoute {
        exchange: "events".to_owned(),
        routing_key: Some("order.confirmed".to_owned()),
    };
    config
        .follow_ups
        .insert("order.confirmed".to_owned(), route);
    config
        .codec
        .id_fields_by_kind
        .insert("order.placed".to_owned(), vec!["order_id".to_owned()]);
    sections(&config, Secrets::Shown)
        .into_iter()
        .filter(|section| section.header.contains('"'))
        .collect()
}
