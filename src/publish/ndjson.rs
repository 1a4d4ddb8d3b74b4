//! One JSON text a line (ndjson, JSON Lines).

use std::io::{self, BufRead};

use super::lines::{Line, LineReader};
use super::record::{BadLine, Record, text};

/// The next line that is not empty; `None` at the end of the input.
///
/// # Errors
/// What the input answers.
pub(super) fn next_record<R: BufRead>(
    lines: &mut LineReader<R>,
    limit: usize,
) -> io::Result<Option<Record>> {
    loop {
        let body = match lines.next_line()? {
            None => return Ok(None),
            Some(Line::TooLong) => Err(BadLine::TooLong { limit }),
            Some(Line::Whole(bytes)) => text(bytes).map(|t| t.trim().as_bytes().to_vec()),
        };
        if !matches!(&body, Ok(bytes) if bytes.is_empty()) {
            return Ok(Some(Record {
                line: lines.number(),
                offset: lines.offset(),
                body,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lines_are_skipped_and_counted() {
        let mut lines = LineReader::new(b"\n  \r\n{\"a\":1} \n".as_slice(), 100, false);
        let record = next_record(&mut lines, 100).unwrap().unwrap();
        assert_eq!((record.line, record.offset), (3, 14));
        assert_eq!(record.body, Ok(b"{\"a\":1}".to_vec()));
        assert_eq!(next_record(&mut lines, 100).unwrap(), None);
    }

    #[test]
    fn a_latin_1_line_is_reported_with_its_first_wrong_byte() {
        let mut lines = LineReader::new(b"{\"brand\":\"caf\xe9\"}\n{}".as_slice(), 100, false);
        let record = next_record(&mut lines, 100).unwrap().unwrap();
        let problem = record.body.unwrap_err();
        assert_eq!(problem.to_string(), "not UTF-8: byte 0xe9 at column 14");
        assert_eq!(next_record(&mut lines, 100).unwrap().unwrap().line, 2);
    }
}
