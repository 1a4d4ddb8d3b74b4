//! What deploy/ and the handbook say about the programs is true.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::Program;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a folder that end like this.
fn files(folder: &Path, end: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            files(&path, end, found);
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
}

#[test]
fn the_configuration_of_the_manifests_has_no_problems() {
    let mut found = Vec::new();
    files(&root().join("deploy/kubernetes"), "fanout.toml", &mut found);
    assert!(found.len() >= 2, "{found:?}");
    for path in found {
        let program = Program::new()
            .file("fanout.toml", fs::read(&path).unwrap())
            .env("RABBITMQ_URL", "amqps://worker:s3cret@rabbitmq:5671/%2f");
        let said = program.run(&["config", "check"]);
        assert_eq!(said.code, Some(0), "{}: {said:?}", path.display());
    }
}

/// Commands of a document: in backticks, and lines of shell blocks.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_shell = false;
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("```") {
            in_shell = line == "```sh";
        } else if in_shell {
            found.extend(line.split(" | ").map(str::to_owned));
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    let ours =
        |command: &String| command.starts_with("fanout ") || command.starts_with("run-worker ");
    found.retain(ours);
    found
}

/// The help of the command that these words begin with, as far as there are such commands.
fn help(words: &[&str]) -> Result<String, String> {
    let program = match words[0] {
        "fanout" => env!("CARGO_BIN_EXE_fanout"),
        _ => env!("CARGO_BIN_EXE_run-worker"),
    };
    let is_name =
        |w: &&&str| w.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !w.starts_with('-');
    let names: Vec<_> = words[1..].iter().take_while(is_name).take(2).collect();
    // The second may be an argument, where the first has no commands of its own.
    for count in (0..=names.len()).rev() {
        let asked = Command::new(program)
            .args(&names[..count])
            .arg("--help")
            .output()
            .unwrap();
        let text = String::from_utf8(asked.stdout).unwrap();
        let all = count == names.len() || (count > 0 && !text.contains("\nCommands:"));
        if asked.status.success() && all {
            return Ok(text);
        }
    }
    Err(format!("no such command: {}", words.join(" ")))
}

#[test]
fn every_command_that_the_handbook_names_exists_with_its_flags() {
    let mut pages = vec![root().join("docs/operations.md")];
    files(&root().join("docs/operations"), ".md", &mut pages);
    let mut checked = 0;
    let mut wrong = Vec::new();
    for page in &pages {
        for command in commands(&fs::read_to_string(page).unwrap()) {
            let command = command.split(['#', '>']).next().unwrap_or_default();
            let words: Vec<_> = command.split_whitespace().collect();
            checked += 1;
            let elsewhere = words[1] == "demo" && !cfg!(feature = "embedded");
            if elsewhere {
                continue;
            }
            let name = page.file_name().unwrap().to_string_lossy();
            match help(&words) {
                Err(problem) => wrong.push(format!("{name}: {problem}")),
                Ok(help) => wrong.extend(
                    words
                        .iter()
                        .filter_map(|word| word.strip_prefix("--"))
                        .map(|flag| flag.split('=').next().unwrap_or_default())
                        .filter(|flag| !help.contains(&format!("--{flag}")))
                        .map(|flag| format!("{name}: {command}: no flag --{flag}")),
                ),
            }
        }
    }
    assert!(checked > 20, "the commands were not found");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
