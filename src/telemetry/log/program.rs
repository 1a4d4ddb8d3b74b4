//! The programs: signals, modes, and how they end.

use std::fmt::Display;
use std::path::Path;

super::records! { "fanout::program";
    /// The first signal.
    pub fn draining() INFO "draining; a second signal aborts" {}

    /// The second signal.
    pub(crate) fn aborting() WARN "aborting" {}

    /// A worker ends before its time.
    pub(crate) fn worker_failed(exit_code: u8, error: &dyn Display)
        ERROR "worker failed" { exit_code = exit_code, error = display(error) }

    /// The processor of a queue is in another program, or its settings cannot work.
    pub fn store_cannot_be_asked(queue: &str, error: &dyn Display)
        INFO "the store of this queue cannot be asked" { queue = queue, error = display(error) }

    /// A gateway holds payloads to schemas.
    pub fn schemas_read(dir: &Path, kinds: &str)
        INFO "payloads are held to schemas" { dir = display(dir.display()), kinds = kinds }

    /// Direct mode.
    pub fn projects_alone(dir: &Path, waiting: usize)
        INFO "events are projected in this process, without RabbitMQ" {
            dir = display(dir.display()),
            waiting = waiting,
        }

    /// Parallel mode.
    pub fn projects_as_well(dir: &Path, waiting: usize)
        INFO "events are projected in this process, and go to RabbitMQ as well" {
            dir = display(dir.display()),
            waiting = waiting,
        }

    /// What a time without RabbitMQ has left over is projected beside.
    pub fn projects_leftover(dir: &Path, waiting: usize)
        INFO "what direct mode has left over is projected in this process" {
            dir = display(dir.display()),
            waiting = waiting,
        }

    /// What a time without RabbitMQ may have left over stays where it is.
    pub fn leftover_stays(dir: &Path, error: &dyn Display)
        WARN "what direct mode may have left over is not projected" {
            dir = display(dir.display()),
            error = display(error),
        }
}
