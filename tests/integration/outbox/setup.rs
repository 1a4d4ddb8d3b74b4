//! `fanout outbox init`, and what is said where something is missing.

use super::rig::Rig;
use crate::program::Program;
use crate::support::postgres::Postgres;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn what_init_prints_is_what_it_applies_and_both_may_be_repeated() {
    let database = Postgres::shared().await.database("init").await;
    let program = Program::new().env("FANOUT_OUTBOX_URL", &database.url());
    let sql = program.run(&["outbox", "init"]).good();
    database.run(&sql).await;
    database
        .run("INSERT INTO fanout_outbox (aggregate, kind, payload) VALUES ('a', 'k', '{}')")
        .await;
    for _ in 0..2 {
        let done = program.run(&["outbox", "init", "--apply"]).good();
        assert_eq!(done, "the outbox public.fanout_outbox is in place\n");
    }
    database.run(&sql).await;
    assert_eq!(
        database.number("SELECT count(*) FROM fanout_outbox").await,
        1
    );
    let triggers = "SELECT count(*) FROM pg_trigger WHERE tgname = 'fanout_outbox_notify'";
    assert_eq!(database.number(triggers).await, 1);
    program
        .run(&["outbox", "init", "--apply", "--no-notify"])
        .good();
    assert_eq!(database.number(triggers).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_user_with_few_rights_and_a_table_of_another_name_are_enough() {
    let mut rig = Rig::new("rights").await;
    let user = crate::support::unique("relay").replace('-', "_");
    rig.program = rig
        .program
        .env("FANOUT_OUTBOX_SCHEMA", "shop")
        .env("FANOUT_OUTBOX_TABLE", "outgoing");
    rig.database.run("CREATE SCHEMA shop").await;
    rig.program.run(&["outbox", "init", "--apply"]).good();
    rig.database
        .run(&format!(
            "CREATE USER {user} PASSWORD 'pw'; GRANT USAGE ON SCHEMA shop TO {user}; \
             GRANT SELECT, UPDATE, DELETE ON shop.outgoing TO {user}; \
             INSERT INTO shop.outgoing (aggregate, kind, payload) \
             VALUES ('order-1', 'order.changed', '{{\"n\": 1}}')"
        ))
        .await;
    let url = rig.database.url();
    let url = url.replace("postgres:fanout-test@", &format!("{user}:pw@"));
    rig.program = rig.program.env("FANOUT_OUTBOX_URL", &url);
    assert_eq!(rig.drain().await["published"], 1);
    assert_eq!(rig.by_aggregate().await["order-1"], [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_missing_table_and_a_wrong_password_exit_4_with_the_next_step() {
    let database = Postgres::shared().await.database("missing").await;
    let program = Program::new().env("FANOUT_OUTBOX_URL", &database.url());
    let ended = program.run(&["outbox", "run"]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(
        ended.stderr.contains("fanout outbox init --apply"),
        "{ended:?}"
    );

    let url = database.url().replace("fanout-test@", "wr0ng@");
    let program = Program::new().env("FANOUT_OUTBOX_URL", &url);
    for args in [&["outbox", "run"][..], &["outbox", "init", "--apply"]] {
        let ended = program.run(args);
        assert_eq!(ended.code, Some(4), "{ended:?}");
        assert!(ended.stderr.contains("refuses access"), "{ended:?}");
        assert!(!ended.stderr.contains("wr0ng"), "{ended:?}");
    }
}
