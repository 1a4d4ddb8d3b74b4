//! `fanout spool`: what was set aside in the spool, and what becomes of it.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use fanout::config::Config;
use fanout::publish::{SetAside, SpoolError, SpoolFolder};
use serde::Serialize;
use serde_json::{Value, json};

use crate::exit::{CommandError, Exit};
use crate::output::{OutputArgs, figure, table, text};

/// All that a spool may hold: `spool.max_messages` goes up to there.
const EVERYTHING: usize = 100_000_000;

const HELP: &str = "\
A message of the spool that the broker will never take as it is (too large, no queue takes it,
properties not valid) is set aside with its reason, so that it neither blocks the others nor
vanishes. This looks into the folder of spool.dir; a program that has it open, such as fanout
serve, has to be stopped first.

  list     what is set aside, and how much waits to be sent
  retry    put them behind what waits: the next start of the program sends them once more
  export   write them to standard output, one JSON object a line, bodies as they are
  drop     give them up for good

NUMBER is the one that list shows; none = all of them.

Examples:
  fanout spool list
  fanout spool export > aside.ndjson
  fanout spool retry 17 18
  fanout spool drop --yes

Exit codes:
  0 done · 1 no such number · 2 usage · 3 the spool is in use · 4 it cannot be read";

/// Look after the messages that were set aside in the spool
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct SpoolArgs {
    #[command(subcommand)]
    command: SpoolCommand,
}

#[derive(Debug, Subcommand)]
enum SpoolCommand {
    /// What is set aside, and how much waits
    List {
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,

        #[command(flatten)]
        output: OutputArgs,
    },
    /// Send them once more, with the next start
    Retry {
        /// Numbers of messages; none = all
        #[arg(value_name = "NUMBER")]
        numbers: Vec<u64>,

        #[command(flatten)]
        output: OutputArgs,
    },
    /// Write them to standard output, one JSON object a line
    Export {
        /// Numbers of messages; none = all
        #[arg(value_name = "NUMBER")]
        numbers: Vec<u64>,
    },
    /// Give them up for good
    Drop {
        /// Numbers of messages; none = all
        #[arg(value_name = "NUMBER")]
        numbers: Vec<u64>,

        /// Do not ask
        #[arg(long, short)]
        yes: bool,

        #[command(flatten)]
        output: OutputArgs,
    },
}

#[derive(Debug, Serialize)]
struct Listed {
    /// Messages that wait to be sent.
    waiting: u64,
    set_aside: u64,
    messages: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    number: u64,
    id: Option<String>,
    kind: Option<String>,
    code: String,
    reason: String,
    at: Option<String>,
    bytes: u64,
}

pub(crate) fn run(args: SpoolArgs, config: &Config) -> Result<Exit, CommandError> {
    let opened = SpoolFolder::open(&config.spool).map_err(|error| cannot(&error))?;
    let Some(mut folder) = opened else {
        let message = format!("there is no spool in {}", config.spool.dir.display());
        return Err(
            CommandError::new(Exit::Findings, message).hint("FANOUT_SPOOL_DIR names the folder")
        );
    };
    let ended = act(&mut folder, args.command);
    folder.close();
    ended
}

fn act(folder: &mut SpoolFolder, command: SpoolCommand) -> Result<Exit, CommandError> {
    match command {
        SpoolCommand::List { limit, output } => {
            let messages = folder.set_aside(limit).map_err(|error| cannot(&error))?;
            let listed = Listed {
                waiting: folder.found().messages,
                set_aside: folder.found().set_aside,
                messages: messages.iter().map(Line::of).collect(),
            };
            output.print(&listed, render)?;
        }
        SpoolCommand::Retry { numbers, output } => {
            let rows = chosen(folder, &numbers)?;
            let count = folder.give_back(&rows).map_err(|error| cannot(&error))?;
            let done = json!({ "given_back": count, "unreadable": rows.len() - count });
            output.print(&done, |_| {
                format!("{count} wait to be sent again, with the next start of the program")
            })?;
        }
        SpoolCommand::Export { numbers } => export(&chosen(folder, &numbers)?)?,
        SpoolCommand::Drop {
            numbers,
            yes,
            output,
        } => {
            let rows = chosen(folder, &numbers)?;
            if !yes && !confirmed(rows.len())? {
                return Err(CommandError::new(Exit::Findings, "nothing was dropped"));
            }
            folder.discard(&rows).map_err(|error| cannot(&error))?;
            let count = rows.len();
            let done = json!({ "dropped": count });
            output.print(&done, |_| format!("dropped {count} messages"))?;
        }
    }
    Ok(Exit::Done)
}

