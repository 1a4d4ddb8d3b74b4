//! Points in time as RFC 3339 text in JSON.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

use super::filter::point_in_time;

pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(D::Error::custom)
}

/// One that may be missing; read as people write it.
pub(super) mod option {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.collect_str(at),
            None => serializer.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let text: Option<String> = Option::deserialize(from)?;
        let read = |text: String| {
            point_in_time(&text, Timestamp::now())
                .map_err(|rule| D::Error::custom(format!("'{text}' {rule}")))
        };
        text.map(read).transpose()
    }
}
