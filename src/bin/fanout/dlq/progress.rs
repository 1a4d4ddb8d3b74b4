//! A bar over the dead letters that are read, on terminals only.

use std::time::Duration;

use fanout::operate::dlq::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {pos}/{len} read{msg}, {eta} left")
        {
            bar.set_style(style);
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self(bar)
    }
}

impl Progress for Bar {
    fn at(&mut self, looked_at: u64, ready: u64, done: u64) {
        if self.0.is_hidden() {
            return;
        }
        self.0.set_length(ready);
        self.0.set_position(looked_at);
        if done > 0 {
            self.0.set_message(format!(", {done} done"));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
