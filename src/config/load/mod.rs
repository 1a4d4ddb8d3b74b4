//! Sources to configuration: defaults, then file, then variables, then flags.
//!
//! Each source writes its checked values over those of the one before and notes where they
//! came from; whatever is refused is noted too, and the next source still has its turn. The
//! relations between settings are checked at the end, over the values that were accepted.

mod entries;
mod file;
mod flags;
mod report;
mod variables;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::{Config, ConfigErrors, LogFormat, Origins, relations};
pub(super) use entries::quoted_key;
pub(super) use report::Report;

/// Where a configuration is loaded from. Nothing else is read: no process environment, no
/// working directory.
#[derive(Clone, Debug)]
pub struct LoadOptions<'a> {
    /// The file to read if it exists and no other is named, usually `fanout.toml`.
    pub file: Option<&'a Path>,
    /// The environment; an empty value counts as unset.
    pub env: &'a BTreeMap<String, String>,
    /// The flags.
    pub overrides: Overrides,
}

/// Flags of the command line; `None` = not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--queue`: key of a configured queue, or its name at the broker.
    pub queue: Option<String>,
    /// `--workers`.
    pub workers: Option<usize>,
    /// `--prefetch`, for the queue of `queue`, else for every queue.
    pub prefetch: Option<u16>,
    /// `--config`: this file has to exist.
    pub config: Option<PathBuf>,
    /// `--log-format`.
    pub log_format: Option<LogFormat>,
    /// `--log-dir`.
    pub log_dir: Option<PathBuf>,
    /// `--log`: filter directives.
    pub log_filter: Option<String>,
    /// `--http-addr`.
    pub http_addr: Option<SocketAddr>,
}

/// A configuration without problems, and where its values come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The origin of each value.
    pub origins: Origins,
    /// The key of the queue that `Overrides::queue` names.
    pub queue: Option<String>,
    /// The file that was read.
    pub file: Option<PathBuf>,
}

impl Config {
    /// Loads and validates the configuration.
    ///
    /// # Errors
    /// All problems at once, of the file, the variables, the flags, and between them.
    pub fn load(options: LoadOptions<'_>) -> Result<Loaded, ConfigErrors> {
        let LoadOptions {
            file,
            env,
            overrides,
        } = options;
        let mut config = Self::default();
        let mut report = Report::default();
        let named = overrides
            .config
            .clone()
            .or_else(|| variables::value(env, "FANOUT_CONFIG").map(PathBuf::from));
        let read = file::apply(&mut config, &mut report, named.as_deref(), file);
        variables::apply(&mut config, &mut report, env);
        let queue = flags::apply(&mut config, &mut report, &overrides);
        config.http.explicit = report.origins.is_explicit("http.addr");
        relations::derive(&mut config, &mut report);
        relations::check(&config, &mut report);
        match ConfigErrors::from_problems(report.problems) {
            Some(errors) => Err(errors),
            None => Ok(Loaded {
                config,
                origins: report.origins,
                queue,
                file: read,
            }),
        }
    }
}
