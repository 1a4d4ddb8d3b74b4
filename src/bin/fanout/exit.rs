//! Exit codes and errors as the user sees them: what is wrong, and what to do next.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Findings = 1,
    Usage = 2,
    Configuration = 3,
    StartUp = 4,
    RunTime = 5,
    DrainDeadline = 6,
    Aborted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended early.
#[derive(Debug)]
pub(crate) struct CommandError {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl CommandError {
    pub(crate) fn new(exit: Exit, message: impl Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
            hint: None,
        }
    }

    /// Adds the next step.
    pub(crate) fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// What is wrong, without the next step.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What is wrong and the next step, on one line.
    pub(crate) fn line(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}: {hint}", self.message),
            None => self.message.clone(),
        }
    }

    /// Tells the user on standard error; silent where there is nothing to tell.
    pub(crate) fn report(&self) -> Exit {
        if self.exit != Exit::Done {
            complain(&format!("error: {}", self.message));
            if let Some(hint) = &self.hint {
                complain(&format!("hint: {hint}"));
            }
        }
        self.exit
    }
}

/// Standard output could not be written. A reader that has seen enough (`fanout … | head`)
/// is no error.
impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        let exit = match error.kind() {
            io::ErrorKind::BrokenPipe => Exit::Done,
            _ => Exit::RunTime,
        };
        Self::new(exit, format!("cannot write the output: {error}"))
    }
}

/// Writes a line to standard error; where that is closed nobody can be told.
pub(crate) fn complain(line: &str) {
    use io::Write;
    let _ = writeln!(io::stderr().lock(), "{line}");
}
