//! Messages of the spool that the broker will not take as they are.

use super::*;
use crate::publish::spool::tests::garble;

fn unroutable() -> PublishError {
    PublishError::Unroutable {
        exchange: "events".to_owned(),
        routing_key: String::new(),
    }
}

/// `a.1` and `a.2` are in the spool; the broker will not take `a.1`.
async fn one_is_bad(errors: Vec<PublishError>) -> Rig {
    let rig = Rig::new();
    rig.broker.leave();
    for name in ["a.1", "a.2"] {
        rig.accept(name).await.unwrap();
    }
    rig.broker.answers("a.1", errors);
    rig.broker.come_back();
    rig.drained().await;
    rig
}

#[tokio::test(start_paused = true)]
async fn a_message_no_queue_takes_is_tried_three_times_then_set_aside_and_others_pass() {
    let rig = one_is_bad(vec![unroutable(); 3]).await;
    assert_eq!(rig.broker.arrived(), ["a.2"]);
    let status = rig.publisher.status();
    assert_eq!((status.set_aside, status.link), (1, LinkState::Ready));
    let aside = rig.publisher.set_aside(10).await.unwrap();
    assert_eq!(aside.len(), 1);
    assert_eq!(aside[0].code, "publish-unroutable");
    let kept = aside[0].message.as_ref().unwrap();
    assert_eq!(kept.properties.message_id.as_deref(), Some("a.1"));
    assert_eq!(kept.body, message("a.1").body);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_becomes_routable_is_not_set_aside() {
    let rig = one_is_bad(vec![unroutable(); 2]).await;
    assert_eq!(rig.broker.arrived(), ["a.1", "a.2"]);
    assert_eq!(rig.publisher.status().set_aside, 0);
}

#[tokio::test(start_paused = true)]
async fn a_message_the_broker_never_takes_is_set_aside_at_once_and_survives_a_restart() {
    let rig = one_is_bad(vec![PublishError::TooLarge { bytes: 9 }]).await;
    assert_eq!(rig.broker.asked(), 2);
    rig.publisher.shut_down(Duration::from_secs(1)).await;
    let rig = rig.after_kill();
    assert_eq!(rig.publisher.recovery().set_aside, 1);
    let aside = rig.publisher.set_aside(10).await.unwrap();
    assert_eq!(aside[0].code, "publish-too-large");
}

#[tokio::test(start_paused = true)]
async fn what_was_set_aside_can_be_tried_again_or_given_up() {
    let rig = one_is_bad(vec![PublishError::Invalid("x".to_owned())]).await;
    let aside = rig.publisher.set_aside(10).await.unwrap();
    assert_eq!(rig.publisher.retry_set_aside(aside).await, Ok(1));
    assert_eq!(rig.broker.arrived(), ["a.2", "a.1"]);
    rig.until(|rig| rig.publisher.status().set_aside == 0).await;
    assert_eq!(rig.publisher.set_aside(10).await, Ok(Vec::new()));

    let rig = one_is_bad(vec![PublishError::Invalid("x".to_owned())]).await;
    let aside = rig.publisher.set_aside(10).await.unwrap();
    rig.publisher.discard_set_aside(&aside).unwrap();
    rig.until(|rig| rig.publisher.status().set_aside == 0).await;
    assert_eq!(rig.broker.arrived(), ["a.2"]);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_no_message_is_set_aside_and_told() {
    let rig = Rig::new();
    rig.broker.leave();
    for name in ["a.1", "a.2", "a.3"] {
        rig.accept(name).await.unwrap();
    }
    rig.publisher.shut_down(Duration::from_secs(1)).await;
    garble(&rig.disk, 2);
    let rig = rig.after_kill();
    rig.drained().await;
    assert_eq!(rig.broker.arrived(), ["a.1", "a.3"]);
    let aside = rig.publisher.set_aside(10).await.unwrap();
    assert_eq!((aside[0].seq, aside[0].code.as_str()), (2, "spool-damaged"));
    assert_eq!(aside[0].message, None);
}
