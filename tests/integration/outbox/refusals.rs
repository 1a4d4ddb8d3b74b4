//! Rows that cannot be published are set aside with their reason, and no others wait for them.

use super::rig::Rig;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn an_unpublishable_row_is_set_aside_with_its_reason_and_its_successors_go_on() {
    let rig = Rig::new("aside").await;
    rig.insert("order-1", 1).await;
    rig.database
        .run("INSERT INTO fanout_outbox (aggregate, payload) VALUES ('order-1', '{\"n\": 2}')")
        .await;
    rig.insert("order-1", 3).await;
    let (summary, lines) = rig.relay_with(&["--until-empty"]).told(0).await;
    assert_eq!(
        (&summary["published"], &summary["set_aside"]),
        (&2.into(), &1.into())
    );
    let told = lines.told("a row of the outbox is set aside");
    assert_eq!(
        (told.number("position"), &*told.fields["code"]),
        (2.0, "missing-kind")
    );
    assert_eq!(rig.by_aggregate().await["order-1"], [1, 3]);
    let sql = "SELECT reason || ': ' || error FROM fanout_outbox \
               WHERE refused_at IS NOT NULL AND published_at IS NULL";
    let reasons: Vec<String> = rig.database.column(sql).await;
    assert_eq!(reasons.len(), 1);
    assert!(reasons[0].starts_with("missing-kind: "), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn what_no_queue_takes_is_set_aside_and_can_be_put_back() {
    let topic = "[[exchanges]]\nname = \"shop\"\nkind = \"topic\"\n\n[queues.neo4j]\n\
        bindings = [{ exchange = \"shop\", keys = [\"order.*\"] }]\n";
    let mut rig = Rig::new("unroutable").await;
    rig.program = rig.program.file("fanout.toml", topic);
    rig.insert("order-1", 1).await;
    rig.database
        .run(
            "INSERT INTO fanout_outbox (aggregate, kind, payload, routing_key, headers) VALUES \
             ('order-1', 'order.changed', '{\"n\": 2}', 'payment.made', '{\"traceparent\": \"00-1\"}')",
        )
        .await;
    rig.insert("order-1", 3).await;
    rig.program.run(&["topology", "apply"]);
    let summary = rig.drain().await;
    assert_eq!(
        (&summary["published"], &summary["set_aside"]),
        (&2.into(), &1.into())
    );
    let reasons: Vec<String> = rig
        .database
        .column("SELECT reason FROM fanout_outbox WHERE refused_at IS NOT NULL")
        .await;
    assert_eq!(reasons, ["publish-unroutable"]);
    rig.database
        .run(
            "UPDATE fanout_outbox SET refused_at = NULL, reason = NULL, error = NULL, \
             routing_key = NULL WHERE reason = 'publish-unroutable'",
        )
        .await;
    assert_eq!(rig.drain().await["published"], 1);
    assert_eq!(rig.by_aggregate().await["order-1"], [1, 3, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_flood_of_unpublishable_rows_stops_before_all_are_set_aside() {
    let mut rig = Rig::new("flood").await;
    rig.program = rig.program.env("FANOUT_FLOOD_GUARD_WINDOW", "20");
    rig.database
        .run(
            "INSERT INTO fanout_outbox (aggregate, payload) \
             SELECT 'order-' || n, '{}' FROM generate_series(1, 500) AS n",
        )
        .await;
    let summary = rig.relay_with(&["--until-empty"]).ended(5).await;
    assert_eq!(summary["set_aside"], 19);
    assert_eq!(rig.waiting().await, 481);
}
