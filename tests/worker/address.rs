//! The address for health and metrics.

use std::net::{SocketAddr, TcpListener};

use crate::lines::Lines;
use crate::program::{Program, exchange, taken_port};

#[test]
fn the_default_address_gives_way_to_a_free_port() {
    // Where the binding fails somebody else has taken the address: as good.
    let _taken = TcpListener::bind("127.0.0.1:8081");
    let program = Program::new().without("FANOUT_HTTP_ADDR");
    let worker = program.start(&["--queue", "neo4j", "--log-format", "json"]);
    assert_ne!(worker.http(), SocketAddr::from(([127, 0, 0, 1], 8081)));
    assert_eq!(worker.get("/live").0, 200);
    let told = Lines::of_program(&worker.stderr())
        .told("the default address is taken, a free port is used");
    assert_eq!(told.fields["taken"], "127.0.0.1:8081");
}

#[test]
fn an_address_that_was_set_and_is_taken_ends_the_start_with_exit_4() {
    let (_listener, addr) = taken_port();
    let addr = addr.to_string();
    let ended = Program::new().run(&["--queue", "neo4j", "--http-addr", &addr]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(
        ended.stderr.contains(&format!("cannot listen on {addr}")),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("FANOUT_HTTP_ADDR"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_is_not_served_is_a_problem_document() {
    let program = Program::new();
    let worker = program.start(&["--queue", "neo4j"]);
    for (method, path, status) in [("GET", "/nothing", 404), ("POST", "/ready", 405)] {
        let (head, body) = exchange(worker.http(), method, path);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(head.contains("application/problem+json"), "{head}");
        assert!(body.contains(&format!("\"status\":{status}")), "{body}");
    }
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let program = Program::new();
    let worker = program.start(&["--queue", "neo4j"]);
    let path = format!("/{}", "x".repeat(7000));
    let (head, _) = exchange(worker.http(), "GET", &path);
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    let path = format!("/{}", "x".repeat(9000));
    let (head, _) = exchange(worker.http(), "GET", &path);
    assert!(
        head.starts_with("HTTP/1.1 4") && !head.contains(" 404 "),
        "{head}"
    );
}
