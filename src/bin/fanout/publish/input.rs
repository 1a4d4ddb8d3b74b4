//! Opens what is to be published.

use clap::ValueEnum;
use fanout::publish::{Format, IdSource, digest};
use flate2::read::MultiGzDecoder;
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
    let path = file.filter(|path| *path != Path::new("-"));
    let packed = path.is_some_and(|path| extension(path) == "gz");
    let inner = match path {
        Some(path) if packed => extension(&path.with_extension("")),
        Some(path) => extension(path),
        None => String::new(),
    };
    if let ("zst" | "bz2" | "xz", None) = (inner.as_str(), format) {
        return Err(
            usage(format!("a .{inner} file must be unpacked first")).hint(format!(
                "for example: zstdcat FILE.{inner} | fanout publish - --format csv"
            )),
        );
    }
    let format = match (format, inner.as_str()) {
        (Some(FormatArg::Csv), _) | (None, "csv") => Format::Csv,
        _ => Format::Ndjson,
    };
    match path {
        Some(path) => open_file(path, format, packed),
        None if file.is_none() && io::stdin().is_terminal() => {
            Err(usage("no FILE is given and standard input is a terminal")
                .hint("fanout publish FILE, or a pipe into fanout publish"))
        }
        None => Ok(stream(io::stdin(), format)),
    }
}

/// In lower case; empty where there is none.
fn extension(path: &Path) -> String {
    let extension = path.extension().and_then(|e| e.to_str());
    extension.unwrap_or_default().to_lowercase()
}

fn open_file(path: &Path, format: Format, packed: bool) -> Result<Input, CommandError> {
    let unreadable = |error: io::Error| usage(format!("cannot read '{}': {error}", path.display()));
    let mut file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(usage(format!("'{}' is a directory", path.display())));
    }
    let unpack = |file: File| MultiGzDecoder::new(BufReader::with_capacity(BUFFER, file));
    if !metadata.is_file() {
        return Ok(match packed {
            true => stream(unpack(file), format),
            false => stream(file, format),
        });
    }
    let (digest, length) = match packed {
        true => digest(unpack(file.try_clone().map_err(unreadable)?)),
        false => digest(&mut file),
    }
    .map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    // What is appended meanwhile is not in the digest: it belongs to the next run.
    let content: Box<dyn Read + Send> = match packed {
        true => Box::new(unpack(file).take(length)),
        false => Box::new(file.take(length)),
    };
    Ok(Input {
        reader: Box::new(BufReader::with_capacity(BUFFER, content)),
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
