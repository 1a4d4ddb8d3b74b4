//! Configuration problems, and `fanout config`.

use crate::program::Program;

#[test]
fn all_configuration_problems_come_at_once_and_exit_3() {
    let program = Program::new()
        .file(
            "fanout.toml",
            "colour = 1\n[queues.neo4j]\ndeadline = \"soon\"\n",
        )
        .env("RABBITMQ_PORT", "tcp://10.0.0.1:5672");
    for args in [
        &["topology", "print"][..],
        &["queue", "list"],
        &["config", "check"],
        &["publish", "events.ndjson"],
    ] {
        let complaint = program.run(args).bad(3);
        for wrong in ["colour", "queues.neo4j.deadline", "soon", "RABBITMQ_PORT"] {
            assert!(complaint.contains(wrong), "{args:?}: {wrong}: {complaint}");
        }
        assert!(complaint.contains("hint: "), "{complaint}");
    }
}

#[test]
fn a_named_file_that_does_not_exist_exits_3() {
    let complaint = Program::new()
        .run(&["config", "print", "--config", "absent.toml"])
        .bad(3);
    assert!(complaint.contains("absent.toml"), "{complaint}");
}

#[test]
fn a_valid_configuration_passes_the_check() {
    let found = Program::new().run(&["config", "check"]).good();
    assert_eq!(found, "no problems; no file was read\n");
    let program = Program::new().file("fanout.toml", "[breaker]\nfailures = 7\n");
    let found = program.run(&["config", "check"]).good();
    assert_eq!(found, "fanout.toml: no problems\n");
}

#[test]
fn values_are_printed_with_their_origin_and_secrets_masked() {
    let program = Program::new()
        .file("fanout.toml", "[breaker]\nfailures = 7\n")
        .file(".env", "NEO4J_PASSWORD=hidden-1\n")
        .env("RABBITMQ_URL", "amqp://me:hidden-2@localhost:5672/shop");
    let text = program.run(&["config", "print"]).good();
    let json = program.run(&["config", "print", "--json"]).good();
    for printed in [&text, &json] {
        assert!(!printed.contains("hidden"), "{printed}");
        assert!(printed.contains("fanout.toml"), "{printed}");
        assert!(printed.contains("RABBITMQ_URL"), "{printed}");
        assert!(printed.contains("***"), "{printed}");
    }
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["settings"]["breaker.failures"]["value"], 7);
    assert_eq!(
        json["settings"]["breaker.failures"]["origin"]["kind"],
        "file"
    );
    let same = program.run(&["config", "print", "--output", "json"]).json();
    assert_eq!(json, same);
}

#[test]
fn the_printed_defaults_are_a_valid_file() {
    let defaults = Program::new()
        .run(&["config", "print", "--defaults"])
        .good();
    let program = Program::new().file("defaults.toml", defaults);
    let checked = program.run(&["--config", "defaults.toml", "config", "check"]);
    assert_eq!(checked.good(), "defaults.toml: no problems\n");
}

#[test]
fn the_environment_wins_over_the_file_beside_it() {
    let program = Program::new()
        .file(".env", "RABBITMQ_VHOST=from-file\n")
        .env("RABBITMQ_VHOST", "from-process");
    let export = program.run(&["topology", "export"]).json();
    assert_eq!(export["queues"][0]["vhost"], "from-process");
}
