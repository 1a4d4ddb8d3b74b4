//! The worker: takes the events of one queue through the processor of its projection.

#[path = "../registry/mod.rs"]
mod registry;

use std::process::ExitCode;

use fanout::worker::Worker;

fn main() -> ExitCode {
    registry::processors(Worker::new("run-worker")).main()
}
