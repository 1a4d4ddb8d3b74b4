//! Help, usage errors, completions, and what a pipe sees.

use std::io::Read;
use std::process::Stdio;

use crate::program::Program;

const COMMANDS: [&[&str]; 42] = [
    &["demo"],
    &["publish"],
    &["serve"],
    &["topology"],
    &["topology", "print"],
    &["topology", "apply"],
    &["topology", "export"],
    &["queue"],
    &["queue", "list"],
    &["queue", "show"],
    &["queue", "purge"],
    &["dlq"],
    &["dlq", "list"],
    &["dlq", "show"],
    &["dlq", "group"],
    &["dlq", "replay"],
    &["dlq", "redirect"],
    &["dlq", "edit"],
    &["dlq", "purge"],
    &["dlq", "export"],
    &["dlq", "import"],
    &["dlq", "audit"],
    &["queue", "pause"],
    &["queue", "resume"],
    &["status"],
    &["outbox"],
    &["outbox", "init"],
    &["outbox", "run"],
    &["doctor"],
    &["where"],
    &["verify"],
    &["ledger"],
    &["ledger", "prune"],
    &["ledger", "stats"],
    &["spool"],
    &["spool", "list"],
    &["spool", "retry"],
    &["spool", "export"],
    &["spool", "drop"],
    &["config", "print"],
    &["config", "check"],
    &["completions"],
];

#[test]
fn help_names_every_command_with_examples_and_exit_codes() {
    let help = Program::new().run(&["--help"]).good();
    for command in COMMANDS {
        assert!(
            help.contains(&format!("\n  {} ", command[0])),
            "{command:?}"
        );
    }
    assert!(help.contains("Examples:") && help.contains("Exit codes:"));
}

#[test]
fn every_command_has_a_help_page_of_its_own() {
    for command in COMMANDS {
        let mut args = command.to_vec();
        args.push("--help");
        let help = Program::new().run(&args).good();
        assert!(help.contains(&format!("Usage: fanout {}", command.join(" "))));
    }
}

#[test]
fn help_and_completions_need_no_valid_configuration() {
    let program = Program::new().env("RABBITMQ_PORT", "tcp://10.0.0.1:5672");
    program.run(&["publish", "--help"]).good();
    program.run(&["completions", "bash"]).good();
    program.run(&["config", "print", "--defaults"]).good();
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = Program::new().run(&["--version"]).good();
    assert_eq!(version, format!("fanout {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_exits_2_and_says_what_was_meant() {
    let program = Program::new();
    for args in [
        &["--colour"][..],
        &["publsh"],
        &["topology"],
        &["queue", "show"],
        &["publish", "--format", "xml"],
        &["publish", "--from-line", "0"],
        &["publish", "--give-up-after", "soon"],
        &["queue", "list", "--json", "--output", "text"],
        &["ledger", "prune", "--older-than", "3M"],
        &["ledger", "prune", "--limit", "0"],
        &[],
    ] {
        let complaint = program.run(args).bad(2);
        assert!(
            complaint.contains("--help") || complaint.contains("Usage: fanout"),
            "{args:?}: {complaint}"
        );
    }
    assert!(program.run(&["publsh"]).bad(2).contains("'publish'"));
}

#[test]
fn every_shell_gets_a_completion_script() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Program::new().run(&["completions", shell]).good();
        assert!(script.contains("from-line"), "{shell}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let program = Program::new();
    for args in [
        &["config", "print", "--defaults"][..],
        &["completions", "bash"],
        &["topology", "export"],
    ] {
        let mut command = program.command(args);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut complaint = String::new();
        let mut stderr = child.stderr.take().unwrap();
        stderr.read_to_string(&mut complaint).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}");
        assert_eq!(complaint, "", "{args:?}");
    }
}

#[test]
fn nothing_is_coloured_in_a_pipe() {
    let program = Program::new();
    for args in [&["--help"][..], &["topology", "print"], &["--nonsense"]] {
        let ended = program.run(args);
        let printed = ended.stdout + &ended.stderr;
        assert!(!printed.contains('\u{1b}'), "{args:?}: {printed}");
    }
}
