//! Opens what is to be published.

use clap::ValueEnum;
use fanout::publish::{Format, IdSource, digest};
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Seek};
use std::path::Path;

use crate::exit::{CommandError, Exit};

/// Large reads: files are read front to back.
const BUFFER: usize = 256 * 1024;

/// Form of the input, as a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// One JSON event a line
    Ndjson,
    /// Rows under a header
    Csv,
}

/// An open input.
pub(crate) struct Input {
    pub(crate) reader: Box<dyn BufRead + Send>,
    pub(crate) format: Format,
    pub(crate) ids: IdSource,
    /// Bytes, where they are known.
    pub(crate) length: Option<u64>,
}

/// Opens the file, or standard input where it is `-` or missing.
pub(crate) fn open(file: Option<&Path>, format: Option<FormatArg>) -> Result<Input, CommandError> {
    let extension = file.and_then(Path::extension).and_then(|e| e.to_str());
    if let (Some(packed @ ("gz" | "zst" | "bz2" | "xz")), None) = (extension, format) {
        return Err(
            usage(format!("a .{packed} file must be unpacked first")).hint(format!(
                "for example: gunzip -c FILE.{packed} | fanout publish - --format csv"
            )),
        );
    }
    let format = match (format, extension) {
        (Some(FormatArg::Csv), _) | (None, Some("csv" | "CSV")) => Format::Csv,
        _ => Format::Ndjson,
    };
    match file {
        Some(path) if path != Path::new("-") => open_file(path, format),
        None if io::stdin().is_terminal() => {
            Err(usage("no FILE is given and standard input is a terminal")
                .hint("fanout publish FILE, or a pipe into fanout publish"))
        }
        _ => Ok(stream(io::stdin(), format)),
    }
}

fn open_file(path: &Path, format: Format) -> Result<Input, CommandError> {
    let unreadable = |error: io::Error| usage(format!("cannot read '{}': {error}", path.display()));
    let mut file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(usage(format!("'{}' is a directory", path.display())));
    }
    if !metadata.is_file() {
        return Ok(stream(file, format));
    }
    let (digest, length) = digest(&mut file).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    // What is appended meanwhile is not in the digest: it belongs to the next run.
    Ok(Input {
        reader: Box::new(BufReader::with_capacity(BUFFER, file.take(length))),
        format,
        ids: IdSource::File(digest),
        length: Some(length),
    })
}

fn stream(input: impl Read + Send + 'static, format: Format) -> Input {
    Input {
        reader: Box::new(BufReader::with_capacity(BUFFER, input)),
        format,
        ids: IdSource::Stream,
        length: None,
    }
}

fn usage(message: impl std::fmt::Display) -> CommandError {
    CommandError::new(Exit::Usage, message)
}
