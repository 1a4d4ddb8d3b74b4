//! Topic patterns of AMQP.

/// Whether a routing key matches: words parted by dots, `*` is one word, `#` is any number
/// of them.
pub fn matches(pattern: &str, key: &str) -> bool {
    let pattern: Vec<_> = pattern.split('.').collect();
    let key: Vec<_> = if key.is_empty() {
        Vec::new()
    } else {
        key.split('.').collect()
    };
    words_match(&pattern, &key)
}

fn words_match(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern.split_first(), key.split_first()) {
        (None, None) => true,
        (Some((&"#", rest)), None) => words_match(rest, key),
        (Some((&"#", rest)), Some((_, tail))) => {
            words_match(rest, key) || words_match(pattern, tail)
        }
        (Some((&"*", rest)), Some((_, tail))) => words_match(rest, tail),
        (Some((word, rest)), Some((head, tail))) => word == head && words_match(rest, tail),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_is_exactly_one_word() {
        assert!(matches("*.created", "order.created"));
        assert!(!matches("*.created", "shop.order.created"));
        assert!(!matches("payment.*", "payment"));
        assert!(matches("payment.*", "payment.settled"));
    }

    #[test]
    fn a_hash_is_any_number_of_words() {
        for key in ["", "a", "a.b", "a.b.c"] {
            assert!(matches("#", key), "{key}");
        }
        assert!(matches("a.#", "a"));
        assert!(matches("a.#.z", "a.b.c.z"));
        assert!(matches("#.z", "z"));
        assert!(!matches("a.#.z", "a.b.c"));
        assert!(matches("#.b.#", "a.b"));
    }
}
