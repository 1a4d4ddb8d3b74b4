use std::time::Duration;

use super::*;
use crate::config::{Secret, UseRabbitmq};

fn urls(config: &Config) -> Vec<&str> {
    config.broker.urls.iter().map(Secret::expose).collect()
}

#[test]
fn the_parts_make_up_the_url_percent_encoded() {
    let config = from_env(&[
        ("RABBITMQ_HOSTNAME", "rabbit.local"),
        ("RABBITMQ_PORT", "5673"),
        ("RABBITMQ_USER", "us@er"),
        ("RABBITMQ_PASSWORD", "p:a/s%41"),
        ("RABBITMQ_VHOST", "/"),
    ]);
    assert_eq!(
        urls(&config),
        ["amqp://us%40er:p%3Aa%2Fs%2541@rabbit.local:5673/%2F"]
    );
}

#[test]
fn an_ipv6_address_is_put_into_brackets() {
    let config = from_env(&[("RABBITMQ_HOSTNAME", "::1")]);
    assert_eq!(urls(&config), ["amqp://guest:guest@[::1]:5672/%2f"]);
}

#[test]
fn a_single_part_leaves_the_others_at_their_defaults() {
    let config = from_env(&[("RABBITMQ_HOSTNAME", "rabbit")]);
    assert_eq!(urls(&config), ["amqp://guest:guest@rabbit:5672/%2f"]);
}

#[test]
fn parts_replace_those_of_the_urls_in_the_file() {
    let file = "broker.urls = [\"amqps://one/x\", \"amqps://two/x\"]";
    let env = [("RABBITMQ_USER", "app"), ("RABBITMQ_PASSWORD", "pw")];
    let loaded = load(file, &env, Overrides::default()).unwrap();
    assert_eq!(
        urls(&loaded.config),
        ["amqps://app:pw@one/x", "amqps://app:pw@two/x"]
    );
}

#[test]
fn the_url_wins_over_the_parts_and_may_be_several() {
    let config = from_env(&[
        ("RABBITMQ_URL", "amqp://a:b@one:5672/x, amqp://a:b@two/"),
        ("RABBITMQ_HOSTNAME", "three"),
    ]);
    assert_eq!(
        urls(&config),
        ["amqp://a:b@one:5672/x", "amqp://a:b@two/%2f"]
    );
}

#[test]
fn a_url_without_a_path_or_ending_in_a_slash_means_the_vhost_slash() {
    for url in ["amqp://h", "amqp://h/", "amqp://h/%2f"] {
        let config = from_env(&[("RABBITMQ_URL", url)]);
        assert_eq!(urls(&config), ["amqp://h/%2f"]);
        assert_eq!(config.broker.vhost(), "/");
    }
    let config = from_env(&[("RABBITMQ_URL", "amqp://h/a%20b")]);
    assert_eq!(config.broker.vhost(), "a b");
}

#[test]
fn what_kubernetes_puts_into_the_port_is_a_clear_error() {
    let errors = load(
        "",
        &[("RABBITMQ_PORT", "tcp://10.0.0.1:5672")],
        Overrides::default(),
    );
    let text = errors.unwrap_err().to_string();
    assert!(
        text.contains("RABBITMQ_PORT = \"tcp://10.0.0.1:5672\""),
        "{text}"
    );
    assert!(
        text.contains("must be a port from 1 to 65535; Kubernetes sets"),
        "{text}"
    );
}

#[test]
fn what_kubernetes_puts_into_the_port_is_of_no_account_beside_a_good_url() {
    let port = ("RABBITMQ_PORT", "tcp://10.0.0.1:5672");
    assert!(env_problems(&[("RABBITMQ_URL", "amqp://h/"), port]).is_empty());
    assert_eq!(env_problems(&[("RABBITMQ_URL", "nonsense"), port]).len(), 2);
}

#[test]
fn parts_that_cannot_be_part_of_a_url_are_problems() {
    for (name, value) in [
        ("RABBITMQ_PORT", "0"),
        ("RABBITMQ_PORT", "70000"),
        ("RABBITMQ_PORT", "amqp"),
        ("RABBITMQ_HOSTNAME", "host:5672"),
        ("RABBITMQ_HOSTNAME", "amqp://host"),
        ("RABBITMQ_HOSTNAME", "two words"),
    ] {
        let problems = env_problems(&[(name, value)]);
        assert_eq!(problems.len(), 1, "{name}={value}");
        assert!(problems[0].starts_with(name), "{problems:?}");
    }
}

#[test]
fn urls_the_client_would_misread_are_refused() {
    for url in [
        "http://host",
        "host:5672",
        "amqp:///vhost",
        "amqp://user:1#2@host/",
        "amqp://user:12/34@host/",
        "amqp://user:12?34@host/",
        "amqp://h/?heartbeat=5",
        "amqp://h/?cacertfile=x",
        "amqp://u:%ff@h/",
    ] {
        let problems = env_problems(&[("RABBITMQ_URL", url)]);
        assert_eq!(problems.len(), 1, "{url}: {problems:?}");
    }
}

