//! Does what the view asks of the workbench, one after the other, beside the view.

use std::time::Duration;

use fanout::config::Config;
use fanout::operate::dlq::{Canary, DlqError, Filter, Progress, ReplayPlan, Workbench};
use fanout::operate::whereabouts::Stores;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{Answer, Came, Task};
use crate::dlq;

/// Tasks begun while another still gives back what it has read; answers not drawn yet.
const BUFFERED: usize = 16;
/// Between two words about how far it is.
const TELL_EVERY: Duration = Duration::from_millis(100);

pub(in super::super) struct Desk {
    tasks: mpsc::Sender<(Task, CancellationToken)>,
    answers: mpsc::Receiver<Answer>,
    stop: CancellationToken,
    _works: AbortOnDropHandle<()>,
}

impl Desk {
    /// Over the dead letters of a configuration. The stores say what is applied already.
    pub(in super::super) fn new(bench: Workbench, stores: Stores, config: &Config) -> Self {
        let (tasks, asked) = mpsc::channel(BUFFERED);
        let (told, answers) = mpsc::channel(BUFFERED);
        let works = Works {
            bench,
            stores,
            redact: config.dlq.redact.clone(),
            told,
        };
        Self {
            tasks,
            answers,
            stop: CancellationToken::new(),
            _works: AbortOnDropHandle::new(tokio::spawn(works.run(asked))),
        }
    }

    /// Puts a task behind those that are not done yet.
    pub(in super::super) fn begin(&mut self, task: Task) {
        self.stop = CancellationToken::new();
        // The view has one task under way, and few that still give back.
        let _ = self.tasks.try_send((task, self.stop.clone()));
    }

    /// Ends a count or a replay after what is on its way.
    pub(in super::super) fn stop(&self) {
        self.stop.cancel();
    }

    /// The next answer; pending where nothing is asked.
    pub(in super::super) async fn answer(&mut self) -> Answer {
        match self.answers.recv().await {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

struct Works {
    bench: Workbench,
    stores: Stores,
    redact: Vec<String>,
    told: mpsc::Sender<Answer>,
}

impl Works {
    async fn run(self, mut asked: mpsc::Receiver<(Task, CancellationToken)>) {
        while let Some((task, stop)) = asked.recv().await {
            // A store that was away is asked again.
            let bench = self.bench.clone().with_stores(self.stores.clone());
            if let Err(error) = self.answer(&bench, task, &stop).await {
                self.came(Came::Failed(dlq::failed(error).line())).await;
            }
            self.tell(Answer::Done).await;
        }
    }

    async fn answer(
        &self,
        bench: &Workbench,
        task: Task,
        stop: &CancellationToken,
    ) -> Result<(), DlqError> {
        let progress = &mut Telling::new(&self.told);
        match task {
            Task::Read => {
                let groups = bench.group(&Filter::default(), progress).await?;
                self.came(Came::Read(groups)).await;
            }
            Task::Show(id) => {
                let looked = bench.show(&id, progress).await?;
                let letter = &looked.found;
                let known = bench.applied_among(std::slice::from_ref(letter)).await;
                let known = known.first().copied().flatten();
                let detail = letter.detail(known, &self.redact);
                self.came(Came::Shown(dlq::shown(letter, &detail))).await;
                looked.give_back().await?;
            }
            Task::Count(group) => {
                let dry = ReplayPlan {
                    dry_run: true,
                    ..plan(group)
                };
                let would = bench.replay(&dry, stop, progress).await?;
                self.came(Came::Counted(would)).await;
            }
            Task::Replay { group, steps } => {
                let plan = ReplayPlan {
                    canary: steps.then(Canary::default),
                    ..plan(group)
                };
                let report = bench.replay(&plan, stop, progress).await?;
                self.came(Came::Replayed(report)).await;
            }
        }
        Ok(())
    }

    async fn came(&self, result: Came) {
        self.tell(Answer::Came(result)).await;
    }

    /// Nobody listens any more where the view has ended.
    async fn tell(&self, answer: Answer) {
        let _ = self.told.send(answer).await;
    }
}

fn plan(group: String) -> ReplayPlan {
    ReplayPlan {
        filter: Filter {
            group: vec![group],
            ..Filter::default()
        },
        ..ReplayPlan::default()
    }
}

/// Says now and then how far it is; a word too many is left out.
struct Telling<'a> {
    told: &'a mpsc::Sender<Answer>,
    last: Instant,
}

impl<'a> Telling<'a> {
    fn new(told: &'a mpsc::Sender<Answer>) -> Self {
        Self {
            told,
            last: Instant::now(),
        }
    }
}

impl Progress for Telling<'_> {
    fn at(&mut self, looked_at: u64, ready: u64, done: u64) {
        if self.last.elapsed() >= TELL_EVERY {
            self.last = Instant::now();
            let at = Answer::At {
                looked_at,
                ready,
                done,
            };
            let _ = self.told.try_send(at);
        }
    }
}
