//! CSV with a header (RFC 4180): every row becomes a JSON object, the header names its fields.
//!
//! A cell that is a plain number is a JSON number, any other cell is text, an empty one is
//! absent. Rows are put together from bounded lines, so that a quote that is never closed
//! costs a bounded amount of memory.

use serde_json::{Map, Value};
use std::io::{self, BufRead};

use super::cells::{Cells, Row};
use super::lines::{Line, LineReader};
use super::record::{BadLine, Record, text};

/// Reads rows of one input.
#[derive(Debug)]
pub(super) struct CsvReader {
    limit: usize,
    header: Vec<String>,
    cells: Cells,
}

/// Why the header cannot be used; nothing of the input can be published then.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The first line cannot be read as a row.
    #[error("the CSV header cannot be read: {0}")]
    Unreadable(BadLine),
    /// One column, and what other programs put between cells in its name.
    #[error("the CSV header is one column with {found} in it; cells are separated by commas")]
    Separator {
        /// What stands there, for people.
        found: &'static str,
    },
    /// A column without a name.
    #[error("column {column} of the CSV header has no name")]
    Unnamed {
        /// Counted from 1.
        column: usize,
    },
    /// Two columns of one name.
    #[error("the CSV header has the column '{name}' twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// The input cannot be read.
    #[error(transparent)]
    Input(#[from] io::Error),
}

impl CsvReader {
    /// Reads the header, the first line that is not empty. `None` where the input is empty.
    ///
    /// # Errors
    /// A header that names no fields, or the input's own error.
    pub(super) fn open<R: BufRead>(
        lines: &mut LineReader<R>,
        limit: usize,
    ) -> Result<Option<Self>, HeaderError> {
        let mut reader = Self {
            limit,
            header: Vec::new(),
            cells: Cells::default(),
        };
        let Some((_, row)) = reader.next_row(lines)? else {
            return Ok(None);
        };
        let row = row.map_err(HeaderError::Unreadable)?;
        for (index, cell) in row.iter().enumerate() {
            let name = text(cell).map_err(HeaderError::Unreadable)?.trim();
            if name.is_empty() {
                return Err(HeaderError::Unnamed { column: index + 1 });
            }
            if reader.header.iter().any(|other| other == name) {
                return Err(HeaderError::Twice {
                    name: name.to_owned(),
                });
            }
            reader.header.push(name.to_owned());
        }
        match reader.header.as_slice() {
            [only] => separator(only).map_or(Ok(Some(reader)), |found| {
                Err(HeaderError::Separator { found })
            }),
            _ => Ok(Some(reader)),
        }
    }

    /// The next row as a JSON object; `None` at the end of the input.
    ///
    /// # Errors
    /// What the input answers.
    pub(super) fn next_record<R: BufRead>(
        &mut self,
        lines: &mut LineReader<R>,
    ) -> io::Result<Option<Record>> {
        let Some((line, row)) = self.next_row(lines)? else {
            return Ok(None);
        };
        Ok(Some(Record {
            line,
            offset: lines.offset(),
            body: row.and_then(|row| self.object(&row)),
        }))
    }

    /// Puts a row together from as many lines as its quoted fields span.
    fn next_row<R: BufRead>(
        &mut self,
        lines: &mut LineReader<R>,
    ) -> io::Result<Option<(u64, Result<Row, BadLine>)>> {
        self.cells.reset();
        let (mut start, mut length) = (None, 0);
        let too_long = BadLine::TooLong { limit: self.limit };
        while let Some(line) = lines.next_line()? {
            let done = match line {
                Line::Whole(bytes) if start.is_none() && bytes.trim_ascii().is_empty() => continue,
                Line::Whole(bytes) if length + bytes.len() <= self.limit => {
                    length += bytes.len() + 1;
                    Some(self.cells.feed(bytes))
                }
                Line::Whole(_) | Line::TooLong => None,
            };
            let first = *start.get_or_insert(lines.number());
            match done {
                None => return Ok(Some((first, Err(too_long)))),
                Some(true) => return Ok(Some((first, Ok(self.cells.take())))),
                Some(false) => {}
            }
        }
        let last = lines.number();
        Ok(start.map(|first| (first, Err(BadLine::OpenQuote { last }))))
    }

    fn object(&self, row: &Row) -> Result<Vec<u8>, BadLine> {
        if row.len() != self.header.len() {
            return Err(BadLine::FieldCount {
                found: row.len(),
                expected: self.header.len(),
            });
        }
        let mut object = Map::new();
        for (name, cell) in self.header.iter().zip(row.iter()) {
            let cell = text(cell)?;
            if !cell.is_empty() {
                object.insert(name.clone(), value(cell));
            }
        }
        let mut object = Value::Object(object);
        // the same bytes from every build, whether or not serde_json keeps the order of keys
        object.sort_all_objects();
        Ok(object.to_string().into_bytes())
    }
}

/// What separates the cells of a header that is no comma, as spreadsheets write it.
fn separator(header: &str) -> Option<&'static str> {
    let known = [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")];
    let found = known.into_iter().find(|(mark, _)| header.contains(*mark));
    found.map(|(_, name)| name)
}

/// A plain decimal number without leading zeros or exponent that is kept exactly (a whole
/// number of 64 bits, up to 15 digits with a point) is a number. All else is text: an
/// identifier such as `0042`, `1e5` or twenty digits must not change.
fn value(cell: &str) -> Value {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, fraction) = digits
        .split_once('.')
        .map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let padded = whole.len() > 1 && whole.starts_with('0');
    let number = match fraction {
        _ if padded || !plain(whole) => None,
        None => cell.parse::<i64>().ok().map(Value::from),
        Some(part) if plain(part) && whole.len() + part.len() <= 15 => {
            cell.parse::<f64>().ok().map(Value::from)
        }
        Some(_) => None,
    };
    number.unwrap_or_else(|| Value::from(cell))
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
