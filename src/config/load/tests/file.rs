use std::time::Duration;

use super::*;
use crate::config::{ExchangeKind, MissingId, QueueType, TopologyMode, UnknownKind};

/// The sketch of the interface, word for word.
const SKETCH: &str = r##"
[[exchanges]]
name = "events"
kind = "fanout"

[queues.neo4j]
name = "events.neo4j"
processor = "neo4j"
bindings = [{ exchange = "events", keys = ["#"] }]
dead_letter = "events.dlq"
retry_delays = ["5s", "30s", "5m"]
type = "quorum"
message_ttl = "14d"
max_length_bytes = "8GiB"
batch = { max_events = 1000, max_bytes = "4MiB", max_wait = "20ms" }
in_flight = 2
deadline = "30s"

[breaker]
failures = 5
open_for = "30s"

[codec]
id_fields = ["eventId", "event_id", "id"]
missing_id = "assign"
unknown_kind = "skip"
"##;

#[test]
fn the_sketch_of_the_interface_is_the_default_configuration_with_one_queue() {
    let mut expected = Config::default();
    expected.queues.remove("qdrant");
    assert_eq!(from_file(SKETCH), expected);
}

#[test]
fn an_empty_file_is_the_default_configuration() {
    assert_eq!(from_file(""), Config::default());
}

#[test]
fn every_kind_of_section_is_read() {
    let config = from_file(
        r##"
        [broker]
        urls = ["amqps://a:b@one/x", "amqps://a:b@two/"]
        topology = "verify"
        max_message_bytes = "8MiB"
        [broker.backoff]
        delays = ["5s","10s","20s","40s","60s"]
        jitter = 0.0
        max_attempts = "unlimited"
        failed_after = 7
        [[exchanges]]
        name = "app.events"
        kind = "topic"
        [[exchanges]]
        name = "order_events"
        [queues.search]
        name = "search.q"
        dead_letter = "search.dlq"
        type = "classic"
        message_ttl = "never"
        max_length_bytes = "unlimited"
        retry_delays = ["0s", "1s", "2s", "4s", "8s"]
        prefetch = 200
        batch.max_events = 100
        bindings = [
          { exchange = "app.events", keys = ["*.created", "payment.*"] },
          { exchange = "order_events" },
        ]
        [follow_ups."order.confirmed"]
        exchange = "order_events"
        routing_key = "confirmed"
        [codec]
        missing_id = "reject"
        unknown_kind = "dead-letter"
        [codec.kinds."order.placed"]
        id_fields = ["order_id"]
        [flood_guard]
        enabled = false
        share = 0.9
        "##,
    );
    let queue = &config.queues["search"];
    assert_eq!(config.queues.len(), 1);
    assert_eq!(config.broker.urls[1].expose(), "amqps://a:b@two/%2f");
    assert_eq!(config.broker.topology, TopologyMode::Verify);
    assert_eq!(config.broker.backoff.delays[4], Duration::from_secs(60));
    assert_eq!(config.broker.backoff.max_attempts, None);
    assert_eq!(config.exchanges[0].kind, ExchangeKind::Topic);
    assert_eq!(config.exchanges[1].kind, ExchangeKind::Fanout);
    assert_eq!(queue.queue_type, QueueType::Classic);
    assert_eq!((queue.message_ttl, queue.max_length_bytes), (None, None));
    assert_eq!(queue.retry_delays[0], Duration::ZERO);
    assert_eq!(queue.processor, "search");
    assert_eq!(queue.bindings[0].keys, ["*.created", "payment.*"]);
    assert_eq!(queue.bindings[1].keys, ["#"]);
    assert_eq!(
        config.follow_ups["order.confirmed"].exchange,
        "order_events"
    );
    assert_eq!(config.codec.missing_id, MissingId::Reject);
    assert_eq!(config.codec.unknown_kind, UnknownKind::DeadLetter);
    assert_eq!(config.codec.id_fields_by_kind["order.placed"], ["order_id"]);
    assert!(!config.flood_guard.enabled);
}

#[test]
fn a_queue_without_bindings_is_bound_to_the_first_exchange() {
    let config =
        from_file("exchanges = [{ name = \"app.events\", kind = \"topic\" }]\n[queues.a]\n");
    assert_eq!(config.queues["a"].bindings[0].exchange, "app.events");
    assert_eq!(config.queues["a"].name, "events.a");
}

#[test]
fn an_unknown_key_is_a_problem_that_names_the_line_and_the_nearest_key() {
    let text = only_problem("[broker]\n\nheartbeet = \"5s\"\n");
    assert!(text.starts_with("broker.heartbeet ("), "{text}");
    assert!(
        text.contains("fanout.toml:3): is not a known key"),
        "{text}"
    );
    assert!(text.ends_with("did you mean heartbeat?"), "{text}");
}

