//! What a message is about, as far as its bytes say: what the order is kept for.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::broker::{HeaderValue, Message};

/// Where a CloudEvent in binary form has its subject.
const HEADERS: [&str; 3] = ["cloudEvents:subject", "cloudEvents_subject", "ce-subject"];

/// The fields that name a subject, in the order in which they count. Duplicates in other
/// spellings are no error here: the codec judges a body, this only looks.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields<'a> {
    #[serde(borrow)]
    subject: Option<&'a RawValue>,
    #[serde(borrow, rename = "aggregateId")]
    aggregate_camel: Option<&'a RawValue>,
    #[serde(borrow)]
    aggregate_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "userId")]
    user_camel: Option<&'a RawValue>,
    #[serde(borrow)]
    user_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "productId")]
    product_camel: Option<&'a RawValue>,
    #[serde(borrow)]
    product_id: Option<&'a RawValue>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl<'a> Fields<'a> {
    fn read(text: &'a [u8]) -> Option<Self> {
        // A list would be taken for the fields in their order.
        let object = text.trim_ascii_start().first() == Some(&b'{');
        object.then(|| serde_json::from_slice(text).ok())?
    }

    /// The value as it stands in the text: `7` and `"7"` are different.
    fn named(&self) -> Option<&'a str> {
        [self.subject, self.aggregate_camel, self.aggregate_id]
            .into_iter()
            .chain([self.user_camel, self.user_id])
            .flatten()
            .next()
            .map(RawValue::get)
    }

    fn product(&self) -> Option<&'a str> {
        let product = self.product_camel.or(self.product_id)?;
        Some(product.get())
    }
}

/// The subject of a message, as a number: the field `subject` or the aggregate, else the
/// user, else the product, else the message's id. Different subjects may share a number:
/// they only wait for each other.
pub(in super::super) fn of(message: &Message) -> u64 {
    let header = HEADERS
        .iter()
        .find_map(|name| message.properties.headers.get(*name))
        .and_then(HeaderValue::as_str);
    if let Some(text) = header {
        return named(text);
    }
    in_body(&message.body).unwrap_or_else(|| {
        let id = message.properties.message_id.as_deref();
        hash(id.unwrap_or_default().as_bytes())
    })
}

/// The number of a subject that a caller names.
pub(super) fn named(subject: &str) -> u64 {
    let text = serde_json::Value::from(subject).to_string();
    hash(text.as_bytes())
}

fn in_body(body: &[u8]) -> Option<u64> {
    let outer = Fields::read(body)?;
    let inner = outer.payload.or(outer.data).map(RawValue::get);
    let inner = inner
        .and_then(|text| Fields::read(text.as_bytes()))
        .unwrap_or_default();
    let found = outer
        .named()
        .or(inner.named())
        .or(outer.product())
        .or(inner.product())?;
    Some(hash(found.as_bytes()))
}

/// FNV-1a: the same in every version of this program, since the spool keeps it.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Properties;

    fn message(body: &str) -> Message {
        Message {
            properties: Properties {
                message_id: Some("id-1".to_owned()),
                ..Properties::default()
            },
            body: body.to_owned().into(),
            ..Message::default()
        }
    }

    #[test]
    fn a_subject_is_the_named_one_else_the_user_else_the_product_else_the_id() {
        let same = |a: &str, b: &str| of(&message(a)) == of(&message(b));
        assert!(same(
            r#"{"user_id":7,"product_id":1,"event_type":"view"}"#,
            r#"{"eventType":"product.viewed","payload":{"userId":7,"productId":2}}"#,
        ));
        assert!(same(
            r#"{"subject":"order-7","payload":{"userId":1}}"#,
            r#"{"aggregateId":"order-7","payload":{"userId":2}}"#,
        ));
        assert!(same(
            r#"{"productId":5,"name":"a"}"#,
            r#"{"eventType":"product.upserted","payload":{"productId":5}}"#,
        ));
        assert!(!same(r#"{"user_id":7}"#, r#"{"user_id":"7"}"#));
        assert_eq!(of(&message(r#"{"subject":"order-7"}"#)), named("order-7"));
        for none in ["", "no json", "[1]", "{}", "{\"user_id\":"] {
            assert_eq!(of(&message(none)), hash(b"id-1"), "{none}");
        }
    }

    #[test]
    fn the_number_of_a_subject_never_changes() {
        // The spool of an older version has it in its rows.
        assert_eq!(hash(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
