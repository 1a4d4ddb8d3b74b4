//! `fanout config`

use clap::{Args, Subcommand};
use fanout::config::{Loaded, render};

use crate::exit::{CommandError, Exit};
use crate::output::{OutputArgs, print};

const HELP: &str = "\
Examples:
  fanout config print                           values in force, and where they come from
  fanout config print --defaults > fanout.toml  every setting, documented
  fanout --config staging.toml config check";

/// Show or check the configuration
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the values in force with their origin, secrets masked
    Print {
        /// Print every setting with its default, unit and limits instead, as a file
        #[arg(long, conflicts_with_all = ["json", "output"])]
        defaults: bool,

        #[command(flatten)]
        output: OutputArgs,
    },
    /// Load and validate it; exit 3 with all problems at once
    Check,
}

/// Whether the configuration has to be valid for this: the defaults are what one looks up
/// when it is not.
pub(crate) fn needs_configuration(args: &ConfigArgs) -> bool {
    !matches!(args.command, ConfigCommand::Print { defaults: true, .. })
}

pub(crate) fn print_defaults() -> Result<Exit, CommandError> {
    print(&render::defaults())?;
    Ok(Exit::Done)
}

pub(crate) fn run(args: &ConfigArgs, loaded: &Loaded) -> Result<Exit, CommandError> {
    match args.command {
        ConfigCommand::Print { output, .. } if output.is_json() => {
            print(&format!("{:#}", render::json(loaded)))?;
        }
        ConfigCommand::Print { .. } => print(&render::toml(loaded))?,
        ConfigCommand::Check => print(&match &loaded.file {
            Some(file) => format!("{}: no problems", file.display()),
            None => "no problems; no file was read".to_owned(),
        })?,
    }
    Ok(Exit::Done)
}