/// Those of these numbers; all where none is named.
fn chosen(folder: &mut SpoolFolder, numbers: &[u64]) -> Result<Vec<SetAside>, CommandError> {
    let mut rows = folder
        .set_aside(EVERYTHING)
        .map_err(|error| cannot(&error))?;
    if numbers.is_empty() {
        return Ok(rows);
    }
    rows.retain(|row| numbers.contains(&row.seq));
    let known = |number: &&u64| rows.iter().any(|row| row.seq == **number);
    match numbers.iter().find(|number| !known(number)) {
        None => Ok(rows),
        Some(number) => {
            let message = format!("no message {number} is set aside");
            Err(CommandError::new(Exit::Findings, message).hint("fanout spool list shows them"))
        }
    }
}

fn confirmed(count: usize) -> Result<bool, CommandError> {
    use std::io::{BufRead, IsTerminal};
    if !std::io::stdin().is_terminal() {
        let message = "dropping deletes the messages for ever";
        return Err(
            CommandError::new(Exit::Usage, message).hint("say --yes where nobody can be asked")
        );
    }
    let mut stderr = std::io::stderr().lock();
    write!(stderr, "Delete {count} messages for ever? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn export(rows: &[SetAside]) -> Result<(), CommandError> {
    let mut stdout = std::io::stdout().lock();
    for row in rows {
        serde_json::to_writer(&mut stdout, &exported(row)).map_err(std::io::Error::from)?;
        stdout.write_all(b"\n")?;
    }
    stdout.flush()?;
    Ok(())
}

/// A body that is text is one; any other is base64.
fn exported(row: &SetAside) -> Value {
    let mut value = json!(Line::of(row));
    if let (Some(message), Some(members)) = (&row.message, value.as_object_mut()) {
        members.insert("exchange".to_owned(), json!(message.exchange));
        members.insert("routing_key".to_owned(), json!(message.routing_key));
        members.insert("properties".to_owned(), json!(message.properties));
        match std::str::from_utf8(&message.body) {
            Ok(text) => members.insert("body".to_owned(), text.into()),
            Err(_) => {
                let packed = STANDARD.encode(&message.body);
                members.insert("body_base64".to_owned(), packed.into())
            }
        };
    }
    value
}

impl Line {
    fn of(row: &SetAside) -> Self {
        let properties = row.message.as_ref().map(|message| &message.properties);
        let at = jiff::Timestamp::from_millisecond(row.at).ok();
        Self {
            number: row.seq,
            id: properties.and_then(|p| p.message_id.clone()),
            kind: properties.and_then(|p| p.kind.clone()),
            code: row.code.clone(),
            reason: row.reason.clone(),
            at: at.map(|at| at.to_string()),
            bytes: row.bytes,
        }
    }
}

fn cannot(error: &SpoolError) -> CommandError {
    match error {
        SpoolError::InUse { .. } => CommandError::new(Exit::Configuration, error)
            .hint("stop that program first, or name another folder with FANOUT_SPOOL_DIR"),
        _ => CommandError::new(Exit::StartUp, error),
    }
}

fn render(listed: &Listed) -> String {
    let (waiting, aside) = (listed.waiting, listed.set_aside);
    let head = format!("{waiting} wait to be sent, {aside} are set aside");
    if listed.messages.is_empty() {
        return head;
    }
    let mut table = table(&["NUMBER", "ID", "KIND", "SINCE", "BYTES", "CODE", "REASON"]);
    for line in &listed.messages {
        table.add_row([
            line.number.to_string(),
            figure(line.id.as_ref()),
            figure(line.kind.as_ref()),
            figure(line.at.as_ref()),
            line.bytes.to_string(),
            line.code.clone(),
            line.reason.clone(),
        ]);
    }
    format!("{head}\n{}", text(&table))
}
