//! `fanout dlq edit`

use std::fs::OpenOptions;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use fanout::config::Config;
use fanout::operate::dlq::{DeadLetter, Mended, Workbench, laid_out, with_values};
use fanout::publish::gateway::Schemas;
use serde::Serialize;

use super::failed;
use super::progress::Bar;
use crate::exit::{CommandError, Exit, complain};
use crate::output::OutputArgs;

/// Which dead letter, and what its body becomes.
#[derive(Clone, Debug, Args)]
pub(super) struct EditArgs {
    /// Event id, as list and group show it
    id: String,

    /// Take the new body from a file (- = standard input) [default: open $EDITOR]
    #[arg(long, value_name = "FILE", conflicts_with = "set")]
    body: Option<PathBuf>,

    /// Put a value (JSON, else a text) at a JSON pointer: /payload/price=9.5
    #[arg(long, value_name = "POINTER=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,

    /// Keep the body as it was in a new file
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,

    /// Only show what would change
    #[arg(long)]
    dry_run: bool,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,

    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Edited<'a> {
    #[serde(flatten)]
    mended: &'a Mended,
    dry_run: bool,
    run: Option<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((pointer, value)) if pointer.starts_with('/') => {
            Ok((pointer.to_owned(), value.to_owned()))
        }
        _ => Err("must be POINTER=VALUE, with a pointer such as /payload/price".to_owned()),
    }
}

pub(super) async fn run(
    bench: &Workbench,
    config: &Config,
    args: &EditArgs,
) -> Result<Exit, CommandError> {
    let schemas = match &config.gateway.schemas {
        Some(dir) => {
            Schemas::read(dir).map_err(|error| CommandError::new(Exit::Configuration, error))?
        }
        None => Schemas::default(),
    };
    let letter = bench
        .show(&args.id, &mut Bar::new())
        .await
        .map_err(failed)?;
    let letter = letter.give_back().await.map_err(failed)?;
    let body = new_body(args, &letter)?;
    let fits = |kind: &str, payload: &[u8]| schemas.fits(kind, payload);
    let mended = bench.mend(&letter, body.into(), &fits).map_err(failed)?;
    if mended.id != mended.new_id {
        let (before, after) = (&mended.id, &mended.new_id);
        complain(&format!(
            "warning: it becomes another event: {before} was its id, now {after}"
        ));
    }
    let mut run = None;
    if !args.dry_run {
        agreed(args, &mended)?;
        if let Some(path) = &args.keep {
            write_new(path, &letter.message.body).map_err(|error| io_error(path, &error))?;
        }
        run = Some(
            bench
                .publish_mended(&mended, &mut Bar::new())
                .await
                .map_err(failed)?,
        );
    }
    let edited = Edited {
        mended: &mended,
        dry_run: args.dry_run,
        run,
    };
    args.output.print(&edited, |edited| match &edited.run {
        Some(run) => format!(
            "{}\n{} goes to {}, run {run}",
            mended.diff, mended.new_id, mended.queue
        ),
        None => format!(
            "{}\n{} would go to {}",
            mended.diff, mended.new_id, mended.queue
        ),
    })?;
    Ok(Exit::Done)
}

fn new_body(args: &EditArgs, letter: &DeadLetter) -> Result<Vec<u8>, CommandError> {
    if !args.set.is_empty() {
        let body = with_values(&letter.message.body, &args.set).map_err(failed)?;
        return Ok(body.to_vec());
    }
    match &args.body {
        Some(path) if path == Path::new("-") => {
            let mut body = Vec::new();
            io::stdin()
                .lock()
                .read_to_end(&mut body)
                .map_err(|e| io_error(path, &e))?;
            Ok(body)
        }
        Some(path) => std::fs::read(path).map_err(|error| io_error(path, &error)),
        None => in_editor(letter),
    }
}

/// What the user makes of the body in an editor.
fn in_editor(letter: &DeadLetter) -> Result<Vec<u8>, CommandError> {
    let usage = |message: &str, hint: &str| CommandError::new(Exit::Usage, message).hint(hint);
    let instead = "say --body FILE or --set POINTER=VALUE";
    let editor = ["VISUAL", "EDITOR"].iter().find_map(std::env::var_os);
    let editor = editor.filter(|editor| !editor.is_empty());
    let editor = editor.ok_or_else(|| usage("EDITOR is not set", instead))?;
    let text = match laid_out(&letter.message.body) {
        Some(text) => text,
        None => String::from_utf8(letter.message.body.to_vec())
            .map_err(|_| usage("the body is no text", "say --body FILE"))?,
    };
    let name = format!("fanout-dead-letter-{:08x}.json", fastrand::u32(..));
    let path = std::env::temp_dir().join(name);
    write_new(&path, text.as_bytes()).map_err(|error| io_error(&path, &error))?;
    // Its value may have arguments, as in `code --wait`.
    let ended = Command::new("sh")
        .arg("-c")
        .arg("exec $FANOUT_EDITOR \"$1\"")
        .arg("sh")
        .arg(&path)
        .env("FANOUT_EDITOR", editor)
        .status();
    let edited = std::fs::read(&path);
    let _ = std::fs::remove_file(&path);
    match ended {
        Ok(status) if status.success() => {}
        Ok(_) => return Err(CommandError::new(Exit::Findings, "the editor gave up")),
        Err(error) => return Err(usage(&format!("no editor: {error}"), instead)),
    }
    let edited = edited.map_err(|error| io_error(&path, &error))?;
    match edited == text.as_bytes() {
        true => Err(CommandError::new(Exit::Findings, "nothing was changed")),
        false => Ok(edited),
    }
}

fn agreed(args: &EditArgs, mended: &Mended) -> Result<(), CommandError> {
    if args.yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(
            CommandError::new(Exit::Usage, "a mended dead letter is published")
                .hint("say --yes where nobody can be asked, or --dry-run"),
        );
    }
    let mut stderr = io::stderr().lock();
    write!(
        stderr,
        "{}\nPublish it to {}? [y/N] ",
        mended.diff, mended.queue
    )?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(CommandError::new(Exit::Findings, "nothing was changed")),
    }
}

/// A file of the user's own, never one that is there already.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

pub(super) fn io_error(path: &Path, error: &io::Error) -> CommandError {
    CommandError::new(Exit::Usage, format!("{}: {error}", path.display()))
}
