//! The configuration of a command: file, environment with `.env`, flags.

use fanout::config::{Config, ConfigErrors, LoadOptions, Loaded, Overrides, environment};
use std::path::Path;

use crate::exit::{CommandError, Exit};

pub(crate) fn load(overrides: Overrides) -> Result<Loaded, CommandError> {
    let env = environment(Path::new(".env"), std::env::vars_os()).map_err(wrong)?;
    Config::load(LoadOptions {
        file: Some(Path::new("fanout.toml")),
        env: &env,
        overrides,
    })
    .map_err(wrong)
}

fn wrong(errors: ConfigErrors) -> CommandError {
    CommandError::new(Exit::Configuration, errors)
        .hint("fanout config print --defaults documents every setting")
}
