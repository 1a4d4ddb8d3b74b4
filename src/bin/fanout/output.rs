//! Data on standard output: tables for people, JSON for programs, nothing coloured in a pipe.

use clap::{Args, ValueEnum};
use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};

use crate::exit::CommandError;

/// Form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    #[default]
    Text,
    Json,
}

/// The flags of every command that prints data.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct OutputArgs {
    /// Print JSON, for programs
    #[arg(long, conflicts_with = "output")]
    json: bool,

    /// Form of the output
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Form,
}

impl OutputArgs {
    pub(crate) fn is_json(self) -> bool {
        self.json || self.output == Form::Json
    }

    /// Prints `data` as JSON, or what `text` makes of it.
    pub(crate) fn print<T: Serialize>(
        self,
        data: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), CommandError> {
        if self.is_json() {
            print(&serde_json::to_string_pretty(data).map_err(io::Error::from)?)
        } else {
            print(&text(data))
        }
    }
}

/// Writes text and a line end to standard output.
pub(crate) fn print(text: &str) -> Result<(), CommandError> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", text.trim_end())?;
    stdout.flush()?;
    Ok(())
}

/// An empty table with these column titles.
pub(crate) fn table(titles: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    if !coloured(&io::stdout()) {
        table.force_no_tty();
    }
    table.set_header(
        titles
            .iter()
            .map(|title| Cell::new(title).add_attribute(Attribute::Bold)),
    );
    table
}

/// The table without the blanks that its alignment leaves at line ends.
pub(crate) fn text(table: &Table) -> String {
    let lines: Vec<_> = table.lines().map(|line| line.trim().to_owned()).collect();
    lines.join("\n")
}

/// Colours only where a person looks, and not where `NO_COLOR` is set (no-color.org).
pub(crate) fn coloured(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Foreign text on one line, without what a terminal would obey.
pub(crate) fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.replace("\r\n", " ")
        .replace(['\n', '\t'], " ")
        .chars()
        .map(shown)
        .collect()
}

/// A figure, or a dash where it is not known.
pub(crate) fn figure<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
