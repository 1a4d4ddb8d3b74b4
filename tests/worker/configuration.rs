//! What is wrong with the configuration ends a start with exit 3, all at once.

use crate::program::Program;

fn complaint(program: &Program, args: &[&str]) -> String {
    let ended = program.run(args);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    ended.stderr
}

#[test]
fn an_unknown_queue_names_the_known_ones() {
    let text = complaint(&Program::new(), &["--queue", "nowhere"]);
    assert!(text.contains("--queue = \"nowhere\""), "{text}");
    for known in ["neo4j", "events.neo4j", "qdrant", "events.qdrant"] {
        assert!(text.contains(known), "{known}: {text}");
    }
}

#[test]
fn a_queue_whose_processor_is_not_here_names_those_that_are() {
    let program = Program::new().file("[queues.audit]\nprocessor = \"audit\"\n");
    let text = complaint(&program, &["--queue", "audit"]);
    assert!(
        text.contains("queues.audit.processor = \"audit\""),
        "{text}"
    );
    assert!(text.contains("fanout.toml:2"), "{text}");
    assert!(text.contains("known: neo4j"), "{text}");
}

#[test]
fn every_problem_of_every_source_is_in_one_message() {
    let program = Program::new()
        .without("RABBITMQ_URL")
        .env("RABBITMQ_PORT", "tcp://10.0.0.1:5672")
        .env("NEO4J_URI", "http://localhost")
        .file("colour = \"red\"\n[queues.neo4j]\ndeadline = \"soon\"\n");
    let text = complaint(&program, &["--queue", "neo4j", "--workers", "0"]);
    for part in [
        "5 problems (config-invalid)",
        "colour",
        "queues.neo4j.deadline",
        "RABBITMQ_PORT",
        "neo4j.uri",
        "flag --workers",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_filter_that_cannot_be_understood_is_a_problem_of_the_configuration() {
    let program = Program::new().env("FANOUT_LOG", "fanout=loud");
    let text = complaint(&program, &["--queue", "neo4j"]);
    assert!(text.contains("log.filter = \"fanout=loud\""), "{text}");
}

#[test]
fn a_log_folder_that_cannot_be_made_is_a_problem_of_the_configuration() {
    let program = Program::new().file("");
    let text = complaint(
        &program,
        &["--queue", "neo4j", "--log-dir", "fanout.toml/x"],
    );
    assert!(text.contains("log.dir"), "{text}");
}
