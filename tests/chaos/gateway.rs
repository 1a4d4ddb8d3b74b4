//! The gateway under steady posting, while it and the broker are killed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::gateway_program::{Gateway, call, view};
use crate::rig::{SOON, connect};
use crate::support::queues::look_into;
use crate::support::rabbitmq::RabbitMq;
use crate::support::{eventually, within};

const USERS: usize = 20;

/// Posts events of one user, one after the other, each until it is taken; their number.
async fn post(user: usize, to: watch::Receiver<Option<SocketAddr>>) -> usize {
    let mut number = 0;
    loop {
        let Some(addr) = *to.borrow() else {
            return number;
        };
        let event = view(&format!("{user}.{number}"), user);
        match call(addr, "POST", "/events", &event).await {
            Some((202, _)) => number += 1,
            // sleep: a client that was refused waits before it tries again
            _ => sleep(Duration::from_millis(50)).await,
        }
        // sleep: the pace of the client
        sleep(Duration::from_millis(20)).await;
    }
}

/// Every event that was taken is there, and came first before every later one of its user:
/// what is repeated after a crash is a repetition, and may be of several in a row.
fn check(queue: &str, taken: &[usize], arrived: &[String]) {
    let mut last: BTreeMap<usize, usize> = BTreeMap::new();
    let mut there = BTreeSet::new();
    for id in arrived {
        let (user, number) = id.split_once('.').unwrap();
        let (user, number) = (user.parse().unwrap(), number.parse().unwrap());
        if there.insert((user, number)) {
            let before = last.insert(user, number).unwrap_or_default();
            assert!(before <= number, "{queue}: {id} after {user}.{before}");
        }
    }
    for (user, count) in taken.iter().enumerate() {
        let lost: Vec<_> = (0..*count)
            .filter(|number| !there.contains(&(user, *number)))
            .collect();
        assert!(
            lost.is_empty(),
            "{queue}: user {user} lost {lost:?} of {count}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn what_was_answered_202_arrives_in_order_although_broker_and_gateway_are_killed() {
    const KILLS: usize = 3;
    let rabbit = RabbitMq::own("").await;
    let vhost = rabbit.vhost("gateway-kill").await;
    let proxy = rabbit.proxy().await;
    let url = vhost.url_at(proxy.port());
    let mut gateway = Gateway::start(url.expose());
    gateway.connected().await;
    let (to, addr) = watch::channel(Some(gateway.addr().await));
    let users = (0..USERS).map(|user| tokio::spawn(post(user, addr.clone())));
    let users: Vec<_> = users.collect();
    for _ in 0..KILLS {
        // sleep: the load before a kill
        sleep(Duration::from_secs(2)).await;
        rabbit.kill().await;
        eventually("events wait", SOON, async || {
            (gateway.pending().await > 20).then_some(())
        })
        .await;
        gateway.kill_and_start_again().await;
        to.send_replace(Some(gateway.addr().await));
        proxy.retarget(rabbit.restart().await);
        rabbit.listening().await;
        gateway.connected().await;
        // sleep: amid the draining of what has waited
        sleep(Duration::from_millis(300)).await;
        gateway.kill_and_start_again().await;
        to.send_replace(Some(gateway.addr().await));
    }
    gateway.connected().await;
    to.send_replace(None);
    let taken = within("the users end", SOON, join_all(users)).await;
    let taken: Vec<usize> = taken.into_iter().map(Result::unwrap).collect();
    assert!(taken.iter().sum::<usize>() > 500, "{taken:?}");
    gateway.nothing_is_pending().await;
    let broker = connect(vhost.config_at(proxy.port())).await;
    for queue in ["events.neo4j", "events.qdrant"] {
        let arrived = look_into(&broker, queue).await.into_iter();
        let arrived: Vec<_> = arrived
            .map(|d| d.message.properties.message_id.unwrap())
            .collect();
        check(queue, &taken, &arrived);
    }
}