#[test]
fn unknown_keys_are_found_at_every_depth() {
    let problems = file_problems(
        "colour = 1\n[queues.neo4j]\nbatch = { max_event = 5 }\nbindings = [{ exchange = \"events\", key = \"#\" }]\n\
         [codec.kinds.\"order.placed\"]\nid_fields = [\"a\"]\nid_field = \"b\"\n[[exchanges]]\nname = \"events\"\ntype = \"topic\"\n",
    );
    let keys: Vec<_> = problems
        .iter()
        .map(|p| p.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        keys,
        [
            "codec.kinds.\"order.placed\".id_field",
            "colour",
            "exchanges[0].type",
            "queues.neo4j.batch.max_event",
            "queues.neo4j.bindings[0].key",
        ]
    );
}

#[test]
fn a_value_of_the_wrong_type_is_a_problem_with_the_rule_and_a_hint() {
    let text = only_problem("[breaker]\nopen_for = 30\n");
    assert!(text.contains("breaker.open_for = 30 ("), "{text}");
    assert!(text.contains("must be a duration from 1ms to 1h"), "{text}");
    assert!(
        text.contains("write whole milliseconds or more with the unit"),
        "{text}"
    );
    assert_eq!(
        file_problems("broker = 5\n[queues]\nneo4j = 3\n"),
        ["broker: must be a table", "queues.neo4j: must be a table"]
    );
    assert_eq!(
        file_problems("queues = []"),
        ["queues: must be a table of tables"]
    );
    assert_eq!(
        file_problems("exchanges = 1"),
        ["exchanges: must be a list of tables"]
    );
}

#[test]
fn durations_and_sizes_are_read_in_every_usual_unit() {
    let config = from_file(
        "[queues.neo4j]\nretry_delays = [\"0s\", \"250ms\", \"5min\", \"5m\", \"1h 30m\"]\nmax_length_bytes = 1048576\nbatch.max_bytes = \"512 KiB\"\n",
    );
    let queue = &config.queues["neo4j"];
    let millis: Vec<_> = queue.retry_delays.iter().map(Duration::as_millis).collect();
    assert_eq!(millis, [0, 250, 300_000, 300_000, 5_400_000]);
    assert_eq!(queue.max_length_bytes, Some(1 << 20));
    assert_eq!(queue.batch.max_bytes, 512 << 10);
}

#[test]
fn a_capital_m_is_refused_since_it_would_mean_a_month() {
    let plan = |delay| {
        file_problems(&format!(
            "[queues.a]\nmessage_ttl = \"never\"\nretry_delays = [\"{delay}\"]"
        ))
        .len()
    };
    assert_eq!((plan("1month"), plan("1M")), (0, 1));
}

#[test]
fn fractions_of_a_millisecond_are_refused() {
    assert_eq!(file_problems("[breaker]\nopen_for = \"1500us\"").len(), 1);
}

#[test]
fn a_file_that_is_no_toml_is_reported_with_line_and_column() {
    let errors = load("[broker]\nheartbeat = = 5\n", &[], Overrides::default()).unwrap_err();
    let text = errors.to_string();
    assert!(text.contains("line 2, column 13"), "{text}");
}

#[test]
fn a_file_that_is_no_toml_does_not_hide_other_problems() {
    let env = [("RABBITMQ_PORT", "none"), ("NEO4J_URI", "localhost")];
    let problems = problems(load("[broker", &env, Overrides::default()));
    assert_eq!(problems.len(), 3, "{problems:?}");
}

#[test]
fn a_queue_of_a_file_that_cannot_be_read_is_not_called_unknown() {
    let flags = Overrides {
        queue: Some("search".to_owned()),
        ..Overrides::default()
    };
    assert_eq!(problems(load("[broker", &[], flags)).len(), 1);
}

#[test]
fn a_missing_file_is_a_problem_only_where_it_was_named() {
    let missing = Path::new("/nonexistent/fanout.toml");
    assert!(load_path(Some(missing), &[], Overrides::default()).is_ok());
    let named = load_path(
        None,
        &[("FANOUT_CONFIG", "/nonexistent/fanout.toml")],
        Overrides::default(),
    );
    assert!(
        named
            .unwrap_err()
            .to_string()
            .contains("/nonexistent/fanout.toml")
    );
}

#[test]
fn a_directory_and_bytes_that_are_no_text_are_problems() {
    let dir = tempfile::tempdir().unwrap();
    let named = Overrides {
        config: Some(dir.path().to_owned()),
        ..Overrides::default()
    };
    let text = load_path(None, &[], named).unwrap_err().to_string();
    assert!(text.contains("is a directory, not a file"), "{text}");

    let path = dir.path().join("fanout.toml");
    std::fs::write(&path, b"[broker]\n# \xff\n").unwrap();
    let text = load_path(Some(&path), &[], Overrides::default())
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("is not UTF-8 text, from byte 11 on"),
        "{text}"
    );
}

#[test]
fn an_oversized_file_is_refused() {
    let errors = problems(load(&"#".repeat((1 << 20) + 1), &[], Overrides::default()));
    assert_eq!(errors, ["configuration file: is larger than 1048576 bytes"]);
}

#[test]
fn a_missing_required_entry_is_a_problem() {
    assert_eq!(
        file_problems("exchanges = [{ kind = \"topic\" }]"),
        ["exchanges[0].name: is missing"]
    );
}
