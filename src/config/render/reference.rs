//! The tables of `docs/configuration.md`.

use super::super::Config;
use super::print::examples;
use super::view::{Line, Secrets, Section, sections};

/// Markdown tables of every setting: key, meaning, form and limits, default, variable.
/// `docs/configuration.md` ends with this text; a test compares the two.
pub fn reference() -> String {
    let mut out = String::new();
    let mut seen_queue = false;
    for mut section in sections(&Config::default(), Secrets::Shown) {
        if section.header.starts_with("[queues.") {
            if seen_queue {
                continue;
            }
            seen_queue = true;
            "[queues.KEY]".clone_into(&mut section.header);
            for line in &mut section.lines {
                let value = line.value.as_deref().unwrap_or("");
                line.value = Some(value.replace("neo4j", "KEY"));
            }
        }
        table(&mut out, &section);
        for example in examples().iter().filter(|e| follows(&e.header, &section)) {
            table(&mut out, example);
        }
    }
    out
}

/// Where the sections without defaults stand.
fn follows(example: &str, section: &Section) -> bool {
    matches!(
        (example.split('.').next(), section.header.as_str()),
        (Some("[follow_ups"), "[queues.KEY]") | (Some("[codec"), "[codec]")
    )
}

fn table(out: &mut String, section: &Section) {
    out.push_str(&format!("\n### `{}`\n\n", section.header));
    out.push_str("| key | meaning | value | default | variable |\n|---|---|---|---|---|\n");
    let example = section.header.contains('"');
    for line in &section.lines {
        out.push_str(&row(line, example));
    }
}

fn row(line: &Line, example: bool) -> String {
    let default = match &line.value {
        Some(value) if example => format!("for example `{value}`"),
        Some(value) => format!("`{value}`"),
        None => "unset".to_owned(),
    };
    let variable = line
        .variable
        .as_ref()
        .map_or_else(String::new, |name| format!("`{name}`"));
    format!(
        "| `{}` | {} | {} | {default} | {variable} |\n",
        line.key, line.doc, line.rule
    )
    .replace("*.created, payment.*", "`*.created`, `payment.*`")
}
