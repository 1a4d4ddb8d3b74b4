//! Between our values and errors and those of neo4rs.

use chrono::{DateTime, FixedOffset};
use jiff::Timestamp;
use neo4rs::{BoltList, BoltMap, BoltNull, BoltType, Query, Row};

use super::super::{Parameters, Record, StoreError};
use crate::value::Value;

/// A query with its parameters.
pub(super) fn query(cypher: &str, parameters: Parameters) -> Query {
    parameters
        .into_iter()
        .fold(Query::new(cypher.to_owned()), |query, (name, value)| {
            query.param(name, bolt(value))
        })
}

fn bolt(value: Value) -> BoltType {
    match value {
        Value::Null => BoltType::Null(BoltNull),
        Value::Bool(b) => b.into(),
        Value::Int(i) => i.into(),
        Value::Float(f) => f.into(),
        Value::Text(s) => s.into(),
        Value::Time(t) => time(t),
        Value::List(items) => BoltType::List(BoltList::from(
            items.into_iter().map(bolt).collect::<Vec<_>>(),
        )),
        Value::Map(entries) => {
            let mut map = BoltMap::with_capacity(entries.len());
            for (key, value) in entries {
                map.put(key.into(), bolt(value));
            }
            BoltType::Map(map)
        }
    }
}

fn time(at: Timestamp) -> BoltType {
    const SECOND: i128 = 1_000_000_000;
    // before 1970, too, the fraction counts upwards from the second
    let nanos = at.as_nanosecond();
    let second = i64::try_from(nanos.div_euclid(SECOND)).ok();
    let fraction = u32::try_from(nanos.rem_euclid(SECOND)).ok();
    let time = second
        .zip(fraction)
        .and_then(|(s, f)| DateTime::from_timestamp(s, f));
    time.map_or(BoltType::Null(BoltNull), |time| time.fixed_offset().into())
}

/// A record of the answer.
pub(super) fn record(row: &Row) -> Result<Record, StoreError> {
    let mut columns = Vec::new();
    for key in row.keys() {
        let value: BoltType = row
            .get(&key.value)
            .map_err(|_| StoreError::Answer("a column does not decode"))?;
        columns.push((key.value.clone(), value_of(value)?));
    }
    Ok(Record::new(columns))
}

fn value_of(value: BoltType) -> Result<Value, StoreError> {
    Ok(match value {
        BoltType::Null(_) => Value::Null,
        BoltType::Boolean(b) => Value::Bool(b.value),
        BoltType::Integer(i) => Value::Int(i.value),
        BoltType::Float(f) => Value::Float(f.value),
        BoltType::String(s) => Value::Text(s.value),
        BoltType::DateTime(_) => {
            let time = DateTime::<FixedOffset>::try_from(value)
                .map_err(|_| StoreError::Answer("a time does not decode"))?;
            let nanos = i32::try_from(time.timestamp_subsec_nanos()).unwrap_or_default();
            let at = Timestamp::new(time.timestamp(), nanos);
            Value::Time(at.map_err(|_| StoreError::Answer("a time is out of range"))?)
        }
        BoltType::List(list) => {
            Value::List(list.into_iter().map(value_of).collect::<Result<_, _>>()?)
        }
        BoltType::Map(map) => Value::Map(
            map.value
                .into_iter()
                .map(|(key, value)| Ok((key.value, value_of(value)?)))
                .collect::<Result<_, StoreError>>()?,
        ),
        _ => {
            return Err(StoreError::Answer(
                "a value of a type that no statement returns",
            ));
        }
    })
}

/// What an error of neo4rs is to us. Its texts stay behind: they may quote data.
pub(super) fn store_error(error: &neo4rs::Error) -> StoreError {
    use neo4rs::Error;
    match error {
        Error::Neo4j(error) => StoreError::Server(error.code().to_owned()),
        Error::AuthenticationError(text) => login_error(text),
        Error::ConnectionTimedOut => StoreError::TimedOut,
        Error::IOError { detail } => StoreError::Unreachable(io_words(detail.kind())),
        Error::ConnectionError | Error::IncompleteBoltExchange => {
            StoreError::Unreachable("the connection broke")
        }
        Error::ServerUnavailableError(_) | Error::RequestIgnoredError | Error::Ignored(_) => {
            StoreError::Unreachable("the server ignores requests")
        }
        Error::UnsupportedVersion(..) => StoreError::Answer("no common version of Bolt"),
        Error::ProtocolMismatch(_) => StoreError::Answer("this is no Bolt port"),
        Error::UrlParseError(_) | Error::UnsupportedScheme(_) | Error::InvalidDnsName(_) => {
            StoreError::Settings("the URI cannot be used".to_owned())
        }
        Error::InvalidConfig => StoreError::Settings("the settings cannot be used".to_owned()),
        Error::StringTooLong | Error::MapTooBig | Error::BytesTooBig | Error::ListTooLong => {
            StoreError::Server("Neo.ClientError.General.InvalidArguments".to_owned())
        }
        _ => StoreError::Answer("the driver cannot read it"),
    }
}

/// A failed login comes without its code, so its text decides.
fn login_error(text: &str) -> StoreError {
    if text.contains("too many times") || text.contains("rate limit") {
        StoreError::LoginLimited
    } else if text.contains("unauthorized") || text.contains("credentials") {
        StoreError::Login
    } else {
        StoreError::Unreachable("the server refuses logins")
    }
}

fn io_words(kind: std::io::ErrorKind) -> &'static str {
    use std::io::ErrorKind;
    match kind {
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            "the connection broke"
        }
        ErrorKind::UnexpectedEof => "the server closed the connection",
        ErrorKind::TimedOut => "the connection timed out",
        ErrorKind::InvalidData => "the TLS handshake failed",
        _ => "input or output failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_way_to_the_driver_and_back() {
        let value = Value::Map(vec![(
            "k".to_owned(),
            Value::List(vec![
                Value::Null,
                Value::Bool(true),
                Value::Int(-1),
                Value::Float(0.5),
                Value::Text("1".to_owned()),
                Value::Time("2026-01-01T00:00:00.123456789Z".parse().unwrap()),
                Value::Time("1969-12-31T23:59:58.25Z".parse().unwrap()),
            ]),
        )]);
        assert_eq!(value_of(bolt(value.clone())).unwrap(), value);
    }

    #[test]
    fn the_text_of_a_refused_login_tells_a_wrong_password_from_a_rate_limit() {
        let wrong = "The client is unauthorized due to authentication failure.";
        let limited =
            "The client has provided incorrect authentication details too many times in a row.";
        assert_eq!(login_error(wrong), StoreError::Login);
        assert_eq!(login_error(limited), StoreError::LoginLimited);
        assert!(matches!(
            login_error("going down"),
            StoreError::Unreachable(_)
        ));
    }
}
