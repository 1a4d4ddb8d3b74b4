use super::*;
use crate::config::{LogFormat, Origin};

const FILE: &str = "[worker]\nlanes = 2\n[log]\nformat = \"json\"\n";

#[test]
fn the_file_is_above_the_defaults() {
    let loaded = load(FILE, &[], Overrides::default()).unwrap();
    assert_eq!(loaded.config.worker.lanes, 2);
    assert!(matches!(
        loaded.origins.of("worker.lanes"),
        Origin::File { line: 2, .. }
    ));
    assert_eq!(loaded.origins.of("worker.drain_deadline"), Origin::Default);
}

#[test]
fn the_environment_is_above_the_file() {
    let loaded = load(FILE, &[("FANOUT_WORKERS", "4")], Overrides::default()).unwrap();
    assert_eq!(loaded.config.worker.lanes, 4);
    assert_eq!(
        loaded.origins.of("worker.lanes"),
        Origin::Variable("FANOUT_WORKERS".to_owned())
    );
}

#[test]
fn flags_are_above_the_environment() {
    let flags = Overrides {
        workers: Some(3),
        log_format: Some(LogFormat::Text),
        http_addr: Some(([0, 0, 0, 0], 9000).into()),
        ..Overrides::default()
    };
    let env = [("FANOUT_WORKERS", "4"), ("FANOUT_LOG_FORMAT", "json")];
    let loaded = load(FILE, &env, flags).unwrap();
    assert_eq!(loaded.config.worker.lanes, 3);
    assert_eq!(loaded.config.log.format, LogFormat::Text);
    assert!(loaded.config.http.explicit);
    assert_eq!(loaded.origins.of("worker.lanes"), Origin::Flag("--workers"));
}

#[test]
fn the_named_file_wins_over_the_usual_one_and_the_flag_over_the_variable() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, lanes: u32| {
        let path = dir.path().join(name);
        std::fs::write(&path, format!("worker.lanes = {lanes}")).unwrap();
        path
    };
    let (usual, by_env, by_flag) = (write("a", 2), write("b", 3), write("c", 4));
    let env = [("FANOUT_CONFIG", by_env.to_str().unwrap())];
    let lanes = |overrides| {
        let loaded = load_path(Some(&usual), &env, overrides).unwrap();
        loaded.config.worker.lanes
    };
    assert_eq!(lanes(Overrides::default()), 3);
    let flag = Overrides {
        config: Some(by_flag),
        ..Overrides::default()
    };
    assert_eq!(lanes(flag), 4);
}

#[test]
fn a_queue_is_named_by_its_key_or_by_its_name_at_the_broker() {
    for name in ["neo4j", "events.neo4j"] {
        let flags = Overrides {
            queue: Some(name.to_owned()),
            prefetch: Some(20),
            ..Overrides::default()
        };
        let loaded = load("", &[], flags).unwrap();
        assert_eq!(loaded.queue.as_deref(), Some("neo4j"));
        assert_eq!(loaded.config.queues["neo4j"].prefetch, Some(20));
        assert_eq!(loaded.config.queues["qdrant"].prefetch, None);
    }
}

#[test]
fn an_unknown_queue_is_a_problem_with_a_suggestion() {
    let flags = Overrides {
        queue: Some("neo4".to_owned()),
        ..Overrides::default()
    };
    let text = load("", &[], flags).unwrap_err().to_string();
    assert!(text.contains("--queue = \"neo4\""), "{text}");
    assert!(text.contains("did you mean neo4j?"), "{text}");
}

#[test]
fn a_log_filter_in_letters_of_several_bytes_is_a_problem_and_no_panic() {
    for filter in ["ଏ🈟&P4𐖹3[𑊝**භbl𞗑{්", "fanout[späne]=info", "größe"] {
        let flags = Overrides {
            log_filter: Some(filter.to_owned()),
            ..Overrides::default()
        };
        let problems = problems(load("", &[], flags));
        let [problem] = &problems[..] else {
            panic!("{problems:?}")
        };
        assert!(problem.contains("plain ASCII"), "{problem}");
    }
}

#[test]
fn flags_are_checked_like_every_other_source() {
    let flags = Overrides {
        workers: Some(0),
        prefetch: Some(0),
        log_filter: Some("info,fanout=loud".to_owned()),
        ..Overrides::default()
    };
    let problems = problems(load("", &[], flags));
    let keys: Vec<_> = problems
        .iter()
        .map(|p| p.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        keys,
        [
            "log.filter",
            "queues.neo4j.prefetch",
            "queues.qdrant.prefetch",
            "worker.lanes"
        ]
    );
}

#[test]
fn all_problems_of_all_sources_come_in_one_numbered_sorted_message() {
    let file = "[broker]\nheartbeet = \"5s\"\n[queues.neo4j]\ndeadline = \"5x\"\nprefetch = 10\nbatch.max_events = 100\n";
    let env = [
        ("RABBITMQ_PORT", "tcp://10.0.0.1:5672"),
        ("NEO4J_URI", "http://localhost"),
        ("NEO4J_PASSWORD", "s3cret"),
    ];
    let errors = load(file, &env, Overrides::default()).unwrap_err();
    let text = errors.to_string();
    assert_eq!(errors.code(), "config-invalid");
    assert!(
        text.starts_with("the configuration has 5 problems (config-invalid)\n"),
        "{text}"
    );
    let keys: Vec<_> = text
        .lines()
        .skip(1)
        .map(|line| {
            line.split_whitespace()
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(
        keys,
        [
            "1. RABBITMQ_PORT",
            "2. broker.heartbeet",
            "3. neo4j.uri",
            "4. queues.neo4j.deadline",
            "5. queues.neo4j.prefetch",
        ]
    );
    assert!(!text.contains("s3cret"), "{text}");
}
