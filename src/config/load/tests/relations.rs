use std::time::Duration;

use super::*;

fn with_prefetch(prefetch: u16) -> Overrides {
    Overrides {
        prefetch: Some(prefetch),
        ..Overrides::default()
    }
}

#[test]
fn a_prefetch_below_the_batch_size_lowers_the_batch() {
    let queue = load("", &[], with_prefetch(20)).unwrap().config.queues["neo4j"].clone();
    assert_eq!(
        (queue.batch.max_events, queue.effective_prefetch()),
        (20, 20)
    );
}

#[test]
fn a_prefetch_above_the_batch_size_leaves_the_batch_alone() {
    let config = load("", &[], with_prefetch(5000)).unwrap().config;
    assert_eq!(config.queues["neo4j"].batch.max_events, 1000);
}

#[test]
fn a_prefetch_below_a_batch_size_that_is_set_too_is_a_problem() {
    let file = "[queues.neo4j]\nbatch.max_events = 100";
    let errors = load(file, &[], with_prefetch(20)).unwrap_err();
    let text = errors.to_string();
    assert!(
        text.contains("queues.neo4j.prefetch = 20 (flag --prefetch)"),
        "{text}"
    );
    assert!(
        text.contains("must not be below batch.max_events, which is set to 100"),
        "{text}"
    );
    assert!(load(file, &[], with_prefetch(100)).is_ok());
}

#[test]
fn a_binding_to_an_exchange_that_is_not_configured_is_a_problem() {
    let text = only_problem("[queues.a]\nbindings = [{ exchange = \"event\" }]");
    assert!(text.contains("bindings[0].exchange = \"event\""), "{text}");
    assert!(
        text.ends_with("must be a configured exchange; did you mean events?"),
        "{text}"
    );
}

#[test]
fn topic_patterns_are_checked_on_topic_exchanges_only() {
    let file = |kind: &str, key: &str| {
        format!(
            "exchanges = [{{ name = \"x\", kind = \"{kind}\" }}]\n[queues.a]\nbindings = [{{ exchange = \"x\", keys = [\"{key}\"] }}]"
        )
    };
    for good in ["#", "*.created", "payment.*", "a.#.b", "order"] {
        assert!(file_problems(&file("topic", good)).is_empty(), "{good}");
    }
    for bad in ["order*", "a..b", ".a", "a.", "##"] {
        assert_eq!(file_problems(&file("topic", bad)).len(), 1, "{bad}");
        assert!(file_problems(&file("fanout", bad)).is_empty(), "{bad}");
    }
}

#[test]
fn names_the_broker_would_refuse_are_problems() {
    assert_eq!(
        file_problems("[queues.a]\nname = \"amq.a\"\ndead_letter = \"amq.dlq\""),
        [
            "queues.a.dead_letter: must not start with amq., which the broker keeps for itself",
            "queues.a.name: must not start with amq., which the broker keeps for itself",
        ]
    );
    let long = |bytes: usize| {
        let name = "n".repeat(bytes);
        file_problems(&format!("[queues.a]\nname = \"{name}\"")).len()
    };
    // ".retry.30s" is the longest thing appended by the default plan.
    assert_eq!((long(245), long(246)), (0, 1));
}

#[test]
fn two_queues_of_one_name_are_a_problem() {
    assert_eq!(
        file_problems(
            "[queues.a]\nname = \"q\"\nretry_delays = []\n[queues.b]\nname = \"q\"\nretry_delays = []"
        ),
        [
            "queues.b.name: must not share the queue q with queues.a",
            "queues.b.name: must not share the queue q.pause with queues.a",
            "queues.b.name: must not share the queue q.suspect with queues.a",
        ]
    );
    assert_eq!(
        file_problems("[queues.a]\nname = \"q\"\n[queues.b]\nname = \"q.retry.5s\""),
        ["queues.b.name: must not share the queue q.retry.5s with queues.a"]
    );
}

#[test]
fn a_dead_letter_queue_must_not_be_a_working_queue() {
    for name in [
        "events.b",
        "events.b.retry.5s",
        "events.b.suspect",
        "events.a",
    ] {
        let file = format!("[queues.a]\ndead_letter = \"{name}\"\n[queues.b]\n");
        let problems = file_problems(&file);
        assert_eq!(problems.len(), 1, "{name}: {problems:?}");
        assert!(problems[0].starts_with("queues.a.dead_letter: must not be a main"));
    }
}

#[test]
fn a_retry_delay_above_the_ttl_is_a_problem() {
    let text = only_problem("[queues.a]\nmessage_ttl = \"1m\"");
    assert!(
        text.contains("queues.a.retry_delays = 5m: must not be above message_ttl, which is 1m"),
        "{text}"
    );
    assert!(file_problems("[queues.a]\nmessage_ttl = \"5m\"").is_empty());
}

#[test]
fn equal_delays_are_allowed() {
    let config = from_file("[queues.a]\nretry_delays = [\"5s\", \"5s\"]");
    assert_eq!(config.queues["a"].retry_delays.len(), 2);
}

#[test]
fn a_deadline_above_a_third_of_the_consumer_timeout_is_a_problem() {
    assert!(file_problems("[queues.a]\ndeadline = \"10m\"").is_empty());
    assert_eq!(
        file_problems("[queues.a]\ndeadline = \"601s\""),
        ["queues.a.deadline: must not be above a third of worker.consumer_timeout, which is 30m"]
    );
}

#[test]
fn the_query_timeout_follows_a_short_deadline_unless_it_is_set() {
    let config = from_file("[queues.neo4j]\ndeadline = \"6s\"");
    assert_eq!(config.neo4j.query_timeout, Duration::from_secs(5));
    assert_eq!(
        file_problems("neo4j.query_timeout = \"6s\"\n[queues.neo4j]\ndeadline = \"6s\""),
        ["neo4j.query_timeout: must be below queues.neo4j.deadline, which is 6s"]
    );
}

