//! What a gateway tells of its start, its mode and its end.

use nix::sys::signal::Signal;

use crate::lines::Lines;
use crate::serve::{Gateway, view};

/// Records as JSON, and nobody at any server's port.
const ALONE: [(&str, &str); 3] = [
    ("FANOUT_LOG_FORMAT", "json"),
    ("NEO4J_URI", "bolt://127.0.0.1:1"),
    ("QDRANT_URL", "http://127.0.0.1:1"),
];

fn start(env: &[(&str, &str)], files: &[(&str, &str)]) -> Gateway {
    Gateway::start_with(&[&ALONE, env].concat(), files)
}

/// Kills it once it serves; what it has told.
fn killed(gateway: &mut Gateway) -> Lines {
    gateway.addr();
    gateway.signal(Signal::SIGKILL);
    gateway.exit_code();
    Lines::of_program(&gateway.log())
}

#[test]
fn its_start_with_what_is_left_in_the_spool_and_its_end_are_told() {
    let env = [
        ("FANOUT_GATEWAY_SCHEMAS", "."),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "http://user:s3cret@127.0.0.1:1",
        ),
    ];
    let files = [
        ("view.json", "{}"),
        // Its processor is in another program.
        ("fanout.toml", "[queues.mail]\n"),
    ];
    let mut gateway = start(&env, &files);
    assert_eq!(gateway.call(&view("a")).0, 202);
    killed(&mut gateway);
    gateway.start_again();
    gateway.addr();
    gateway.signal(Signal::SIGTERM);
    assert_eq!(gateway.exit_code(), Some(0), "{}", gateway.log());

    let lines = Lines::of_program(&gateway.log());
    assert_eq!(lines.told("gateway starts").fields["exchange"], "events");
    assert_eq!(
        lines.told("payloads are held to schemas").fields["kinds"],
        "view"
    );
    let store = lines.told("the store of this queue cannot be asked");
    assert_eq!(store.fields["queue"], "mail");
    let left = lines.told("the spool was opened with what is left in it");
    assert_eq!(
        (left.number("messages"), left.fields["closed"].as_str()),
        (1.0, "false")
    );
    lines.told("draining; a second signal aborts");
    assert_eq!(lines.told("gateway ended").number("pending_events"), 1.0);
    if cfg!(feature = "otlp") {
        let traces = lines.told("traces are exported");
        assert!(traces.fields["endpoint"].contains("***"), "{traces:?}");
    }
}

#[test]
#[cfg(all(feature = "neo4j", feature = "qdrant"))]
fn where_events_are_projected_and_what_an_earlier_mode_has_left_is_told() {
    let mut gateway = start(&[("USE_RABBITMQ", "false")], &[]);
    assert_eq!(gateway.call(&view("a")).0, 202);
    let lines = killed(&mut gateway);
    let alone = lines.told("events are projected in this process, without RabbitMQ");
    assert_eq!(alone.number("waiting"), 0.0);

    gateway.start_again_in("parallel");
    let lines = killed(&mut gateway);
    let as_well = lines.told("events are projected in this process, and go to RabbitMQ as well");
    assert_eq!(as_well.number("waiting"), 2.0, "in two queues");

    gateway.start_again_in("true");
    let lines = killed(&mut gateway);
    let left = lines.told("what direct mode has left over is projected in this process");
    assert_eq!(left.number("waiting"), 2.0);

    let mut gateway = start(&[("FANOUT_LOCAL_DIR", "local")], &[("local", "no folder")]);
    let stays = killed(&mut gateway).told("what direct mode may have left over is not projected");
    assert_eq!(stays.fields["dir"], "local");
}
