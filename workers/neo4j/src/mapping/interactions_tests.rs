use super::*;
use bytes::Bytes;
use fanout_contract::{EventBuilder, EventId};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::collections::HashMap;

fn map(kind: &str, payload: impl Into<Bytes>) -> Mapped {
    let event = EventBuilder::new(EventId::new("e"), kind, payload.into()).build();
    Interactions.map(&event, Timestamp::UNIX_EPOCH)
}

fn map_json(kind: &str, payload: &Json) -> Mapped {
    map(kind, payload.to_string())
}

/// The only row.
fn row(mapped: Mapped) -> (usize, Vec<Value>) {
    let Mapped::Write(effect) = mapped else {
        panic!("{mapped:?}")
    };
    let [row] = effect.rows.try_into().unwrap();
    row
}

fn code(mapped: Mapped) -> &'static str {
    let Mapped::Fail(failure) = mapped else {
        panic!("{mapped:?}")
    };
    assert_eq!(failure.class(), fanout_contract::FailureClass::Permanent);
    failure.code().as_str()
}

#[test]
fn an_interaction_has_one_row_of_user_product_count_times_session() {
    let now = Value::Time(Timestamp::UNIX_EPOCH);
    let want = vec![
        Value::Int(1),
        "p".into(),
        Value::Int(1),
        now.clone(),
        now,
        "s".into(),
    ];
    let envelope = json!({"userId": 1, "productId": "p", "session": "s"});
    let bare = json!({"user_id": 1, "product_id": "p", "user_session": "s", "colour": 2});
    assert_eq!(
        row(map_json("product.carted", &envelope)),
        (CARTED, want.clone())
    );
    assert_eq!(row(map_json("cart", &bare)), (CARTED, want));
}

/// What the event says of its product; `None` where it has a row for the relationship only.
fn says(payload: &Json) -> Option<Vec<Value>> {
    let Mapped::Write(effect) = map_json("view", payload) else {
        panic!("{payload}")
    };
    let rows: HashMap<_, _> = effect.rows.into_iter().collect();
    assert!(rows.contains_key(&VIEWED));
    rows.get(&PRODUCT_SEEN).cloned()
}

#[test]
fn an_interaction_says_price_category_and_brand_in_both_spellings_and_no_others() {
    let bare = says(&json!({
        "user_id": 1, "product_id": "p", "price": 35.79, "category_id": 2_103_807_459_595_387_724_i64,
        "category_code": "a.b", "brand": "shiseido", "colour": "red",
    }));
    let bare = bare.unwrap();
    assert_eq!(bare.len(), 3 + cypher::SEEN_PROPERTIES.len());
    assert_eq!(bare[0], "p".into());
    let values = [
        Value::Float(35.79),
        Value::Int(2_103_807_459_595_387_724),
        "a.b".into(),
        "shiseido".into(),
        Value::Null,
    ];
    assert_eq!(bare[2..], values);
    let envelope = json!({"userId": 1, "productId": "p", "categoryId": 7, "category_id": 8});
    assert_eq!(says(&envelope).unwrap()[3], 8.into());
    let envelope = json!({"userId": 1, "productId": "p", "categoryCode": "c"});
    assert_eq!(says(&envelope).unwrap()[4], "c".into());
}

#[test]
fn who_says_nothing_of_the_product_pays_nothing_for_it() {
    assert_eq!(says(&json!({"user_id": 1, "product_id": 1})), None);
    let nothing = json!({
        "user_id": 1, "product_id": 1, "price": null, "category_id": {"id": 1}, "brand": "",
        "category_code": ["a"],
    });
    assert_eq!(says(&nothing), None);
}

#[test]
fn marks_sort_by_time_and_tell_events_of_one_instant_apart() {
    let mark = |id: &str, second: i64| {
        let payload = json!({"user_id": 1, "product_id": 1, "brand": "b"}).to_string();
        let at = Timestamp::from_second(second).unwrap();
        let event = EventBuilder::new(EventId::new(id), "view", payload.into());
        let event = event.occurred_at(at).build();
        match Interactions.map(&event, Timestamp::UNIX_EPOCH) {
            Mapped::Write(effect) => match &effect.rows[1].1[1] {
                Value::Text(mark) => mark.clone(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    assert!(mark("a", -5) < mark("b", 0) && mark("b", 0) < mark("a", 1));
    assert_ne!(mark("a", 1), mark("b", 1));
    assert_eq!(mark("a", 1), mark("a", 1));
}

#[test]
fn a_session_may_be_missing_null_or_a_number() {
    let session = |payload: Json| row(map_json("view", &payload)).1[5].clone();
    assert_eq!(session(json!({"user_id": 1, "product_id": 2})), Value::Null);
    assert_eq!(
        session(json!({"user_id": 1, "product_id": 2, "session": null})),
        Value::Null
    );
    assert_eq!(
        session(json!({"user_id": 1, "product_id": 2, "session": 7})),
        "7".into()
    );
}

#[test]
fn an_id_is_an_integer_of_64_bits_or_a_text_of_4096_bytes() {
    let user = |id: &str| map("view", format!(r#"{{"user_id": {id}, "product_id": 1}}"#));
    let long = |len| format!("\"{}\"", "x".repeat(len));
    for good in [
        "0",
        "-9223372036854775808",
        "9223372036854775807",
        "\"\"",
        &long(4096),
    ] {
        row(user(good));
    }
    for (bad, want) in [
        ("9223372036854775808", "neo4j-id-out-of-range"),
        ("-9223372036854775809", "neo4j-id-out-of-range"),
        ("123456789012345678901234567890", "neo4j-id-out-of-range"),
        ("1.0", "neo4j-id-unsupported"),
        ("1e3", "neo4j-id-unsupported"),
        (&long(4097), "neo4j-id-too-long"),
        ("true", "payload-invalid"),
        ("null", "payload-invalid"),
        ("[1]", "payload-invalid"),
        ("{}", "payload-invalid"),
    ] {
        assert_eq!(code(user(bad)), want, "{bad}");
    }
}

#[test]
fn properties_of_a_product_are_its_scalars_and_lists_of_texts() {
    let payload = json!({
        "productId": 7, "name": "n", "price": 9.5, "stock": 3, "new": true, "tags": ["a", "b"],
        "vector": [0.1], "mixed": ["a", 1], "nested": {"a": 1}, "gone": null, "empty": [],
        "id": 8, "_version": "x", "event_type": "product.upserted",
    });
    let (statement, columns) = row(map_json("product.upserted", &payload));
    let Value::Map(properties) = &columns[2] else {
        panic!("{columns:?}")
    };
    let names: Vec<_> = properties.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((statement, &columns[0]), (PRODUCT, &Value::Int(7)));
    assert_eq!(names, ["name", "new", "price", "stock", "tags"]);
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
    let Mapped::Fail(failure) = map("view", r#"{"user_id": 1, "product_id": ["s3cret"]}"#) else {
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
        map(kinds[kind], payload);
        map(kinds[kind], format!(r#"{{"user_id": {text}, "product_id": "{text}"}}"#));
    }
}
