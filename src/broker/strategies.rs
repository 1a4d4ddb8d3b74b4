//! Values that properties are tried with.

use proptest::prelude::*;

use super::HeaderValue;

/// A header of any type, lists and tables inside each other.
pub(crate) fn header_value() -> impl Strategy<Value = HeaderValue> {
    let leaf = prop_oneof![
        Just(HeaderValue::Void),
        any::<bool>().prop_map(HeaderValue::Bool),
        any::<i64>().prop_map(HeaderValue::Int),
        any::<f64>()
            .prop_filter("equal to itself", |n| !n.is_nan())
            .prop_map(HeaderValue::Double),
        ".{0,20}".prop_map(HeaderValue::Text),
        any::<Vec<u8>>().prop_map(|b| HeaderValue::Bytes(b.into())),
        any::<u64>().prop_map(HeaderValue::Timestamp),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(HeaderValue::List),
            prop::collection::btree_map(".{1,10}", inner, 0..4).prop_map(HeaderValue::Table),
        ]
    })
}
