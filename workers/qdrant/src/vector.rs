//! Vectors: checked, made of length one, derived from text.

use fanout_contract::Failure;
use serde_json::Value;
use std::hash::Hasher;

use crate::codes;

/// The vector at length one, or why it is none. Normalised here, in 64 bits, since large
/// numbers would overflow in the server's 32.
pub(crate) fn checked(vector: &[f32]) -> Result<Vec<f32>, Failure> {
    let bad = |why: &str| Err(Failure::permanent(codes::VECTOR_INVALID, why));
    if vector.is_empty() {
        return bad("the vector is empty");
    }
    if vector.iter().any(|x| !x.is_finite()) {
        return bad("the vector has a component that is no number of 32 bits");
    }
    let wide: Vec<f64> = vector.iter().map(|x| f64::from(*x)).collect();
    match normalised(&wide, 0.0) {
        Some(vector) => Ok(vector),
        None => bad("the vector is zero, and has no direction"),
    }
}

/// The vector at length one; `None` where its length is not above `least`.
pub(crate) fn normalised(vector: &[f64], least: f64) -> Option<Vec<f32>> {
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    #[allow(clippy::cast_possible_truncation, reason = "the server holds 32 bits")]
    let narrow = |x: &f64| (x / length) as f32;
    (length > least && length.is_finite()).then(|| vector.iter().map(narrow).collect())
}

/// A vector of this dimension from the texts among the properties, by feature hashing: each
/// word adds or takes one at the place that its hash names. `None` where there is no word.
///
/// The same text gives the same vector, whatever program computes it: the hash is FNV-1a of
/// 64 bits over the lower-case word; the place is the hash modulo the dimension, the sign its
/// highest bit.
pub(crate) fn derived(properties: &[(String, Value)], dimension: usize) -> Option<Vec<f32>> {
    let mut sum = vec![0.0_f64; dimension];
    let mut add = |text: &str| {
        for word in text.split(|c: char| !c.is_alphanumeric()) {
            if word.is_empty() {
                continue;
            }
            let mut hash = Fnv::default();
            hash.write(word.to_lowercase().as_bytes());
            let hash = hash.finish();
            let place = usize::try_from(hash % dimension.max(1) as u64).unwrap_or(0);
            if let Some(sum) = sum.get_mut(place) {
                *sum += if hash >> 63 == 0 { 1.0 } else { -1.0 };
            }
        }
    };
    for (_, value) in properties {
        match value {
            Value::String(text) => add(text),
            Value::Array(texts) => texts.iter().filter_map(Value::as_str).for_each(&mut add),
            _ => {}
        }
    }
    normalised(&sum, 0.0)
}

/// FNV-1a, 64 bits: one that stays the same from release to release.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn words(text: &str) -> Vec<(String, Value)> {
        vec![("name".to_owned(), json!(text))]
    }

    #[test]
    fn a_vector_that_is_no_direction_is_refused() {
        for bad in [
            &[][..],
            &[0.0, 0.0],
            &[1.0, f32::NAN],
            &[f32::INFINITY, 0.0],
            &[f32::NEG_INFINITY],
        ] {
            let failure = checked(bad).unwrap_err();
            assert_eq!(failure.code(), codes::VECTOR_INVALID, "{bad:?}");
        }
    }

    #[test]
    fn a_vector_comes_out_at_length_one_however_large_it_was() {
        assert_eq!(checked(&[3.0, 4.0]).unwrap(), [0.6, 0.8]);
        assert_eq!(checked(&[3e38, 0.0]).unwrap(), [1.0, 0.0]);
        assert_eq!(checked(&[1e-40, 0.0]).unwrap(), [1.0, 0.0]);
    }

    #[test]
    fn the_hash_is_the_one_that_is_documented() {
        let mut hash = Fnv::default();
        hash.write(b"foobar");
        assert_eq!(hash.finish(), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn texts_with_words_in_common_are_nearer_than_others() {
        let [a, b, c] = ["Red running shoe", "red shoe, laced", "steel kettle"]
            .map(|text| derived(&words(text), 64).unwrap());
        let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
        assert!(dot(&a, &b) > dot(&a, &c) + 0.3);
        assert_eq!(derived(&words("RED"), 64), derived(&words("red"), 64));
    }

    #[test]
    fn no_words_give_no_vector() {
        assert_eq!(derived(&[], 8), None);
        assert_eq!(derived(&words(" --- "), 8), None);
        assert_eq!(derived(&[("price".to_owned(), json!(9.5))], 8), None);
    }
}
