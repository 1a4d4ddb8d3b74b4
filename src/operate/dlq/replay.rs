//! Replay to the queue of origin, redirect to another, purge.

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::bench::{Progress, Workbench, run_id};
use super::canary::{Canary, CanaryStep, CanaryStop, Step};
use super::error::DlqError;
use super::filter::Filter;
use super::letter::DeadLetter;
use super::moving::{Fate, Mover, Pace, Pass};
use super::plan::ReplayPlan;
use super::report::{ReplayReport, Stop};
use super::walk::Walk;
use crate::recovery;

/// Why a dead letter that is meant stays.
const UNKNOWN_ORIGIN: &str = "unknown-origin";
const ALREADY_APPLIED: &str = "already-applied";
const CAME_BACK: &str = "came-back";

/// What one pass through the dead-letter queues does.
#[derive(Clone, Copy)]
struct Doing<'a> {
    run: &'a str,
    plan: &'a ReplayPlan,
    purge: bool,
}

impl Workbench {
    /// Publishes the chosen dead letters to their queues of origin and nowhere else, as first
    /// attempts, and takes them out of the dead-letter queue once that is confirmed. With
    /// [`ReplayPlan::to`] they go to that queue instead.
    ///
    /// Cancelled by `stop`, it ends after what is under way. Dropping the future or the process
    /// loses nothing: what was not acknowledged stays, what was already confirmed is there
    /// twice.
    ///
    /// # Errors
    /// Nothing was begun: nothing is selected, the queue is none of ours, the audit log cannot
    /// be written, the broker cannot be asked. What happens later stands in the report.
    pub async fn replay(
        &self,
        plan: &ReplayPlan,
        stop: &CancellationToken,
        progress: &mut dyn Progress,
    ) -> Result<ReplayReport, DlqError> {
        self.check(plan)?;
        let action = if plan.to.is_some() {
            "redirect"
        } else {
            "replay"
        };
        let run = run_id();
        let doing = Doing {
            run: &run,
            plan,
            purge: false,
        };
        self.audited(action, doing, stop, progress).await
    }

    /// Takes the chosen dead letters out of their queue for ever. Of the plan, `rate`, `to`,
    /// `force` and `canary` mean nothing here.
    ///
    /// # Errors
    /// As for [`Workbench::replay`].
    pub async fn purge(
        &self,
        plan: &ReplayPlan,
        stop: &CancellationToken,
        progress: &mut dyn Progress,
    ) -> Result<ReplayReport, DlqError> {
        let plan = ReplayPlan {
            to: None,
            canary: None,
            rate: None,
            ..plan.clone()
        };
        self.check(&plan)?;
        let run = run_id();
        let doing = Doing {
            run: &run,
            plan: &plan,
            purge: true,
        };
        self.audited("purge", doing, stop, progress).await
    }

    fn check(&self, plan: &ReplayPlan) -> Result<(), DlqError> {
        if plan.filter.is_empty() && !plan.all {
            return Err(DlqError::NothingSelected);
        }
        match &plan.to {
            Some(queue) if !self.takes_events(queue) => Err(DlqError::NoSuchQueue(queue.clone())),
            _ => Ok(()),
        }
    }

    /// Whether it is the main queue of a projection.
    pub(super) fn takes_events(&self, queue: &str) -> bool {
        let mut queues = self.config.queues.values();
        queues.any(|known| known.name == queue)
    }

    async fn audited(
        &self,
        action: &str,
        doing: Doing<'_>,
        stop: &CancellationToken,
        progress: &mut dyn Progress,
    ) -> Result<ReplayReport, DlqError> {
        let (run, what) = (doing.run, what(doing.plan, &self.queues));
        if !doing.plan.dry_run {
            self.audit.begin(run, action, what.clone()).await?;
        }
        let done = self.stepwise(doing, stop, progress).await;
        if !doing.plan.dry_run {
            let end = match &done {
                Ok(report) => (report.done, report.result()),
                Err(error) => (0, format!("failed: {error}")),
            };
            self.audit.end(run, action, what, end).await?;
        }
        done
    }

