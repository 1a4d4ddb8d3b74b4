//! Messages from and to lapin's types.

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, DecimalValue, FieldArray, FieldTable, LongString, ShortString};

use super::names;
use crate::broker::{Delivery, HeaderValue, Headers, Message, Properties};

/// A delivery of lapin as ours. `counts`: the queue counts deliveries, so no header means 0.
pub(super) fn delivery(delivery: lapin::message::Delivery, counts: bool) -> Delivery {
    let mut properties = properties(&delivery.properties);
    let counted = match properties.headers.remove(names::DELIVERY_COUNT) {
        Some(HeaderValue::Int(count)) => u64::try_from(count).ok(),
        _ => None,
    };
    properties.headers.remove(names::PUBLISH_ID);
    Delivery {
        tag: delivery.delivery_tag,
        redelivered: delivery.redelivered,
        delivery_count: counted.or(counts.then_some(0)),
        message: Message {
            exchange: delivery.exchange.into(),
            routing_key: delivery.routing_key.into(),
            properties,
            body: Bytes::from(delivery.data),
        },
    }
}

fn properties(from: &BasicProperties) -> Properties {
    let text = |value: &Option<ShortString>| value.as_ref().map(|s| s.as_str().to_owned());
    Properties {
        message_id: text(from.message_id()),
        kind: text(from.kind()),
        timestamp: *from.timestamp(),
        content_type: text(from.content_type()),
        content_encoding: text(from.content_encoding()),
        app_id: text(from.app_id()),
        correlation_id: text(from.correlation_id()),
        reply_to: text(from.reply_to()),
        expiration: text(from.expiration()),
        user_id: text(from.user_id()),
        priority: *from.priority(),
        persistent: *from.delivery_mode() == Some(2),
        headers: from.headers().as_ref().map(headers).unwrap_or_default(),
    }
}

fn headers(table: &FieldTable) -> Headers {
    table
        .into_iter()
        .map(|(name, value)| (name.as_str().to_owned(), header(value)))
        .collect()
}

fn header(value: &AMQPValue) -> HeaderValue {
    match value {
        AMQPValue::Void => HeaderValue::Void,
        AMQPValue::Boolean(v) => HeaderValue::Bool(*v),
        AMQPValue::ShortShortInt(v) => HeaderValue::Int((*v).into()),
        AMQPValue::ShortShortUInt(v) => HeaderValue::Int((*v).into()),
        AMQPValue::ShortInt(v) => HeaderValue::Int((*v).into()),
        AMQPValue::ShortUInt(v) => HeaderValue::Int((*v).into()),
        AMQPValue::LongInt(v) => HeaderValue::Int((*v).into()),
        AMQPValue::LongUInt(v) => HeaderValue::Int((*v).into()),
        AMQPValue::LongLongInt(v) => HeaderValue::Int(*v),
        AMQPValue::Float(v) => HeaderValue::Double((*v).into()),
        AMQPValue::Double(v) => HeaderValue::Double(*v),
        AMQPValue::DecimalValue(v) => HeaderValue::Text(decimal(*v)),
        AMQPValue::ShortString(v) => HeaderValue::Text(v.as_str().to_owned()),
        AMQPValue::LongString(v) => text_or_bytes(v.as_bytes()),
        AMQPValue::Timestamp(v) => HeaderValue::Timestamp(*v),
        AMQPValue::ByteArray(v) => HeaderValue::Bytes(Bytes::copy_from_slice(v.as_slice())),
        AMQPValue::FieldArray(v) => HeaderValue::List(v.as_slice().iter().map(header).collect()),
        AMQPValue::FieldTable(v) => HeaderValue::Table(headers(v)),
    }
}

fn text_or_bytes(bytes: &[u8]) -> HeaderValue {
    match std::str::from_utf8(bytes) {
        Ok(text) => HeaderValue::Text(text.to_owned()),
        Err(_) => HeaderValue::Bytes(Bytes::copy_from_slice(bytes)),
    }
}

fn decimal(value: DecimalValue) -> String {
    let scale = usize::from(value.scale);
    let digits = format!("{:0width$}", value.value, width = scale + 1);
    match digits.split_at_checked(digits.len() - scale) {
        Some((whole, fraction)) if scale > 0 => format!("{whole}.{fraction}"),
        _ => digits,
    }
}

/// Our properties as lapin's; `publish_id` goes along to recognise the message if it returns.
///
/// # Errors
/// The name of what does not fit into the 255 bytes of a short string.
pub(super) fn outgoing(from: &Properties, publish_id: i64) -> Result<BasicProperties, String> {
    let mut table = table(&from.headers)?;
    table.insert(names::PUBLISH_ID.into(), AMQPValue::LongLongInt(publish_id));
    let mut to = BasicProperties::default()
        .with_headers(table)
        .with_delivery_mode(if from.persistent { 2 } else { 1 });
    let mut set = |name: &str,
                   value: &Option<String>,
                   with: fn(BasicProperties, ShortString) -> BasicProperties|
     -> Result<(), String> {
        if let Some(text) = value {
            to = with(std::mem::take(&mut to), short(name, text)?);
        }
        Ok(())
    };
    set(
        "message_id",
        &from.message_id,
        BasicProperties::with_message_id,
    )?;
    set("type", &from.kind, BasicProperties::with_type)?;
    set(
        "content_type",
        &from.content_type,
        BasicProperties::with_content_type,
    )?;
    set(
        "content_encoding",
        &from.content_encoding,
        BasicProperties::with_content_encoding,
    )?;
    set("app_id", &from.app_id, BasicProperties::with_app_id)?;
    set(
        "correlation_id",
        &from.correlation_id,
        BasicProperties::with_correlation_id,
    )?;
    set("reply_to", &from.reply_to, BasicProperties::with_reply_to)?;
    set(
        "expiration",
        &from.expiration,
        BasicProperties::with_expiration,
    )?;
    set("user_id", &from.user_id, BasicProperties::with_user_id)?;
    if let Some(timestamp) = from.timestamp {
        to = to.with_timestamp(timestamp);
    }
    if let Some(priority) = from.priority {
        to = to.with_priority(priority);
    }
    Ok(to)
}

