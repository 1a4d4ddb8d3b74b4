use super::*;
use crate::codes;
use bytes::Bytes;
use fanout_contract::{EventBuilder, EventId, codes as contract};
use proptest::prelude::*;
use serde_json::json;

fn map_raw(kind: &str, payload: impl Into<Bytes>) -> Mapped {
    let event = EventBuilder::new(EventId::new("e"), kind, payload.into())
        .occurred_at(Timestamp::from_second(5).unwrap())
        .build();
    map(
        &event,
        &Weights::default(),
        Timestamp::from_second(9).unwrap(),
    )
}

fn map_json(kind: &str, payload: &Value) -> Mapped {
    map_raw(kind, payload.to_string())
}

fn change(mapped: Mapped) -> Change {
    match mapped {
        Mapped::Change(change) => change,
        other => panic!("{other:?}"),
    }
}

fn code(mapped: Mapped) -> &'static str {
    match mapped {
        Mapped::Fail(failure) => failure.code().as_str(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_interaction_is_the_same_in_every_spelling() {
    let camel = json!({"userId": 1, "productId": "p", "session": "s"});
    let snake = json!({"user_id": 1, "product_id": "p", "event_type": "view"});
    for (long, short) in [
        ("product.viewed", "view"),
        ("product.carted", "cart"),
        ("product.uncarted", "remove_from_cart"),
        ("product.purchased", "purchase"),
    ] {
        let (one, two) = (
            change(map_json(long, &camel)),
            change(map_json(short, &snake)),
        );
        assert_eq!(one, two);
        let Change::Interaction(interaction) = one else {
            panic!()
        };
        assert_eq!(interaction.kind, long);
        assert_eq!(
            (interaction.user, interaction.product),
            (1.into(), "p".into())
        );
    }
}

#[test]
fn each_vector_is_judged_by_itself() {
    let product = |vector: &str| {
        map_raw(
            "product.upserted",
            format!(r#"{{"productId": 1, "vector": {vector}}}"#),
        )
    };
    assert_eq!(code(product("[]")), codes::VECTOR_INVALID.as_str());
    assert_eq!(code(product("[0, 0]")), codes::VECTOR_INVALID.as_str());
    assert_eq!(code(product("[1e39]")), codes::VECTOR_INVALID.as_str());
    assert_eq!(code(product("[NaN]")), contract::PAYLOAD_INVALID.as_str());
    let Change::Product(state) = change(product("[0, 2]")) else {
        panic!()
    };
    assert_eq!(state.content.unwrap().vector, Some(vec![0.0, 1.0]));
}

#[test]
fn what_is_missing_or_no_id_is_the_events_own_failure() {
    let view = |user: &Value| map_json("view", &json!({"user_id": user, "product_id": 1}));
    for bad in [json!(true), json!(null), json!([1]), json!({})] {
        assert_eq!(
            code(view(&bad)),
            contract::PAYLOAD_INVALID.as_str(),
            "{bad}"
        );
    }
    assert_eq!(code(view(&json!(1.5))), codes::ID_UNSUPPORTED.as_str());
    for kind in [
        "view",
        "product.upserted",
        "product.deleted",
        "user.deleted",
    ] {
        assert_eq!(
            code(map_json(kind, &json!({}))),
            contract::PAYLOAD_INVALID.as_str()
        );
    }
}

#[test]
fn other_kinds_are_not_ours() {
    let mapped = map_json("order.placed", &json!({}));
    assert!(matches!(mapped, Mapped::Skip(SkipReason::NotMine)));
}

#[test]
fn every_kind_of_the_list_is_ours() {
    for kind in KINDS.iter().flat_map(|names| names.iter()) {
        let mapped = map_json(kind, &json!({}));
        assert!(!matches!(mapped, Mapped::Skip(_)), "{kind}");
    }
}

#[test]
fn a_bad_payload_is_named_by_place_and_not_by_content() {
    let Mapped::Fail(failure) = map_raw("view", r#"{"user_id": 1, "product_id": ["s3cret"]}"#)
    else {
        panic!("it was taken");
    };
    assert!(failure.to_string().contains("line 1, column"), "{failure}");
    assert!(!failure.to_string().contains("s3cret"), "{failure}");
}

proptest! {
    /// Law L9, with payloads that no list thought of.
    #[test]
    fn no_payload_makes_it_panic(kind in 0..7_usize, payload in any::<Vec<u8>>(), text in "\\PC*") {
        let kinds = ["view", "cart", "remove_from_cart", "purchase", "product.upserted", "product.deleted", "user.deleted"];
        map_raw(kinds[kind], payload);
        map_raw(kinds[kind], format!(r#"{{"user_id": {text}, "product_id": "{text}"}}"#));
    }
}
