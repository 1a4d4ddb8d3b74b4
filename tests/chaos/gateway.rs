//! The gateway under steady posting, while it and the broker are killed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use fanout::config::BrokerConfig;
use futures::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

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
    let all = Posted { gateway, to, users };
    all.arrived_in_order(&vhost.config_at(proxy.port())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn twenty_random_kills_of_the_broker_within_a_minute_lose_and_reorder_nothing() {
    const KILLS: u32 = 20;
    const MINUTE: Duration = Duration::from_secs(60);
    let rabbit = RabbitMq::own("").await;
    let vhost = rabbit.vhost("gateway-kill-20").await;
    let proxy = rabbit.proxy().await;
    let url = vhost.url_at(proxy.port());
    let mut gateway = Gateway::start(url.expose());
    gateway.connected().await;
    let (to, addr) = watch::channel(Some(gateway.addr().await));
    let users = (0..USERS).map(|user| tokio::spawn(post(user, addr.clone())));
    let users: Vec<_> = users.collect();
    let start = Instant::now();
    for kill in 1..=KILLS {
        let due = start + MINUTE * kill / (KILLS + 1);
        // sleep: steady posting up to a random moment before or after the next one is due
        sleep_until(due + MINUTE.mul_f64(fastrand::f64() / 20.0)).await;
        rabbit.kill().await;
        if kill % 8 == 0 {
            gateway.kill_and_start_again().await;
            to.send_replace(Some(gateway.addr().await));
        }
        proxy.retarget(rabbit.restart().await);
    }
    rabbit.listening().await;
    let all = Posted { gateway, to, users };
    all.arrived_in_order(&vhost.config_at(proxy.port())).await;
}

/// Users at work, and the gateway they post to.
struct Posted {
    gateway: Gateway,
    to: watch::Sender<Option<SocketAddr>>,
    users: Vec<JoinHandle<usize>>,
}

impl Posted {
    /// Ends the posting, and looks whether both queues have what was answered 202.
    async fn arrived_in_order(self, broker: &BrokerConfig) {
        let Self { gateway, to, users } = self;
        gateway.connected().await;
        to.send_replace(None);
        let taken = within("the users end", SOON, join_all(users)).await;
        let taken: Vec<usize> = taken.into_iter().map(Result::unwrap).collect();
        assert!(taken.iter().sum::<usize>() > 500, "{taken:?}");
        gateway.nothing_is_pending().await;
        let broker = connect(broker.clone()).await;
        for queue in ["events.neo4j", "events.qdrant"] {
            let arrived = look_into(&broker, queue).await.into_iter();
            let arrived: Vec<_> = arrived
                .map(|d| d.message.properties.message_id.unwrap())
                .collect();
            check(queue, &taken, &arrived);
        }
    }
}
