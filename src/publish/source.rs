//! Reads an input on a thread of its own and hands out messages, no more than fit a budget
//! of bytes.

use std::io::{self, BufRead};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::csv::{CsvReader, HeaderError};
use super::ids::{IdSource, line_id};
use super::lines::LineReader;
use super::ndjson;
use super::record::{BadLine, Record};
use super::stamp::Stamper;
use crate::broker::Message;

/// Bytes of bodies between the reader and their confirms. Holds a window of 500 messages of
/// 128 KiB; a single larger message still passes.
const BUDGET: u32 = 64 << 20;

/// Records handed over ahead of the sender: enough to keep it busy, small beside the budget.
const AHEAD: usize = 1024;

/// Form of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON text a line.
    Ndjson,
    /// Rows under a header.
    Csv,
}

/// How an input is read.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// Its form.
    pub format: Format,
    /// Longest line or row, bytes.
    pub limit: usize,
    /// What ids are made of where a line has none.
    pub ids: IdSource,
    /// Lines before this one are read and passed over. The first is 1.
    pub from_line: u64,
}

/// A line on its way to the broker.
#[derive(Debug)]
pub struct Item {
    pub(super) line: u64,
    pub(super) offset: u64,
    pub(super) message: Result<Message, BadLine>,
    /// Its share of the budget, given back when it is dropped.
    pub(super) budget: Option<OwnedSemaphorePermit>,
}

/// How reading ended. Never resolves while the input blocks.
pub type ReadEnd = oneshot::Receiver<Result<(), HeaderError>>;

/// Starts the thread. It ends with the input, at an error, or when the items are dropped.
///
/// # Errors
/// No thread can be started.
pub fn read(
    input: Box<dyn BufRead + Send>,
    options: ReadOptions,
    stamper: Stamper,
) -> io::Result<(mpsc::Receiver<Item>, ReadEnd)> {
    let (items, receiver) = mpsc::channel(AHEAD);
    let (done, end) = oneshot::channel();
    let budget = Arc::new(Semaphore::new(BUDGET.try_into().unwrap_or(usize::MAX)));
    std::thread::Builder::new()
        .name("read-input".to_owned())
        .spawn(move || {
            let result = Reader {
                options,
                stamper,
                items,
                budget,
            }
            .run(input);
            // Nobody listens where the run was stopped.
            let _ = done.send(result);
        })?;
    Ok((receiver, end))
}

struct Reader {
    options: ReadOptions,
    stamper: Stamper,
    items: mpsc::Sender<Item>,
    budget: Arc<Semaphore>,
}

impl Reader {
    fn run(self, input: Box<dyn BufRead + Send>) -> Result<(), HeaderError> {
        let running = self.options.ids == IdSource::Stream;
        let mut lines = LineReader::new(input, self.options.limit, running);
        let mut csv = match self.options.format {
            Format::Ndjson => None,
            Format::Csv => match CsvReader::open(&mut lines, self.options.limit)? {
                Some(reader) => Some(reader),
                None => return Ok(()),
            },
        };
        loop {
            let record = match &mut csv {
                Some(reader) => reader.next_record(&mut lines)?,
                None => ndjson::next_record(&mut lines, self.options.limit)?,
            };
            let Some(record) = record else { return Ok(()) };
            if record.line < self.options.from_line {
                continue;
            }
            let digest = match self.options.ids {
                IdSource::File(digest) => digest,
                IdSource::Stream => lines.digest().unwrap_or_default(),
            };
            let item = self.item(record, &digest);
            if self.items.blocking_send(item).is_err() {
                return Ok(());
            }
        }
    }

    fn item(&self, record: Record, digest: &[u8; 32]) -> Item {
        let Record { line, offset, body } = record;
        let message = body.and_then(|body| self.stamper.stamp(body, line_id(digest, line)));
        let bytes = message.as_ref().map_or(0, |message| message.body.len());
        let share = u32::try_from(bytes).unwrap_or(BUDGET).min(BUDGET);
        let acquire = Arc::clone(&self.budget).acquire_many_owned(share);
        Item {
            line,
            offset,
            message,
            budget: futures::executor::block_on(acquire).ok(),
        }
    }
}