#[test]
fn the_ledger_remembers_an_event_for_as_long_as_it_may_come_again() {
    const DAY: u64 = 24 * 60 * 60;
    let retention = |text: &str| from_file(text).neo4j.ledger_retention.as_secs();
    assert_eq!(retention(""), 90 * DAY);
    assert_eq!(retention("neo4j.ledger_retention = \"15d\""), 15 * DAY);
    let long = "dlq.message_ttl = \"49d\"\n[queues.neo4j]\nmessage_ttl = \"49d\"\n\
                retry_delays = [\"5s\", \"10s\"]";
    assert_eq!(retention(long), 99 * DAY);
    let other = "dlq.message_ttl = \"49d\"\n[queues.qdrant]\nmessage_ttl = \"49d\"";
    assert_eq!(retention(other), 90 * DAY);
    assert_eq!(
        file_problems(
            "neo4j.ledger_retention = \"44d\"\ndlq.message_ttl = \"30d\"\n\
             [queues.neo4j]\nmessage_ttl = \"14d\""
        ),
        [
            "neo4j.ledger_retention: must not be below 45d: so long an event may wait in \
             queues.neo4j.name, in its retry stages and as a dead letter"
        ]
    );
}

#[test]
fn weights_are_numbers_of_which_one_is_above_zero() {
    let config = from_file("[qdrant.weights]\nview = 0\npurchase = 2.5\nremove_from_cart = -0.5");
    let weights = config.qdrant.weights;
    assert_eq!(
        (
            weights.view,
            weights.cart,
            weights.remove_from_cart,
            weights.purchase
        ),
        (0.0, 3.0, -0.5, 2.5)
    );
    let weights = from_env(&[("FANOUT_QDRANT_WEIGHTS_CART", "4.5")])
        .qdrant
        .weights;
    assert_eq!(weights.cart, 4.5);
    for (weight, limits) in [
        ("view = nan", "0 to 1000"),
        ("view = -1", "0 to 1000"),
        ("cart = inf", "0 to 1000"),
        ("purchase = \"5\"", "0 to 1000"),
        ("remove_from_cart = -1001", "-1000 to 1000"),
    ] {
        let key = weight.split(' ').next().unwrap();
        assert_eq!(
            file_problems(&format!("qdrant.weights.{weight}")),
            [format!(
                "qdrant.weights.{key}: must be a number from {limits}"
            )]
        );
    }
    let unknown = only_problem("qdrant.weights.purchased = 5");
    assert!(
        unknown.contains("did you mean") && unknown.contains("purchase?"),
        "{unknown}"
    );
    let nothing = "qdrant.weights = { view = 0, cart = 0, remove_from_cart = -1, purchase = 0 }";
    assert_eq!(
        file_problems(nothing),
        ["qdrant.weights.view: must be above zero where no other weight is"]
    );
    assert!(file_problems(&format!("{nothing}\nqdrant.profiles = false")).is_empty());
}

#[test]
fn a_heartbeat_is_whole_seconds() {
    assert_eq!(
        file_problems("broker.heartbeat = \"1500ms\""),
        ["broker.heartbeat: must be whole seconds"]
    );
}

#[test]
fn tls_settings_that_would_not_be_used_are_problems() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, "").unwrap();
    let ca = ca.display();
    assert_eq!(
        file_problems(&format!(
            "broker.tls.ca_file = \"{ca}\"\nneo4j.tls.ca_file = \"{ca}\""
        )),
        [
            "broker.urls: every URL must start with amqps:// where broker.tls is set",
            "neo4j.uri: must start with bolt+s:// or neo4j+s:// where neo4j.tls is set",
        ]
    );
    let good = format!(
        "broker.urls = \"amqps://h/\"\nneo4j.uri = \"bolt+s://h\"\nbroker.tls.ca_file = \"{ca}\"\nneo4j.tls.ca_file = \"{ca}\""
    );
    assert!(file_problems(&good).is_empty());
}

#[test]
fn tls_files_come_in_pairs_and_can_be_read() {
    let problems = file_problems(
        "broker.urls = \"amqps://h/\"\nbroker.tls.cert_file = \"/nonexistent/cert.pem\"",
    );
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("broker.tls.cert_file: must be a readable file"));
    assert_eq!(
        problems[1],
        "broker.tls.key_file: must be set together with cert_file"
    );
}

#[test]
fn one_mistake_is_one_problem() {
    let file = "[[exchanges]]\nnam = \"events\"\n[queues.neo4j]\ndeadline = \"never\"\n";
    let problems = file_problems(file);
    assert_eq!(problems.len(), 3, "{problems:?}");
}

#[test]
fn a_collector_that_cannot_be_spoken_to_is_a_problem_only_where_there_is_one() {
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317");
    assert!(load("", &[grpc], Overrides::default()).is_ok());
    let off = ("OTEL_SDK_DISABLED", "true");
    assert!(load("", &[grpc, endpoint, off], Overrides::default()).is_ok());
    let errors = load("", &[grpc, endpoint], Overrides::default()).unwrap_err();
    let text = errors.to_string();
    assert!(text.contains("must be http/protobuf where"), "{text}");
}

#[test]
fn headers_of_traces_that_are_no_pairs_are_refused_without_being_shown() {
    let env = [("OTEL_EXPORTER_OTLP_HEADERS", "Bearer s3cret")];
    let errors = load("", &env, Overrides::default()).unwrap_err();
    let text = errors.to_string();
    assert!(text.contains("traces.headers = ***"), "{text}");
    assert!(
        text.contains("must be name=value") && !text.contains("s3cret"),
        "{text}"
    );
}
