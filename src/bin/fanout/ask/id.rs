//! An id as it is typed.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// An id that keeps its JSON type: `17` is a number, `"17"` and `p-17` are texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TypedId {
    Int(i64),
    Text(String),
}

impl FromStr for TypedId {
    type Err = Infallible;

    fn from_str(typed: &str) -> Result<Self, Infallible> {
        Ok(match serde_json::from_str::<serde_json::Value>(typed) {
            Ok(serde_json::Value::String(text)) => Self::Text(text),
            Ok(serde_json::Value::Number(number)) => match number.as_i64() {
                Some(number) => Self::Int(number),
                None => Self::Text(typed.to_owned()),
            },
            _ => Self::Text(typed.to_owned()),
        })
    }
}

/// As JSON writes it.
impl fmt::Display for TypedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::Text(text) => serde_json::Value::from(text.as_str()).fmt(f),
        }
    }
}

impl TypedId {
    /// The other id that the same characters may mean.
    pub(crate) fn other(&self) -> Option<Self> {
        match self {
            Self::Int(number) => Some(Self::Text(number.to_string())),
            Self::Text(text) => text.parse().ok().map(Self::Int),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_number_and_everything_else_is_text() {
        for (typed, meant) in [
            ("17", TypedId::Int(17)),
            ("-17", TypedId::Int(-17)),
            ("\"17\"", TypedId::Text("17".to_owned())),
            ("p-17", TypedId::Text("p-17".to_owned())),
            ("017", TypedId::Text("017".to_owned())),
            ("1.5", TypedId::Text("1.5".to_owned())),
            ("null", TypedId::Text("null".to_owned())),
            (
                "9223372036854775808",
                TypedId::Text("9223372036854775808".to_owned()),
            ),
        ] {
            assert_eq!(typed.parse(), Ok(meant), "{typed}");
        }
    }

    #[test]
    fn the_other_reading_of_a_number_is_its_text() {
        let text = TypedId::Text("17".to_owned());
        assert_eq!(TypedId::Int(17).other(), Some(text.clone()));
        assert_eq!(text.other(), Some(TypedId::Int(17)));
        assert_eq!(TypedId::Text("p".to_owned()).other(), None);
        assert_eq!(text.to_string(), "\"17\"");
    }
}
