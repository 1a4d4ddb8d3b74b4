//! Scalars out of raw JSON values, borrowed from the body where they hold no escapes.

use serde_json::value::RawValue;
use std::borrow::Cow;

/// What stands in a field.
#[derive(Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    /// `null` or an empty string: as good as no field.
    Absent,
    /// A string.
    Text(Cow<'a, str>),
    /// A number, as it is written.
    Number(&'a str),
    /// A boolean, an array, an object, or a string with broken escapes.
    Other,
}

impl<'a> Scalar<'a> {
    pub(super) fn of(raw: Option<&'a RawValue>) -> Self {
        let Some(text) = raw.map(RawValue::get) else {
            return Self::Absent;
        };
        match text.as_bytes().first() {
            Some(b'"') => string(text),
            Some(b'-' | b'0'..=b'9') => Self::Number(text),
            Some(b'n') => Self::Absent,
            _ => Self::Other,
        }
    }

    /// The text of a string.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a string, or of an integer as it is written.
    pub(super) fn name(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(number) if is_integer(number) => Some(Cow::Borrowed(number)),
            _ => None,
        }
    }

    /// An integer, also one written as a string.
    pub(super) fn unsigned(self) -> Option<u64> {
        match self {
            Self::Number(number) => number.parse().ok(),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

fn string(quoted: &str) -> Scalar<'_> {
    let inner = quoted
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    match inner {
        Some("") => Scalar::Absent,
        Some(text) if !text.contains('\\') => Scalar::Text(Cow::Borrowed(text)),
        _ => serde_json::from_str(quoted)
            .map_or(Scalar::Other, |text: String| Scalar::Text(Cow::Owned(text))),
    }
}

fn is_integer(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(json: &str) -> String {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        format!("{:?}", Scalar::of(Some(raw)))
    }

    #[test]
    fn scalars_keep_their_text() {
        assert_eq!(scalar("\"a b\""), "Text(\"a b\")");
        assert_eq!(scalar("\"a\\u0062\""), "Text(\"ab\")");
        assert_eq!(
            scalar("12345678901234567890123"),
            "Number(\"12345678901234567890123\")"
        );
        assert_eq!(scalar("null"), "Absent");
        assert_eq!(scalar("\"\""), "Absent");
        assert_eq!(scalar("true"), "Other");
        assert_eq!(scalar("[1]"), "Other");
        assert_eq!(scalar("\"\\ud800\""), "Other");
    }

    #[test]
    fn only_integers_are_names() {
        assert_eq!(Scalar::Number("-7").name().as_deref(), Some("-7"));
        assert_eq!(Scalar::Number("7.5").name(), None);
        assert_eq!(Scalar::Number("1e3").name(), None);
    }
}
