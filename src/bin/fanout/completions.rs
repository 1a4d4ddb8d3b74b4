//! `fanout completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::Write;

use crate::cli::Cli;
use crate::exit::{CommandError, Exit};

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  fanout completions bash > ~/.local/share/bash-completion/completions/fanout"
)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> Result<Exit, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "fanout", &mut script);
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&script)?;
    stdout.flush()?;
    Ok(Exit::Done)
}
