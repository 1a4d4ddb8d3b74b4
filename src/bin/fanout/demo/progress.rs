//! Three bars on a terminal: what is published, what is in the graph, what is in the vectors.

use std::time::Duration;

use fanout::broker::local::LocalServer;
use fanout::topology::names;
use fanout::worker::{Direct, DirectQueue};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::GRAPH;
use super::pipeline::RETRY_DELAYS;

/// Between two pictures.
const EVERY: Duration = Duration::from_millis(100);
const TEMPLATE: &str = "{prefix:<10} {bar:24} {pos:>7}/{len} {per_sec:>14}  {msg}";

/// indicatif hides itself where standard error is no terminal.
pub(super) struct Progress {
    published: ProgressBar,
    graph: ProgressBar,
    vectors: ProgressBar,
}

impl Progress {
    /// Bars over so many messages; none with `quiet`.
    pub(super) fn new(total: usize, quiet: bool) -> Self {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bars = MultiProgress::with_draw_target(target);
        let bar = |name: &'static str| {
            let bar = bars.add(ProgressBar::new(total as u64)).with_prefix(name);
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                bar.set_style(style);
            }
            bar
        };
        Self {
            published: bar("published"),
            graph: bar("graph"),
            vectors: bar("vectors"),
        }
    }

    pub(super) fn published(&self, messages: usize) {
        self.published.inc(messages as u64);
    }

    /// Shows where both queues are, until it is dropped.
    pub(super) async fn watch(&self, broker: &LocalServer, direct: &Direct) {
        loop {
            for queue in direct.queues() {
                let bar = match queue.key() {
                    GRAPH => &self.graph,
                    _ => &self.vectors,
                };
                show(bar, broker, queue);
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    pub(super) fn finish(&self) {
        for bar in [&self.published, &self.graph, &self.vectors] {
            bar.finish_and_clear();
        }
    }
}

fn show(bar: &ProgressBar, broker: &LocalServer, at_work: &DirectQueue) {
    let now = at_work.monitor().snapshot();
    let counts = now.counts;
    bar.set_position(counts.applied + counts.skipped + counts.dead_lettered);
    let queue = at_work.name();
    let waiting = broker.count(queue).unwrap_or(0);
    let stages = RETRY_DELAYS.map(|delay| names::retry(queue, delay));
    let retrying: usize = stages.iter().filter_map(|name| broker.count(name)).sum();
    bar.set_message(format!(
        "waiting {waiting}, in retry stages {retrying}, dead {}, breaker {}",
        counts.dead_lettered, now.breaker
    ));
}
