//! What a reader makes of one line or CSV row.

/// Why a line cannot be published. It will never be different for the same line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// Longer than the largest message allowed.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The limit, bytes.
        limit: usize,
    },
    /// Bytes that are no UTF-8, such as Latin-1 text.
    #[error("not UTF-8: byte 0x{byte:02x} at column {column}")]
    NotUtf8 {
        /// The first wrong byte.
        byte: u8,
        /// Where it stands in the line, counted in bytes from 1.
        column: usize,
    },
    /// A CSV row with more or fewer fields than the header.
    #[error("{found} fields where the header has {expected}")]
    FieldCount {
        /// Fields of the row.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// A CSV field was opened with a quote and never closed.
    #[error("a quoted field is never closed; it takes in everything up to line {last}")]
    OpenQuote {
        /// The last line of the input.
        last: u64,
    },
    /// No event can be read from it.
    #[error("{message}")]
    NoEvent {
        /// Reason code of the codec.
        code: &'static str,
        /// What the codec says.
        message: String,
    },
}

impl BadLine {
    /// Stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "line-too-long",
            Self::NotUtf8 { .. } => "body-not-utf8",
            Self::FieldCount { .. } => "csv-field-count",
            Self::OpenQuote { .. } => "csv-open-quote",
            Self::NoEvent { code, .. } => code,
        }
    }
}

#[cfg(feature = "cli")]
/// The text of `bytes`.
///
/// # Errors
/// [`BadLine::NotUtf8`] with the place of the first wrong byte.
pub(super) fn text(bytes: &[u8]) -> Result<&str, BadLine> {
    std::str::from_utf8(bytes).map_err(|error| BadLine::NotUtf8 {
        byte: bytes.get(error.valid_up_to()).copied().unwrap_or_default(),
        column: error.valid_up_to() + 1,
    })
}

#[cfg(feature = "cli")]
/// One line or CSV row that is not empty: the body of an event, or why it is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Line it starts on, counted from 1.
    pub(super) line: u64,
    /// Bytes of the input read up to its end.
    pub(super) offset: u64,
    /// JSON text, or the problem.
    pub(super) body: Result<Vec<u8>, BadLine>,
}
