//! Ids for lines that carry none: the same input gives the same ids, so that publishing it
//! twice is harmless.

use sha2::{Digest, Sha256};
use std::io::{self, Read};
use uuid::Uuid;

/// Namespace of the UUIDv5 made for a line; the name is `{sha256 in hex}:{line}`.
/// Never changes: it would give every file new ids.
pub const LINE_NAMESPACE: Uuid = Uuid::from_u128(0x5d0c_4a0e_7f57_4b0c_9a55_1e2b_7f0b_64d1);

/// What a line's id is made of, beside its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdSource {
    /// SHA-256 of the whole file.
    File([u8; 32]),
    /// A stream whose end is not known yet: SHA-256 of all up to and including the line.
    Stream,
}

/// The id of a line: UUIDv5 of the digest and the line's number, counted from 1.
pub fn line_id(digest: &[u8; 32], line: u64) -> Uuid {
    let mut name = String::with_capacity(96);
    for nibble in digest.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        name.extend(char::from_digit(u32::from(nibble), 16));
    }
    name.push(':');
    name.push_str(&line.to_string());
    Uuid::new_v5(&LINE_NAMESPACE, name.as_bytes())
}

/// SHA-256 and length of everything in `input`, read in pieces of 64 KiB.
///
/// # Errors
/// What the input answers.
pub fn digest(mut input: impl Read) -> io::Result<([u8; 32], u64)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut length = 0;
    loop {
        let read = match input.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finalize().into(), length)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(buffer.get(..read).unwrap_or_default());
        length += u64::try_from(read).unwrap_or(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_line_of_the_same_file_has_the_same_id_for_ever() {
        let (digest, length) = digest(b"hello".as_slice()).unwrap();
        assert_eq!(length, 5);
        // Fixed on purpose: a change of this value gives every published file new ids.
        assert_eq!(
            line_id(&digest, 7).to_string(),
            "f710a60e-75b6-5af1-aabb-445db55e3922"
        );
    }

    #[test]
    fn other_lines_and_other_files_have_other_ids() {
        let (a, b) = ([1; 32], [2; 32]);
        assert_ne!(line_id(&a, 1), line_id(&a, 2));
        assert_ne!(line_id(&a, 1), line_id(&b, 1));
    }
}