/// A short string; lapin's own conversion panics beyond 255 bytes.
pub(super) fn short(name: &str, text: &str) -> Result<ShortString, String> {
    ShortString::try_new(text).map_err(|_| format!("{name} is longer than 255 bytes"))
}

fn table(headers: &Headers) -> Result<FieldTable, String> {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        table.insert(short("the name of a header", name)?, field(value)?);
    }
    Ok(table)
}

fn field(value: &HeaderValue) -> Result<AMQPValue, String> {
    Ok(match value {
        HeaderValue::Void => AMQPValue::Void,
        HeaderValue::Bool(v) => AMQPValue::Boolean(*v),
        HeaderValue::Int(v) => AMQPValue::LongLongInt(*v),
        HeaderValue::Double(v) => AMQPValue::Double(*v),
        HeaderValue::Text(v) => AMQPValue::LongString(LongString::from(v.as_str())),
        HeaderValue::Bytes(v) => AMQPValue::ByteArray(v.as_ref().into()),
        HeaderValue::Timestamp(v) => AMQPValue::Timestamp(*v),
        HeaderValue::List(v) => AMQPValue::FieldArray(FieldArray::from(
            v.iter().map(field).collect::<Result<Vec<_>, _>>()?,
        )),
        HeaderValue::Table(v) => AMQPValue::FieldTable(table(v)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::strategies::header_value;
    use proptest::prelude::*;

    fn of(value: AMQPValue) -> HeaderValue {
        header(&value)
    }

    #[test]
    fn text_that_is_no_utf8_stays_bytes() {
        let bytes = vec![0xff, 0xfe];
        let value = of(AMQPValue::LongString(bytes.clone().into()));
        assert_eq!(value, HeaderValue::Bytes(bytes.into()));
        let text = of(AMQPValue::LongString("ü".into()));
        assert_eq!(text, HeaderValue::from("ü"));
    }

    #[test]
    fn every_width_of_number_is_one_number() {
        for value in [
            AMQPValue::ShortShortInt(7),
            AMQPValue::ShortShortUInt(7),
            AMQPValue::ShortInt(7),
            AMQPValue::ShortUInt(7),
            AMQPValue::LongInt(7),
            AMQPValue::LongUInt(7),
            AMQPValue::LongLongInt(7),
        ] {
            assert_eq!(of(value), HeaderValue::Int(7));
        }
        assert_eq!(of(AMQPValue::Float(0.5)), HeaderValue::Double(0.5));
    }

    #[test]
    fn a_decimal_is_kept_as_its_text() {
        let text = |scale, value| decimal(DecimalValue { scale, value });
        assert_eq!(text(0, 42), "42");
        assert_eq!(text(2, 1234), "12.34");
        assert_eq!(text(3, 5), "0.005");
    }

    #[test]
    fn what_belongs_to_the_transport_is_no_header_of_the_message() {
        let arrived = |extra: Option<i64>| {
            let mut table = FieldTable::default();
            table.insert("kept".into(), AMQPValue::Boolean(true));
            table.insert(names::PUBLISH_ID.into(), AMQPValue::LongLongInt(1));
            if let Some(count) = extra {
                table.insert(names::DELIVERY_COUNT.into(), AMQPValue::LongLongInt(count));
            }
            let mut raw =
                lapin::message::Delivery::mock(3, "e".into(), "k".into(), true, b"body".to_vec());
            raw.properties = BasicProperties::default().with_headers(table);
            raw
        };
        let counted = delivery(arrived(Some(4)), true);
        assert_eq!(counted.delivery_count, Some(4));
        let names: Vec<_> = counted.message.properties.headers.into_keys().collect();
        assert_eq!(names, ["kept"]);
        assert_eq!(delivery(arrived(None), true).delivery_count, Some(0));
        assert_eq!(delivery(arrived(None), false).delivery_count, None);
    }

    #[test]
    fn a_name_beyond_255_bytes_is_told_instead_of_a_panic() {
        let properties = Properties {
            message_id: Some("x".repeat(256)),
            ..Properties::default()
        };
        let problem = outgoing(&properties, 1).unwrap_err();
        assert_eq!(problem, "message_id is longer than 255 bytes");
    }

    proptest! {
        #[test]
        fn properties_survive_the_way_out_and_in(
            headers in prop::collection::btree_map("[a-z-]{1,10}", header_value(), 0..5),
            message_id in prop::option::of(".{0,40}"),
            priority in any::<Option<u8>>(),
            timestamp in any::<Option<u64>>(),
            persistent in any::<bool>(),
        ) {
            let sent = Properties {
                message_id, priority, timestamp, persistent, headers,
                ..Properties::default()
            };
            let mut arrived = properties(&outgoing(&sent, 9).unwrap());
            let id = arrived.headers.remove(names::PUBLISH_ID);
            prop_assert_eq!(id, Some(HeaderValue::Int(9)));
            prop_assert_eq!(arrived, sent);
        }
    }
}
