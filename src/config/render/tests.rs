#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod changed;

use std::collections::BTreeMap;
use std::path::Path;

use super::super::*;
use super::*;
use changed::everything_changed;

/// A file that exists wherever the tests run.
const CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

fn load(file: &str, env: &[(&str, &str)], overrides: Overrides) -> Loaded {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fanout.toml");
    std::fs::write(&path, file).unwrap();
    let env: BTreeMap<_, _> = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let options = LoadOptions {
        file: Some(&path),
        env: &env,
        overrides,
    };
    Config::load(options).unwrap_or_else(|errors| panic!("{errors}"))
}

const WIDE: &str = r##"
broker.backoff.max_attempts = "unlimited"
[[exchanges]]
name = "app.events"
kind = "topic"
[queues."a.b"]
name = "search.q"
bindings = [{ exchange = "app.events", keys = ["*.created", "payment.*"] }]
retry_delays = ["0s", "250ms", "90s"]
message_ttl = "never"
max_length_bytes = 1048577
prefetch = 20
[follow_ups."order.confirmed"]
exchange = "app.events"
[codec.kinds."order.placed"]
id_fields = ["order_id"]
[log]
dir = "/tmp/it's \"here\""
"##;

#[test]
fn the_printed_defaults_are_the_default_configuration() {
    let mut loaded = load(&defaults(), &[], Overrides::default());
    loaded.config.http.explicit = false;
    assert_eq!(loaded.config, Config::default());
}

#[test]
fn every_field_has_a_setting() {
    let changed = everything_changed();
    let mut text = String::new();
    for section in view::sections(&changed, view::Secrets::Shown) {
        text.push_str(&format!("{}\n", section.header));
        for line in section.lines {
            if let Some(value) = line.value {
                text.push_str(&format!("{} = {value}\n", line.key));
            }
        }
    }
    let loaded = load(&text, &[], Overrides::default());
    assert_eq!(loaded.config, changed, "{text}");
}

#[test]
fn the_examples_of_the_printed_defaults_can_be_uncommented() {
    let text = defaults();
    let examples = text.split("by example:\n").nth(1).unwrap();
    let uncommented: String = examples
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix('#').unwrap().trim_start()))
        .collect();
    let config = load(&uncommented, &[], Overrides::default()).config;
    assert_eq!(config.follow_ups.len(), 1);
    assert_eq!(config.codec.id_fields_by_kind.len(), 1);
}

#[test]
fn what_is_printed_can_be_loaded_again() {
    let loaded = load(WIDE, &[], Overrides::default());
    let mut again = load(&toml(&loaded), &[], Overrides::default()).config;
    again.http.explicit = false;
    // The password of the default URL is masked like any other.
    again.broker.urls.clone_from(&loaded.config.broker.urls);
    assert_eq!(again, loaded.config);
}

#[test]
fn each_value_is_printed_with_its_origin() {
    let overrides = Overrides {
        workers: Some(3),
        ..Overrides::default()
    };
    let env = [("RABBITMQ_HOSTNAME", "rabbit"), ("RABBITMQ_PORT", "5673")];
    let text = toml(&load(WIDE, &env, overrides));
    for expected in [
        "urls = [\"amqp://guest:***@rabbit:5673/%2f\"] # variable RABBITMQ_HOSTNAME, RABBITMQ_PORT\n",
        "lanes = 3 # flag --workers\n",
        "heartbeat = \"10s\" # default\n",
        "batch.max_events = 20 # follows queues.\"a.b\".prefetch\n",
        "# management_url is unset\n",
        "/fanout.toml:18\n",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
}

#[test]
fn no_secret_is_printed() {
    let env = [
        (
            "RABBITMQ_URL",
            "amqp://u:s3cret@one/x,amqp://u:s3cret@two/x",
        ),
        ("RABBITMQ_MANAGEMENT_URL", "http://u:s3cret@one:15672"),
        ("NEO4J_PASSWORD", "s3cret"),
        ("FANOUT_API_TOKEN", "s3cret"),
        ("FANOUT_OUTBOX_URL", "postgres://u:s3cret@db/shop"),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "https://u:s3cret@collector:4318",
        ),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=s3cret"),
    ];
    let loaded = load("", &env, Overrides::default());
    let (text, json) = (toml(&loaded), json(&loaded).to_string());
    assert!(!text.contains("s3cret") && !json.contains("s3cret"));
    assert!(!format!("{loaded:?}").contains("s3cret"));
    assert!(
        text.contains("password = \"***\" # variable NEO4J_PASSWORD"),
        "{text}"
    );
}

#[test]
fn the_json_form_holds_values_and_origins() {
    let json = json(&load(WIDE, &[("NEO4J_USER", "app")], Overrides::default()));
    let settings = &json["settings"];
    assert_eq!(settings["neo4j.user"]["value"], "app");
    assert_eq!(settings["neo4j.user"]["origin"]["name"], "NEO4J_USER");
    assert_eq!(
        settings["broker.management_url"]["value"],
        serde_json::Value::Null
    );
    assert_eq!(settings["queues.\"a.b\".prefetch"]["value"], 20);
    assert_eq!(
        settings["queues.\"a.b\".bindings"]["value"][0]["keys"][1],
        "payment.*"
    );
    assert_eq!(settings["queues.\"a.b\".name"]["origin"]["line"], 7);
}

#[test]
fn the_documentation_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    if !text.ends_with(&reference()) {
        let fresh = std::env::temp_dir().join("fanout-configuration-reference.md");
        std::fs::write(&fresh, reference()).unwrap();
        panic!(
            "{} does not end with the reference; the new one is in {}",
            path.display(),
            fresh.display()
        );
    }
}
