//! Physical lines of any input, bounded: a line that is too long is skipped, never held.

use sha2::{Digest, Sha256};
use std::io::{self, BufRead, Read};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A line without its end (`\n` or `\r\n`).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// The bytes of the line.
    Whole(&'a [u8]),
    /// Longer than the limit; its bytes are gone.
    TooLong,
}

/// Reads lines, counts them from 1, and hashes what it reads.
pub(super) struct LineReader<R> {
    input: R,
    limit: usize,
    number: u64,
    offset: u64,
    digest: Option<Sha256>,
    buffer: Vec<u8>,
}

impl<R> std::fmt::Debug for LineReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineReader")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl<R: BufRead> LineReader<R> {
    /// Lines of `input` of at most `limit` bytes each. With `running_digest` it hashes what
    /// it reads, for [`LineReader::digest`].
    pub(super) fn new(input: R, limit: usize, running_digest: bool) -> Self {
        Self {
            input,
            limit,
            number: 0,
            offset: 0,
            digest: running_digest.then(Sha256::new),
            buffer: Vec::new(),
        }
    }

    /// Number of the line read last; 0 before the first.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Bytes read so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// SHA-256 of everything up to and including the line read last.
    pub(super) fn digest(&self) -> Option<[u8; 32]> {
        self.digest.clone().map(|digest| digest.finalize().into())
    }

    /// The next line, `None` at the end of the input.
    ///
    /// # Errors
    /// What the input answers.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        if self.fill()? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if !self.buffer.ends_with(b"\n") && self.buffer.len() > self.limit.saturating_add(2) {
            self.skip_rest()?;
            return Ok(Some(Line::TooLong));
        }
        let line = trim(&self.buffer, self.number == 1);
        if line.len() > self.limit {
            return Ok(Some(Line::TooLong));
        }
        Ok(Some(Line::Whole(line)))
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        while self.fill()? > 0 && !self.buffer.ends_with(b"\n") {}
        self.buffer.shrink_to(64 * 1024);
        Ok(())
    }

    /// Reads to the end of the line, or as far as it takes to know that it is too long:
    /// the limit, `\r\n` and one more.
    fn fill(&mut self) -> io::Result<usize> {
        self.buffer.clear();
        let most = u64::try_from(self.limit)
            .unwrap_or(u64::MAX)
            .saturating_add(3);
        let read = Read::take(&mut self.input, most).read_until(b'\n', &mut self.buffer)?;
        self.offset += u64::try_from(read).unwrap_or(u64::MAX);
        if let Some(digest) = &mut self.digest {
            digest.update(&self.buffer);
        }
        Ok(read)
    }
}

fn trim(line: &[u8], first: bool) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if first {
        line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line)
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8], limit: usize) -> Vec<Option<Vec<u8>>> {
        let mut reader = LineReader::new(input, limit, false);
        let mut all = Vec::new();
        while let Some(line) = reader.next_line().unwrap() {
            all.push(match line {
                Line::Whole(bytes) => Some(bytes.to_vec()),
                Line::TooLong => None,
            });
        }
        assert_eq!(reader.number(), u64::try_from(all.len()).unwrap());
        assert_eq!(reader.offset(), u64::try_from(input.len()).unwrap());
        all
    }

    #[test]
    fn unix_and_windows_line_ends_and_a_missing_last_one_are_the_same() {
        let expected = vec![Some(b"a".to_vec()), Some(b"".to_vec()), Some(b"b".to_vec())];
        assert_eq!(lines(b"a\n\nb\n", 10), expected);
        assert_eq!(lines(b"a\r\n\r\nb", 10), expected);
    }

    #[test]
    fn a_byte_order_mark_belongs_to_no_line() {
        assert_eq!(lines(b"\xEF\xBB\xBFa\n", 10), vec![Some(b"a".to_vec())]);
    }

    #[test]
    fn a_line_beyond_the_limit_is_skipped_and_its_successor_read() {
        for end in ["\n", "\r\n"] {
            for length in [6, 7, 8, 9, 100, 100_000] {
                let input = format!("12345{end}{}{end}ok{end}", "x".repeat(length));
                assert_eq!(
                    lines(input.as_bytes(), 5),
                    vec![Some(b"12345".to_vec()), None, Some(b"ok".to_vec())],
                    "length {length}, end {end:?}"
                );
            }
        }
    }

    #[test]
    fn a_huge_line_is_not_held_in_memory() {
        let mut input = vec![b'x'; 4 << 20];
        input.push(b'\n');
        let mut reader = LineReader::new(input.as_slice(), 1024, false);
        assert_eq!(reader.next_line().unwrap(), Some(Line::TooLong));
        assert!(reader.buffer.capacity() <= 64 * 1024);
    }

    #[test]
    fn the_running_digest_covers_every_byte_up_to_the_line_just_read() {
        let mut reader = LineReader::new(b"a\r\nb".as_slice(), 10, true);
        reader.next_line().unwrap();
        assert_eq!(reader.digest(), Some(Sha256::digest(b"a\r\n").into()));
        reader.next_line().unwrap();
        assert_eq!(reader.digest(), Some(Sha256::digest(b"a\r\nb").into()));
    }
}
