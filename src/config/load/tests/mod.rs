//! Loading, seen from outside: sources in, configuration or problems out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod file;
mod precedence;
mod properties;
mod relations;
mod variables;

use std::collections::BTreeMap;
use std::path::Path;

use super::super::{Config, ConfigErrors, LoadOptions, Loaded, Overrides};

/// Loads from a file with this text, these variables and these flags.
fn load(file: &str, env: &[(&str, &str)], overrides: Overrides) -> Result<Loaded, ConfigErrors> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fanout.toml");
    std::fs::write(&path, file).unwrap();
    load_path(Some(&path), env, overrides)
}

fn load_path(
    file: Option<&Path>,
    env: &[(&str, &str)],
    overrides: Overrides,
) -> Result<Loaded, ConfigErrors> {
    let env: BTreeMap<String, String> = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Config::load(LoadOptions {
        file,
        env: &env,
        overrides,
    })
}

fn from_file(file: &str) -> Config {
    load(file, &[], Overrides::default()).unwrap().config
}

fn from_env(env: &[(&str, &str)]) -> Config {
    load("", env, Overrides::default()).unwrap().config
}

/// The problems of a file, each as `key: rule`.
fn file_problems(file: &str) -> Vec<String> {
    problems(load(file, &[], Overrides::default()))
}

fn env_problems(env: &[(&str, &str)]) -> Vec<String> {
    problems(load("", env, Overrides::default()))
}

fn problems(loaded: Result<Loaded, ConfigErrors>) -> Vec<String> {
    match loaded {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .problems()
            .iter()
            .map(|problem| format!("{}: {}", problem.key, problem.rule))
            .collect(),
    }
}

/// The one problem of a file as it is printed.
fn only_problem(file: &str) -> String {
    let errors = load(file, &[], Overrides::default()).unwrap_err();
    assert_eq!(errors.problems().len(), 1, "{errors}");
    errors.problems()[0].to_string()
}
