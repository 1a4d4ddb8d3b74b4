//! What arrives in the dead-letter queue, and from whom.

use super::*;
use fanout::broker::HeaderValue;

/// Two foreign events and what is left of them in the dead-letter queue.
#[tokio::test(start_paused = true)]
async fn a_foreign_event_is_retried_and_dead_lettered_without_what_must_not_carry_over() {
    let mut world = world_with_plan(&[5]);
    let deeds = [
        Deed::Transient { times: 1 },
        Deed::Transient { times: ALWAYS },
    ];
    for (number, deed) in (0..).zip(deeds) {
        let form = Form::Foreign;
        world.publish(Spec { number, form, deed });
    }
    let process = world.start();
    comes_to_rest(&world, process).await;
    assert_eq!((applied(&world), world.held(DEAD)), (1, 1));
    let dead = &world.dead_letters()[0];
    let original = world.oracle.accepted[&token(1)].message();
    assert_eq!(dead.body, original.body);
    let properties = &dead.properties;
    assert!(properties.persistent);
    assert_eq!(properties.message_id.as_deref(), Some("event-1"));
    assert_eq!(
        (
            &properties.user_id,
            &properties.expiration,
            &properties.reply_to
        ),
        (&None, &None, &None)
    );
    assert!(!properties.headers.contains_key("CC"));
    assert_eq!(properties.headers["tenant"], HeaderValue::from("a"));
}

#[tokio::test(start_paused = true)]
async fn a_malformed_body_is_dead_lettered_at_once_with_its_bytes() {
    let mut world = world();
    let form = Form::Malformed;
    world.publish(Spec {
        number: 0,
        form,
        deed: Deed::Apply,
    });
    world.publish(Spec::new(1, Deed::Apply));
    let process = world.start();
    comes_to_rest(&world, process).await;
    let dead = world.dead_letters();
    assert_eq!((applied(&world), dead.len()), (1, 1));
    assert_eq!(dead[0].body, "no json but <0>.".as_bytes());
    assert_eq!(world.store.inner().calls, [1]);
}

#[tokio::test(start_paused = true)]
async fn a_derived_id_stays_the_same_through_the_stages() {
    let mut world = world_with_plan(&[1, 1]);
    let form = Form::Derived;
    world.publish(Spec {
        number: 0,
        form,
        deed: Deed::Transient { times: 2 },
    });
    // Its effect is there, the answer is lost: the repeat must be recognised.
    world.publish(Spec {
        number: 1,
        form,
        deed: Deed::Apply,
    });
    let process = world.start();
    comes_to_rest(&world, process).await;
    assert_eq!(attempts(&world, 0), [(1, 0), (2, 1), (3, 2)]);
    assert_eq!(world.store.inner().ledger.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_expires_in_the_main_queue_becomes_a_dead_letter_of_the_broker() {
    let mut config = config();
    let queue = config.queues.get_mut("sim").unwrap();
    queue.message_ttl = Some(MINUTE);
    let mut world = World::new(config, 1);
    world.publish(Spec::new(0, Deed::Apply));
    tokio::time::sleep(2 * MINUTE).await;
    let dead = world.dead_letters();
    let reason = &dead[0].properties.headers["x-first-death-reason"];
    assert_eq!(*reason, HeaderValue::from("expired"));
    assert!(world.conserved().none());
}
