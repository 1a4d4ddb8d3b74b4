//! Splits lines into CSV cells; the parsing itself is `csv-core`'s.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

/// The cells of one row.
#[derive(Debug, Default)]
pub(super) struct Row {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Row {
    /// Number of cells.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cells in order, quotes removed.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(self.ends.iter().copied())
            .map(|(start, end)| self.bytes.get(start..end).unwrap_or_default())
    }
}

/// Collects lines until they make a row.
#[derive(Debug)]
pub(super) struct Cells {
    parser: Reader,
    bytes: Vec<u8>,
    used: usize,
    ends: Vec<usize>,
    count: usize,
}

impl Default for Cells {
    fn default() -> Self {
        Self {
            // A lone `\r` is data: line ends were taken off before.
            parser: ReaderBuilder::new()
                .terminator(Terminator::Any(b'\n'))
                .build(),
            bytes: vec![0; 1024],
            used: 0,
            ends: vec![0; 32],
            count: 0,
        }
    }
}

impl Cells {
    /// Forgets an unfinished row.
    pub(super) fn reset(&mut self) {
        self.parser.reset();
        self.used = 0;
        self.count = 0;
    }

    /// Takes a line without its end; `true` when the row is complete.
    pub(super) fn feed(&mut self, line: &[u8]) -> bool {
        self.read(line) || self.read(b"\n")
    }

    /// The row just completed.
    pub(super) fn take(&mut self) -> Row {
        let row = Row {
            bytes: self.bytes.get(..self.used).unwrap_or_default().to_vec(),
            ends: self.ends.get(..self.count).unwrap_or_default().to_vec(),
        };
        self.reset();
        row
    }

    fn read(&mut self, mut input: &[u8]) -> bool {
        while !input.is_empty() {
            let output = self.bytes.get_mut(self.used..).unwrap_or_default();
            let ends = self.ends.get_mut(self.count..).unwrap_or_default();
            let (result, read, written, ended) = self.parser.read_record(input, output, ends);
            input = input.get(read..).unwrap_or_default();
            self.used += written;
            self.count += ended;
            match result {
                ReadRecordResult::Record => return true,
                ReadRecordResult::OutputFull => self.bytes.resize(self.bytes.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
            }
        }
        false
    }
}
