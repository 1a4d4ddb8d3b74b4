//! The dead letters of the live view: what is shown of them, and what a key comes to.
//!
//! ```text
//! key ─▶ press ─▶ Task ─▶ desk (the workbench) ─▶ Answer ─▶ take ─▶ drawn
//! ```
//!
//! Pure; [`desk`] does what is asked. Invariant: nothing is replayed that was not counted
//! before, in a dry run, and agreed to.

pub(super) mod desk;
mod draw;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use fanout::operate::dlq::{Group, Groups, ReplayReport, Stop};

use super::keys::Wish;

/// What the workbench shall do. Of a group, its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Read everything by group.
    Read,
    /// Show the dead letter of this id.
    Show(String),
    /// Count what a replay of this group would do.
    Count(String),
    /// Replay this group, at once or in growing steps.
    Replay { group: String, steps: bool },
}

/// What comes back.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// How far it is.
    At {
        looked_at: u64,
        ready: u64,
        done: u64,
    },
    Came(Came),
    /// Everything that was read is given back.
    Done,
}

/// What a task came to.
#[derive(Clone, Debug)]
pub(super) enum Came {
    Read(Groups),
    Shown(String),
    Counted(ReplayReport),
    Replayed(ReplayReport),
    /// Why nothing came of it, and the next step.
    Failed(String),
}

/// What a key comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    Nothing,
    Do(Task),
    /// Of the queue of this name.
    Pause(String),
    Resume(String),
    /// Ends what is under way, without losing any of it.
    Stop,
    End,
}

/// What stands in the pane.
#[derive(Debug, Default)]
enum Mode {
    #[default]
    List,
    Preview {
        group: Group,
        text: String,
        scrolled: u16,
    },
    /// Shall this be replayed?
    Asking { group: Group, would: ReplayReport },
}

/// What is under way, and how far.
#[derive(Debug)]
struct UnderWay {
    task: Task,
    looked_at: u64,
    ready: u64,
    done: u64,
}

#[derive(Debug, Default)]
pub(super) struct Letters {
    groups: Option<Groups>,
    chosen: usize,
    mode: Mode,
    /// The keys go here, not to the queues.
    has_keys: bool,
    under_way: Option<UnderWay>,
    /// Tasks that have not given everything back yet.
    unfinished: usize,
    /// The view ends as soon as they have.
    leaving: bool,
    said: Option<String>,
}

impl Letters {
    pub(super) fn has_keys(&self) -> bool {
        self.has_keys
    }

    /// Nothing of them is shown until somebody asks.
    pub(super) fn is_shown(&self) -> bool {
        self.has_keys || self.groups.is_some()
    }

    /// Whether they need the whole window.
    pub(super) fn is_large(&self) -> bool {
        matches!(self.mode, Mode::Preview { .. })
    }

    pub(super) fn press(&mut self, wish: Wish) -> Asks {
        if wish == Wish::Redraw {
            return Asks::Nothing;
        }
        self.said = None;
        match wish {
            Wish::End => self.end(),
            Wish::Groups => {
                (self.has_keys, self.mode) = (true, Mode::List);
                self.begin(Task::Read)
            }
            Wish::Switch => {
                self.has_keys = !self.has_keys;
                match self.has_keys && self.groups.is_none() && self.under_way.is_none() {
                    true => self.begin(Task::Read),
                    false => Asks::Nothing,
                }
            }
            Wish::Back if self.under_way.is_some() => Asks::Stop,
            Wish::Back if !self.has_keys => self.end(),
            _ => self.within(wish),
        }
    }

    /// A key that means something else in each mode.
    fn within(&mut self, wish: Wish) -> Asks {
        match (&mut self.mode, wish) {
            (Mode::List, Wish::Up) => self.chosen = self.chosen.saturating_sub(1),
            (Mode::List, Wish::Down) => self.chosen = (self.chosen + 1).min(self.last()),
            (Mode::List, Wish::Back) => self.has_keys = false,
            (Mode::List, Wish::Open) => {
                if let Some(id) = self.group().map(|group| group.example.clone()) {
                    return self.begin(Task::Show(id));
                }
            }
            (Mode::List, Wish::Again) => {
                if let Some(id) = self.group().map(|group| group.id.clone()) {
                    return self.begin(Task::Count(id));
                }
            }
            (Mode::Preview { scrolled, .. }, Wish::Up) => *scrolled = scrolled.saturating_sub(1),
            (Mode::Preview { scrolled, text, .. }, Wish::Down) => {
                let last = u16::try_from(text.lines().count()).unwrap_or(u16::MAX);
                *scrolled = scrolled.saturating_add(1).min(last.saturating_sub(1));
            }
            (Mode::Preview { .. }, Wish::Back | Wish::Open) => self.mode = Mode::List,
            (Mode::Preview { group, .. }, Wish::Again) => {
                let count = Task::Count(group.id.clone());
                return self.begin(count);
            }
            (Mode::Asking { group, .. }, Wish::Yes | Wish::Steps) => {
                let (group, steps) = (group.id.clone(), wish == Wish::Steps);
                self.mode = Mode::List;
                return self.begin(Task::Replay { group, steps });
            }
            (Mode::Asking { .. }, Wish::No | Wish::Back) => {
                self.mode = Mode::List;
                self.said = Some("nothing was replayed".to_owned());
            }
            _ => {}
        }
        Asks::Nothing
    }

