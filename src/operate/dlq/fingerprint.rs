//! Which dead letters are of one kind: their errors without what differs from case to case.

use sha2::{Digest, Sha256};

/// Errors are compared by their first so many characters.
const LONGEST: usize = 300;
/// A run of hexadecimal digits from this length on is an id, not a word.
const HEX_ID: usize = 8;

/// The error without numbers, ids and quoted texts: `#` and `'…'` stand in their place.
///
/// ```
/// use fanout::operate::dlq::normalised;
/// assert_eq!(
///     normalised("user 17 of \"shop-3\" at 0x7f3a: no such id"),
///     "user # of '…' at #: no such id"
/// );
/// ```
pub fn normalised(error: &str) -> String {
    let mut out = String::new();
    let mut rest = error;
    while let Some(first) = rest.chars().next() {
        if out.len() >= LONGEST {
            break;
        }
        let end = match first {
            '"' | '\'' | '`' => quoted(rest, first),
            _ => None,
        };
        if let Some(end) = end {
            out.push_str("'…'");
            rest = rest.get(end..).unwrap_or_default();
            continue;
        }
        let token = token(rest);
        match token.len() {
            0 => {
                out.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
            end => {
                out.push_str(if varies(token) { "#" } else { token });
                rest = rest.get(end..).unwrap_or_default();
            }
        }
    }
    out
}

/// Where a quoted text ends, behind its closing quote. An apostrophe in a word opens none,
/// since it is part of the word.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let inner = text.get(1..)?;
    inner.find(quote).map(|at| at + 2)
}

/// Letters and digits up to the next break; hyphens inside belong to it, as in a UUID.
fn token(text: &str) -> &str {
    let belongs = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '\'');
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    let starts = text.chars().next().is_some_and(char::is_alphanumeric);
    match starts {
        true => text.get(..end).unwrap_or_default().trim_end_matches('\''),
        false => "",
    }
}

/// Whether a token is a number or an id: any digit in it, or long hexadecimal.
fn varies(token: &str) -> bool {
    let hex = token.len() >= HEX_ID && token.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    hex || token.chars().any(|c| c.is_ascii_digit())
}

/// The short id of a group: 8 hexadecimal digits of what its dead letters have in common.
pub(super) fn group_id(origin: &str, reason: &str, kind: &str, error: &str) -> String {
    let mut hasher = Sha256::new();
    for part in [origin, reason, kind, error] {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let digest = hasher.finalize();
    digest
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The SHA-256 of bytes, in hexadecimal.
pub(super) fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ids_and_quoted_texts_do_not_make_a_difference() {
        for (one, other) in [
            ("user 17 is unknown", "user 4 is unknown"),
            ("no product \"lamp\"", "no product \"table, round\""),
            (
                "event 0191c0de-aaaa-7bbb-8ccc-0123456789ab failed",
                "event 0191c0df-bbbb-7ccc-9ddd-ba9876543210 failed",
            ),
            ("at deadbeefcafe", "at feedfacefeed"),
            ("took 12.5ms", "took 300ms"),
            ("`user` is missing", "`shop` is missing"),
        ] {
            let (a, b) = (normalised(one), normalised(other));
            assert_eq!(a.replace(".#", ""), b.replace(".#", ""), "{one} / {other}");
        }
    }

    #[test]
    fn other_words_make_a_difference() {
        assert_ne!(normalised("no such user"), normalised("no such product"));
        assert_eq!(normalised("it's the user's"), "it's the user's");
        assert_eq!(normalised("a quote ' alone"), "a quote ' alone");
        assert_eq!(normalised(""), "");
    }

    #[test]
    fn an_endless_error_is_compared_by_its_start() {
        let long = "word ".repeat(10_000);
        assert!(normalised(&long).len() < LONGEST + 10);
    }

    #[test]
    fn a_group_is_told_by_all_four_parts() {
        let id = group_id("q", "r", "k", "e");
        assert_eq!(id.len(), 8);
        assert_eq!(id, group_id("q", "r", "k", "e"));
        let others = [
            group_id("qr", "", "k", "e"),
            group_id("q", "r", "x", "e"),
            group_id("q", "r", "k", "x"),
        ];
        assert!(!others.contains(&id));
    }
}
