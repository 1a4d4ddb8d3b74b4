//! RabbitMQ absent, killed, or on another of several addresses.

use std::time::Duration;

use crate::rig::{LONG, Rig, SOON, connect, finish, progress};
use crate::shop::Shop;
use crate::support::neo4j::Neo4j;
use crate::support::rabbitmq::RabbitMq;
use crate::support::{eventually, queues};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_broker_killed_amid_acknowledgements_costs_no_event_and_counts_none_twice() {
    const KILLS: usize = 2;
    let (neo4j, rabbit) = tokio::join!(Neo4j::shared(), RabbitMq::own(""));
    let proxy = rabbit.proxy().await;
    let mut rig = Rig::on(&rabbit, "broker-kill").await;
    rig.broker = connect(rig.vhost.config_at(proxy.port())).await;
    let mut shop = Shop::new("broker-kill");
    let program = rig
        .program(neo4j.bolt_port().await)
        .env("RABBITMQ_URL", rig.vhost.url_at(proxy.port()).expose());
    let worker = program.start(&["--queue", "neo4j", "--workers", "3"]);
    for _ in 0..KILLS {
        let done = progress(&worker);
        let more = shop.with_repeats(10_000, 5);
        queues::publish(&rig.broker, more).await;
        eventually("it is at work", SOON, async || {
            (progress(&worker) > done).then_some(())
        })
        .await;
        rabbit.kill().await;
        proxy.retarget(rabbit.restart().await);
        rabbit.listening().await;
        // The test's own connection has to come back as well.
        eventually("the topology is there", SOON, async || {
            rig.broker.establish_topology().await.ok()
        })
        .await;
    }
    let all = shop.len();
    eventually("all is applied", LONG, async || {
        (progress(&worker) >= all).then_some(())
    })
    .await;
    assert_eq!(worker.get("/live").0, 200);
    worker.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(worker.ended().code, Some(0));
    finish(&rig, &program, neo4j, &shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn of_two_urls_the_one_that_lives_is_used_and_a_broker_absent_at_the_start_is_awaited() {
    let (neo4j, rabbit) = tokio::join!(Neo4j::shared(), RabbitMq::shared());
    let (first, second) = tokio::join!(rabbit.proxy(), rabbit.proxy());
    first.cut().await;
    second.cut().await;
    let rig = Rig::on(rabbit, "two-urls").await;
    let mut shop = Shop::new("two-urls");
    let url = |port| rig.vhost.url_at(port).expose().to_owned();
    let both = format!("{},{}", url(first.port()), url(second.port()));
    let program = rig
        .program(neo4j.bolt_port().await)
        .env("RABBITMQ_URL", &both);
    let worker = program.start(&["--queue", "neo4j"]);
    let broker = || worker.get("/health").1["dependencies"]["rabbitmq"].clone();
    eventually("it says that it fails", SOON, async || {
        (broker()["status"] == "failed").then_some(())
    })
    .await;
    assert_eq!((worker.get("/ready").0, worker.get("/live").0), (503, 200));

    for alive in [&second, &first] {
        alive.pass().await;
        let more = shop.events(500);
        queues::publish(&rig.broker, more).await;
        let all = shop.len();
        eventually("all is applied", SOON, async || {
            (progress(&worker) >= all).then_some(())
        })
        .await;
        let at = broker()["url"].as_str().unwrap().to_owned();
        assert!(at.contains(&format!(":{}/", alive.port())), "{at}");
        alive.cut().await;
        eventually("it notices", Duration::from_secs(5), async || {
            (broker()["connected"] == false).then_some(())
        })
        .await;
    }
    first.pass().await;
    let direct = rig.program(neo4j.bolt_port().await);
    drop(worker);
    finish(&rig, &direct, neo4j, &shop).await;
}