    async fn stepwise(
        &self,
        doing: Doing<'_>,
        stop: &CancellationToken,
        progress: &mut dyn Progress,
    ) -> Result<ReplayReport, DlqError> {
        let mut report = ReplayReport {
            run: doing.run.to_owned(),
            dry_run: doing.plan.dry_run,
            ..ReplayReport::default()
        };
        let mut pace = Pace::new(doing.plan.rate);
        let mut left = doing.plan.limit.unwrap_or(u64::MAX);
        if let Some(canary) = doing.plan.canary.as_ref().filter(|_| !doing.plan.dry_run) {
            for size in &canary.steps {
                let (ready, before) = (self.ready().await?, report.done);
                let size = (*size).min(left);
                self.pass(doing, size, stop, progress, &mut pace, &mut report)
                    .await?;
                let replayed = report.done - before;
                left -= replayed.min(left);
                if replayed < size || report.stopped.is_some() || left == 0 {
                    return Ok(report);
                }
                self.look_back(canary, (ready, replayed), stop, &mut report)
                    .await?;
                if report.stopped.is_some() {
                    return Ok(report);
                }
            }
        }
        self.pass(doing, left, stop, progress, &mut pace, &mut report)
            .await?;
        Ok(report)
    }

    /// Whether the next step may be taken; says no in the report.
    async fn look_back(
        &self,
        canary: &Canary,
        (ready, replayed): (u64, u64),
        stop: &CancellationToken,
        report: &mut ReplayReport,
    ) -> Result<(), DlqError> {
        let queues: Vec<_> = report.by.iter().map(|row| row.queue.clone()).collect();
        let step = Step {
            run: &report.run,
            queues: &queues,
        };
        let holder = self.settled(canary, &step, stop).await?;
        // Nothing has come in where no more is there than was left.
        let came_back = match self.ready().await? {
            now if now <= ready.saturating_sub(replayed) => 0,
            _ => self.came_back(&report.run).await?,
        };
        report.steps.push(CanaryStep {
            replayed,
            came_back,
            settled: holder.is_none(),
        });
        let stopped = match (came_back, holder) {
            (1.., _) => Some(CanaryStop::CameBack(came_back)),
            (_, Some(queue)) => Some(CanaryStop::NotSettled(queue)),
            _ => None,
        };
        report.stopped = match stopped {
            _ if stop.is_cancelled() => Some(Stop::Asked),
            other => other.map(|why| Stop::Canary(why.to_string())),
        };
        Ok(())
    }

    async fn ready(&self) -> Result<u64, DlqError> {
        let mut ready = 0;
        for dlq in &self.queues {
            ready += self.ready_in(dlq).await?;
        }
        Ok(ready)
    }

    async fn pass(
        &self,
        doing: Doing<'_>,
        limit: u64,
        stop: &CancellationToken,
        progress: &mut dyn Progress,
        pace: &mut Pace,
        report: &mut ReplayReport,
    ) -> Result<(), DlqError> {
        let mut left = limit;
        for dlq in &self.queues {
            if left == 0 || report.stopped.is_some() {
                break;
            }
            let walk = Walk::begin(self.broker.clone(), dlq).await?;
            let mut mover = Mover::new(Pass {
                broker: self.broker.clone(),
                applied: self
                    .applied
                    .as_deref()
                    .filter(|_| !doing.purge && !doing.plan.force),
                limit: left,
                dry_run: doing.plan.dry_run,
                stop,
                progress: &mut *progress,
                pace: &mut *pace,
            });
            let read = |message| {
                let letter = self.read(dlq, message);
                doing.plan.filter.matches(&letter).then_some(letter)
            };
            mover
                .run(walk, read, |letter, applied| {
                    self.fate(doing, letter, applied)
                })
                .await;
            left -= mover.report.done.min(left);
            report.add(mover.report);
        }
        Ok(())
    }

    fn fate(&self, doing: Doing<'_>, letter: DeadLetter, applied: bool) -> Fate {
        if doing.purge {
            return Fate::Remove;
        }
        if letter.replayed_by.as_deref() == Some(doing.run) {
            return Fate::Spare(CAME_BACK);
        }
        if applied && !doing.plan.force {
            return Fate::Spare(ALREADY_APPLIED);
        }
        let origin = letter
            .origin
            .as_deref()
            .filter(|queue| self.takes_events(queue));
        let Some(queue) = doing.plan.to.as_deref().or(origin) else {
            return Fate::Spare(UNKNOWN_ORIGIN);
        };
        let (queue, note) = (queue.to_owned(), letter.note());
        let id = letter.event_id.as_ref();
        let to = queue.clone();
        let message = recovery::replay(&letter.message, id, to, doing.run, note.as_ref());
        Fate::Send(Box::new(message), queue)
    }
}

/// What was asked for, for the audit log.
fn what(plan: &ReplayPlan, queues: &[String]) -> Value {
    let filter = match plan.filter == Filter::default() {
        true => Value::from("all"),
        false => json!(plan.filter),
    };
    json!({
        "dlq": queues,
        "filter": filter,
        "limit": plan.limit,
        "rate": plan.rate,
        "to": plan.to,
        "force": plan.force,
        "canary": plan.canary.as_ref().map(|canary| &canary.steps),
    })
}
