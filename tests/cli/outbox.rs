//! What `fanout outbox` does without a database.

use crate::program::Program;

#[test]
fn init_prints_the_migration_for_the_configured_names() {
    let program = Program::new()
        .env("FANOUT_OUTBOX_SCHEMA", "shop")
        .env("FANOUT_OUTBOX_TABLE", "outgoing");
    let sql = program.run(&["outbox", "init"]).good();
    assert!(
        sql.contains("CREATE TABLE IF NOT EXISTS \"shop\".\"outgoing\" ("),
        "{sql}"
    );
    assert_eq!(program.run(&["outbox", "init", "--print"]).good(), sql);
    let quiet = program.run(&["outbox", "init", "--no-notify"]).good();
    assert!(
        sql.contains("NOTIFY") && !quiet.contains("NOTIFY"),
        "{quiet}"
    );
}

#[test]
fn names_that_would_need_quotes_exit_3() {
    for (variable, name) in [
        ("FANOUT_OUTBOX_TABLE", "Outbox"),
        ("FANOUT_OUTBOX_TABLE", "a; DROP TABLE users"),
        ("FANOUT_OUTBOX_SCHEMA", "my-shop"),
    ] {
        let program = Program::new().env(variable, name);
        let complaint = program.run(&["outbox", "init"]).bad(3);
        assert!(complaint.contains(variable), "{complaint}");
    }
}

#[test]
fn without_a_database_nothing_runs_and_the_variable_is_named() {
    for args in [&["outbox", "run"][..], &["outbox", "init", "--apply"]] {
        let complaint = Program::new().run(args).bad(3);
        assert!(complaint.contains("FANOUT_OUTBOX_URL"), "{complaint}");
    }
}

#[test]
fn without_rabbitmq_the_relay_has_nowhere_to_go_and_says_so() {
    let program = Program::new()
        .env("FANOUT_OUTBOX_URL", "postgres://relay@127.0.0.1:9/shop")
        .env("USE_RABBITMQ", "false");
    let complaint = program.run(&["outbox", "run"]).bad(3);
    assert!(complaint.contains("USE_RABBITMQ"), "{complaint}");
}

#[test]
fn a_database_that_is_away_ends_init_with_4_and_shows_no_password() {
    // Nobody listens on the port of discard.
    let url = "postgres://relay:s3cret@127.0.0.1:9/shop";
    let program = Program::new().env("FANOUT_OUTBOX_URL", url);
    let complaint = program.run(&["outbox", "init", "--apply"]).bad(4);
    assert!(
        complaint.contains("not connected to the database"),
        "{complaint}"
    );
    assert!(complaint.contains("hint: "), "{complaint}");
    let from_file = Program::new()
        .file("url", format!("{url}\n"))
        .env("FANOUT_OUTBOX_URL_FILE", "url");
    let complaint = complaint + &from_file.run(&["outbox", "init", "--apply"]).bad(4);
    let shown = program.run(&["config", "print"]).good();
    assert!(!(complaint + &shown).contains("s3cret"));
}
