//! Help and usage errors.

use crate::program::Program;

#[test]
fn help_names_every_flag_and_the_exit_codes() {
    let help = Program::new().run(&["--help"]);
    assert_eq!(help.code, Some(0));
    for flag in [
        "--queue",
        "--workers",
        "--prefetch",
        "--config",
        "--check",
        "--until-empty",
        "--stuck-after",
        "--healthcheck",
        "--http-addr",
        "--log-format",
        "--log-dir",
        "--verbose",
        "Exit codes:",
    ] {
        assert!(help.stdout.contains(flag), "{flag}: {}", help.stdout);
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = Program::new().run(&["--version"]).stdout;
    assert_eq!(
        version,
        format!("run-worker {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn wrong_usage_exits_2() {
    let program = Program::new();
    for args in [
        &[][..],
        &["--workers", "3"],
        &["--queue", "neo4j", "--workers", "many"],
        &["--queue", "neo4j", "--prefetch", "70000"],
        &["--queue", "neo4j", "--log-format", "xml"],
        &["--queue", "neo4j", "--check", "--until-empty"],
        &["--queue", "neo4j", "--stuck-after", "5m"],
        &["--queue", "neo4j", "--until-empty", "--stuck-after", "soon"],
    ] {
        let ended = program.run(args);
        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("--help"), "{}", ended.stderr);
    }
}