#[test]
fn no_message_shows_a_password() {
    for (name, value) in [
        ("RABBITMQ_URL", "amqp://user:s3cret"),
        ("RABBITMQ_URL", "amqp://user:s3#cret@host"),
        ("RABBITMQ_URL", "amqp://user:/s3cret@host"),
        ("RABBITMQ_URL", "user:s3cret@://"),
        ("RABBITMQ_URL", "amqp://user:s3cret@host/?heartbeat=1"),
        ("RABBITMQ_URL", "http://user:s3cret@host/"),
        ("RABBITMQ_MANAGEMENT_URL", "ftp://user:s3cret@host/"),
        ("NEO4J_URI", "bolt://neo4j:s3cret@host:7687"),
        ("NEO4J_URI", "http://neo4j:s3cret@host:7687"),
        ("QDRANT_URL", "http://user:s3cret@host:6334"),
        ("FANOUT_SHADOW_NEO4J_URI", "bolt://neo4j:s3cret@host"),
        ("FANOUT_SHADOW_QDRANT_URL", "http://user:s3cret@host:6334"),
    ] {
        let errors = load("", &[(name, value)], Overrides::default()).unwrap_err();
        let text = errors.to_string();
        assert!(!text.contains("cret") && !text.contains("s3"), "{text}");
    }
    let text = only_problem("broker.urls = [\"amqp://user:s3cret@host/?tls=1\", 5]");
    assert!(!text.contains("s3cret"), "{text}");
    let text = only_problem("broker = \"amqp://user:s3cret@host/\"");
    assert!(text.starts_with("broker = a text ("), "{text}");
    let text = only_problem("neo4j.password = 12345");
    assert!(!text.contains("12345"), "{text}");
}

#[test]
fn every_secret_may_come_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    std::fs::write(&path, "pw with space \n").unwrap();
    let path = path.to_str().unwrap();
    let config = from_env(&[
        ("RABBITMQ_PASSWORD_FILE", path),
        ("NEO4J_PASSWORD_FILE", path),
        ("FANOUT_API_TOKEN_FILE", path),
    ]);
    assert_eq!(
        urls(&config),
        ["amqp://guest:pw%20with%20space%20@localhost:5672/%2f"]
    );
    assert_eq!(config.neo4j.password.expose(), "pw with space ");
    assert_eq!(config.http.api_token, Some(Secret::new("pw with space ")));

    std::fs::write(path, "amqp://file/\r\n").unwrap();
    assert_eq!(
        urls(&from_env(&[("RABBITMQ_URL_FILE", path)])),
        ["amqp://file/%2f"]
    );
}

#[test]
fn a_secret_given_twice_or_in_an_unreadable_file_is_a_problem() {
    assert_eq!(
        env_problems(&[("NEO4J_PASSWORD", "x"), ("NEO4J_PASSWORD_FILE", "/y")]),
        ["NEO4J_PASSWORD_FILE: must not be set beside NEO4J_PASSWORD"]
    );
    let errors = load(
        "",
        &[("RABBITMQ_PASSWORD_FILE", "/nonexistent")],
        Overrides::default(),
    );
    let text = errors.unwrap_err().to_string();
    assert!(
        text.contains("RABBITMQ_PASSWORD_FILE = \"/nonexistent\""),
        "{text}"
    );
    assert!(text.contains("cannot be read"), "{text}");
}

#[test]
fn the_variables_of_the_interface_are_read() {
    let config = from_env(&[
        (
            "RABBITMQ_MANAGEMENT_URL",
            "http://guest:guest@localhost:15672",
        ),
        ("RABBITMQ_REQUIRED", "true"),
        ("USE_RABBITMQ", "true"),
        ("NEO4J_URI", "neo4j+s://db:7687"),
        ("NEO4J_USER", "app"),
        ("NEO4J_PASSWORD", "pw"),
        ("NEO4J_DATABASE", "shop"),
        ("FANOUT_RETRY_DELAYS", "0s,5s, 5min"),
        ("FANOUT_HTTP_ADDR", "0.0.0.0:8081"),
        ("FANOUT_LOG", "debug,lapin=warn"),
        ("FANOUT_BROKER_HEARTBEAT", "20s"),
    ]);
    assert!(config.broker.required && config.http.explicit);
    assert_eq!(config.neo4j.database.as_deref(), Some("shop"));
    assert_eq!(config.broker.heartbeat, Duration::from_secs(20));
    for queue in config.queues.values() {
        assert_eq!(queue.retry_delays, [0, 5, 300].map(Duration::from_secs));
    }
}

#[test]
fn unknown_and_empty_variables_are_of_no_account() {
    let env = [
        ("FANOUT_COLOUR", "red"),
        ("RABBITMQ_URL", ""),
        ("NEO4J_PASSWORD", ""),
        ("RABBITMQ_PORT_5672_TCP", "tcp://10.0.0.1:5672"),
    ];
    assert_eq!(from_env(&env), Config::default());
}

#[test]
fn the_mode_is_one_of_three() {
    let both = from_env(&[("USE_RABBITMQ", "parallel")]);
    assert_eq!(both.broker.use_rabbitmq, UseRabbitmq::Parallel);
    let direct = from_env(&[("USE_RABBITMQ", "false"), ("FANOUT_LOCAL_DIR", "/data")]);
    assert_eq!(direct.broker.use_rabbitmq, UseRabbitmq::False);
    assert_eq!(direct.broker.local_dir.to_str(), Some("/data"));
    assert_eq!(
        env_problems(&[("USE_RABBITMQ", "yes")]),
        ["broker.use_rabbitmq: must be one of true, false, parallel"]
    );
}

#[test]
fn a_wrong_retry_plan_is_one_problem_however_many_queues_there_are() {
    let problems = env_problems(&[("FANOUT_RETRY_DELAYS", "5s,abc")]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("FANOUT_RETRY_DELAYS: each part must be a duration"));
}
