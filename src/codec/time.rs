//! Times as publishers write them.

use fanout_contract::Failure;
use jiff::Timestamp;
use jiff::civil::{DateTime, date};
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use std::borrow::Cow;

use super::failure::{codes, permanent};
use super::value::Scalar;

/// Numbers from here on are milliseconds: as seconds it would be the year 5138.
const MILLIS_FROM: i64 = 100_000_000_000;
/// Numbers from here on are microseconds: as milliseconds it would be the year 5138.
const MICROS_FROM: i64 = 100_000_000_000_000;

/// RFC 3339; `2019-10-01 00:00:00 UTC`; without an offset UTC; epoch seconds (with a fraction
/// or without), milliseconds or microseconds, as a number or as text.
pub(super) fn from_body(value: Scalar<'_>) -> Result<Option<Timestamp>, Failure> {
    let at = match &value {
        Scalar::Absent => return Ok(None),
        Scalar::Text(text) => from_text(text),
        Scalar::Number(number) => from_number(number),
        Scalar::Other => None,
    };
    at.map(Some).ok_or_else(|| {
        permanent(
            codes::TIMESTAMP_INVALID,
            "the event's time is neither rfc 3339 nor an epoch time",
        )
    })
}

/// The AMQP timestamp: seconds by the specification, milliseconds from some publishers.
/// One that is out of range is none: it is not the event's own word.
pub(super) fn from_property(number: u64) -> Option<Timestamp> {
    from_integer(i64::try_from(number).ok()?)
}

/// A CloudEvents attribute.
pub(super) fn from_attribute(text: Option<&str>) -> Result<Option<Timestamp>, Failure> {
    let value = text.map_or(Scalar::Absent, |text| Scalar::Text(Cow::Borrowed(text)));
    from_body(value)
}

fn from_text(text: &str) -> Option<Timestamp> {
    if let Some(civil) = text.strip_suffix(" UTC") {
        return in_utc(civil).or_else(|| at_the_end(civil));
    }
    if let Ok(at) = text.parse() {
        return Some(at);
    }
    let civil = text.len() > 10 && text.as_bytes().get(4) == Some(&b'-');
    if civil {
        in_utc(text).or_else(|| at_the_end(text))
    } else {
        from_number(text)
    }
}

/// The last instant there is, for what lies behind it and is well formed all the same: many
/// databases write `9999-12-31T23:59:59Z` for "never", and that is beyond a [`Timestamp`].
fn at_the_end(text: &str) -> Option<Timestamp> {
    let pieces = Pieces::parse(text).ok()?;
    pieces.time()?;
    (pieces.date() >= date(9999, 12, 30)).then_some(Timestamp::MAX)
}

fn in_utc(civil: &str) -> Option<Timestamp> {
    TimeZone::UTC
        .to_timestamp(civil.parse::<DateTime>().ok()?)
        .ok()
}

fn from_number(number: &str) -> Option<Timestamp> {
    if let Ok(integer) = number.parse() {
        return from_integer(integer);
    }
    let seconds: f64 = number
        .parse()
        .ok()
        .filter(|seconds: &f64| seconds.is_finite())?;
    if seconds.abs() >= MILLIS_FROM as f64 {
        return None;
    }
    // Below 10^11 seconds the product is below 2^63: the cast is exact to the microsecond.
    Timestamp::from_microsecond((seconds * 1e6).round() as i64).ok()
}

fn from_integer(number: i64) -> Option<Timestamp> {
    let at = match number.saturating_abs() {
        0..MILLIS_FROM => Timestamp::from_second(number),
        MILLIS_FROM..MICROS_FROM => Timestamp::from_millisecond(number),
        _ => Timestamp::from_microsecond(number),
    };
    at.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<String> {
        from_body(Scalar::Text(Cow::Borrowed(text)))
            .ok()
            .flatten()
            .map(|at| at.to_string())
    }

    #[test]
    fn every_usual_spelling_is_the_same_time() {
        for spelling in [
            "2019-10-01T00:00:00Z",
            "2019-10-01T02:00:00+02:00",
            "2019-10-01 00:00:00 UTC",
            "2019-10-01 00:00:00",
            "2019-10-01T00:00:00.000",
            "1569888000",
            "1569888000000",
        ] {
            assert_eq!(
                text(spelling).as_deref(),
                Some("2019-10-01T00:00:00Z"),
                "{spelling}"
            );
        }
        for number in [
            "1569888000",
            "1569888000.0",
            "1569888000000",
            "1569888000000000",
        ] {
            let at = from_body(Scalar::Number(number)).unwrap().unwrap();
            assert_eq!(at.to_string(), "2019-10-01T00:00:00Z", "{number}");
        }
    }

    #[test]
    fn fractions_of_a_second_are_kept() {
        assert_eq!(
            text("2019-10-01T00:00:00.123456789Z").unwrap(),
            "2019-10-01T00:00:00.123456789Z"
        );
        let at = from_body(Scalar::Number("1569888000.25")).unwrap().unwrap();
        assert_eq!(at.to_string(), "2019-10-01T00:00:00.25Z");
    }

    #[test]
    fn the_last_day_of_the_year_9999_is_a_time() {
        for never in [
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.999999Z",
            "9999-12-31T00:00:00-05:00",
            "9999-12-31 23:59:59 UTC",
            "9999-12-31 23:59:59",
        ] {
            assert_eq!(text(never), Some(Timestamp::MAX.to_string()), "{never}");
        }
        for wrong in ["9999-12-32T00:00:00Z", "9999-12-31", "9999-12-31T25:00:00Z"] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_time_is_permanent_and_what_is_not_there_is_none() {
        for wrong in [
            "yesterday",
            "2019-13-01T00:00:00Z",
            "NaN",
            "inf",
            "1e300",
            "2019-10-01",
        ] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
        assert!(from_body(Scalar::Other).is_err());
        assert!(from_body(Scalar::Number("99999999999999999999999")).is_err());
        assert_eq!(from_body(Scalar::Absent).unwrap(), None);
        assert_eq!(from_property(u64::MAX), None);
    }
}
