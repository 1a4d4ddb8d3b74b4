//! `run-worker` with one more processor: the same flags, configuration, health and exit codes.

use fanout::worker::Worker;
use fanout_example_stock::Stock;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    Worker::new("stock-worker")
        .processor("stock", |_| Ok(Arc::new(Stock::default())))
        .main()
}
