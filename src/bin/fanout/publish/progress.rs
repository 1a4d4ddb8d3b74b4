//! The progress bar (on terminals only) and the lines that are refused meanwhile.

use fanout::publish::Notice;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

use crate::exit::complain;

/// Refused lines told one by one; the report counts them all.
const TOLD: u64 = 50;

pub(crate) struct Progress {
    bar: ProgressBar,
    told: u64,
}

impl Progress {
    /// A bar over `length` bytes, or a counter where that is unknown. indicatif hides itself
    /// where standard error is no terminal.
    pub(crate) fn new(length: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        let template = match length {
            Some(_) => "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
            None => "{spinner} {bytes} {bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bar, told: 0 }
    }

    pub(crate) fn notice(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::Settled { offset, .. } => self.bar.set_position(*offset),
            Notice::Refused { line, reason } => {
                self.told += 1;
                match self.told {
                    ..=TOLD => self.tell(&format!("line {line}: {reason}")),
                    count if count == TOLD + 1 => self.tell("… further lines are counted only"),
                    _ => {}
                }
            }
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn tell(&self, text: &str) {
        self.bar.suspend(|| complain(text));
    }
}