    fn begin(&mut self, task: Task) -> Asks {
        if self.under_way.is_some() {
            self.said = Some("one at a time: esc stops what is under way".to_owned());
            return Asks::Nothing;
        }
        self.under_way = Some(UnderWay {
            task: task.clone(),
            looked_at: 0,
            ready: 0,
            done: 0,
        });
        self.unfinished += 1;
        Asks::Do(task)
    }

    /// The first time it waits until everything is given back in order.
    fn end(&mut self) -> Asks {
        if self.unfinished == 0 || self.leaving {
            return Asks::End;
        }
        self.leaving = true;
        self.said = Some("ends once everything is given back; q again: at once".to_owned());
        Asks::Stop
    }

    pub(super) fn take(&mut self, answer: Answer) -> Asks {
        match answer {
            Answer::At {
                looked_at,
                ready,
                done,
            } => {
                if let Some(now) = &mut self.under_way {
                    (now.looked_at, now.ready, now.done) = (looked_at, ready, done);
                }
                Asks::Nothing
            }
            Answer::Done => {
                self.unfinished = self.unfinished.saturating_sub(1);
                match self.leaving && self.unfinished == 0 {
                    true => Asks::End,
                    false => Asks::Nothing,
                }
            }
            Answer::Came(result) => {
                let ended = self.under_way.take();
                let meant = ended.and_then(|ended| self.meant(&ended.task));
                self.came(result, meant)
            }
        }
    }

    /// What a task came to; `meant` is the group that it was about.
    fn came(&mut self, result: Came, meant: Option<Group>) -> Asks {
        match (result, meant) {
            (Came::Read(groups), _) => {
                self.groups = Some(groups);
                self.chosen = self.chosen.min(self.last());
            }
            (Came::Shown(text), Some(group)) => {
                let scrolled = 0;
                self.mode = Mode::Preview {
                    group,
                    text,
                    scrolled,
                };
            }
            (Came::Counted(would), Some(group)) if would.stopped.is_none() && would.done > 0 => {
                self.mode = Mode::Asking { group, would };
            }
            (Came::Counted(would), _) => {
                self.said = Some(format!("nothing to replay: {}", told(&would)));
            }
            (Came::Replayed(report), _) => return self.replayed(&report),
            (Came::Failed(why), _) => self.said = Some(why),
            (Came::Shown(_), None) => {}
        }
        Asks::Nothing
    }

    /// Says what came of it; what is shown is no longer true then.
    fn replayed(&mut self, report: &ReplayReport) -> Asks {
        let asks = match self.leaving {
            true => Asks::Nothing,
            false => self.begin(Task::Read),
        };
        self.said = Some(format!("{} replayed: {}", report.done, told(report)));
        asks
    }

    /// The group that a task was about; another one may be chosen by now.
    fn meant(&self, task: &Task) -> Option<Group> {
        let is_meant = |group: &&Group| match task {
            Task::Show(id) => group.example == *id,
            Task::Count(id) => group.id == *id,
            Task::Read | Task::Replay { .. } => false,
        };
        self.groups.as_ref()?.groups.iter().find(is_meant).cloned()
    }

    /// The last word of a view that ended by itself.
    pub(super) fn parting(&self) -> Option<&str> {
        self.said.as_deref().filter(|_| self.leaving)
    }

    fn group(&self) -> Option<&Group> {
        self.groups.as_ref()?.groups.get(self.chosen)
    }

    fn last(&self) -> usize {
        let groups = self.groups.as_ref().map_or(0, |all| all.groups.len());
        groups.saturating_sub(1)
    }
}

/// What a run came to, on a line, with the next step.
fn told(report: &ReplayReport) -> String {
    let mut parts = vec![match &report.stopped {
        None => format!("run {}", report.run),
        Some(Stop::Asked) => "stopped, the rest is where it was".to_owned(),
        Some(Stop::Canary(why)) => format!("the steps ended: {why}; mend the cause first"),
        Some(Stop::Broker(why)) => format!("the broker: {why}; what is left can be replayed again"),
    }];
    if !report.left.is_empty() {
        parts.push(format!("left: {}", counts(&report.left)));
    }
    if report.left.contains_key("unknown-origin") {
        parts.push("fanout dlq redirect --to QUEUE sends them on".to_owned());
    }
    if report.left.contains_key("already-applied") {
        parts.push("fanout dlq replay --force replays what is applied".to_owned());
    }
    if !report.failed.is_empty() {
        let failed = counts(&report.failed);
        parts.push(format!("failed: {failed}, which docs/errors explains"));
    }
    if report.incomplete {
        parts.push("somebody else holds some: try again".to_owned());
    }
    parts.join("; ")
}

fn counts(of: &BTreeMap<&'static str, u64>) -> String {
    let each = of.iter().map(|(why, count)| format!("{count} {why}"));
    each.collect::<Vec<_>>().join(", ")
}
