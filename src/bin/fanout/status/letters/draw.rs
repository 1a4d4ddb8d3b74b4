//! The pane of the dead letters, and the two lines about it at the foot.

use fanout::operate::dlq::{Group, Groups, ReplayReport};
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Modifier, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Row, Table, TableState, Wrap};

use super::super::screen::titled;
use super::{Letters, Mode, Task, UnderWay};
use crate::dlq;
use crate::output::{figure, plain};

const TITLES: [&str; 7] = [
    "GROUP", "COUNT", "REASON", "KIND", "QUEUE", "OLDEST", "ERROR",
];

const WIDTHS: [Constraint; 7] = [
    Constraint::Length(8),
    Constraint::Length(7),
    Constraint::Fill(2),
    Constraint::Fill(2),
    Constraint::Fill(2),
    Constraint::Length(16),
    Constraint::Fill(4),
];

// All of them fit into the 80 columns that every terminal has.
const LIST: &str = "up/down choose  enter preview  r replay  g read  tab queues  esc back  q end";
const PREVIEW: &str = "up/down scroll   r replay   esc back   q end";
const ASKING: &str = "y replay   c in steps that stop when some come back   n leave   q end";
const UNDER_WAY: &str = "esc stop   tab other part   q end";

impl Letters {
    /// The keys that mean something now, where they go here.
    pub(in super::super) fn keys(&self) -> &'static str {
        match (&self.mode, &self.under_way) {
            (_, Some(_)) => UNDER_WAY,
            (Mode::List, None) => LIST,
            (Mode::Preview { .. }, None) => PREVIEW,
            (Mode::Asking { .. }, None) => ASKING,
        }
    }

    /// What is under way, else what the last key came to.
    pub(in super::super) fn line(&self) -> Option<String> {
        let said = self.said.clone();
        said.or_else(|| self.under_way.as_ref().map(UnderWay::line))
    }

    pub(in super::super) fn draw(&self, frame: &mut Frame<'_>, area: Rect) {
        match (&self.mode, &self.groups) {
            (
                Mode::Preview {
                    group,
                    text,
                    scrolled,
                },
                _,
            ) => {
                let title = format!("one of {} in group {}", group.count, group.id);
                let lines: Vec<_> = text.lines().map(Line::from).collect();
                let lines = Paragraph::new(lines).scroll((*scrolled, 0));
                frame.render_widget(lines.block(titled(&title)), area);
            }
            (Mode::Asking { group, would }, _) => {
                let title = format!("replay group {}?", group.id);
                let lines: Vec<_> = question(group, would).into_iter().map(Line::from).collect();
                let lines = Paragraph::new(lines).wrap(Wrap { trim: false }).yellow();
                frame.render_widget(lines.block(titled(&title)), area);
            }
            (Mode::List, Some(all)) if all.groups.is_empty() => {
                let none = Paragraph::new("none");
                frame.render_widget(none.block(titled("dead letters")), area);
            }
            (Mode::List, Some(all)) => self.list(all, frame, area),
            (Mode::List, None) => {
                frame.render_widget(titled("dead letters"), area);
            }
        }
    }

    fn list(&self, all: &Groups, frame: &mut Frame<'_>, area: Rect) {
        let title = title(all);
        let mut state = TableState::new().with_selected(self.chosen);
        let marked = match self.has_keys {
            true => Style::new().add_modifier(Modifier::REVERSED),
            false => Style::new(),
        };
        let rows = all.groups.iter().map(|group| Row::new(row(group)));
        let table = Table::new(rows, WIDTHS)
            .header(Row::new(TITLES).bold())
            .row_highlight_style(marked)
            .highlight_symbol("> ")
            .block(titled(&title));
        frame.render_stateful_widget(table, area, &mut state);
    }
}

impl UnderWay {
    fn line(&self) -> String {
        let (read, ready) = (self.looked_at, self.ready);
        match &self.task {
            Task::Read => format!("reading the dead letters: {read} of {ready}"),
            Task::Show(id) => format!("looking for {}: {read} of {ready}", plain(id)),
            Task::Count(group) => format!("counting group {group}: {read} of {ready} read"),
            Task::Replay { group, .. } => {
                let done = self.done;
                format!("replaying group {group}: {done} done, {read} of {ready} read")
            }
        }
    }
}

fn title(all: &Groups) -> String {
    let mut title = format!("dead letters: {} read", all.looked_at);
    if all.other > 0 {
        title.push_str(&format!(", {} of further groups", all.other));
    }
    if all.incomplete {
        title.push_str(", somebody else holds some");
    }
    title
}

fn row(group: &Group) -> [String; 7] {
    [
        group.id.clone(),
        group.count.to_string(),
        plain(&group.reason),
        figure(group.kind.as_deref().map(plain)),
        figure(group.queue.as_deref().map(plain)),
        figure(group.oldest.map(|at| at.strftime("%F %H:%M").to_string())),
        plain(&group.error),
    ]
}

/// What would be done, and what is asked.
fn question(group: &Group, would: &ReplayReport) -> Vec<String> {
    let mut lines = vec![format!("{}: {}", plain(&group.reason), plain(&group.error))];
    lines.extend(dlq::replayed(would, "replayed").lines().map(str::to_owned));
    lines.push(format!("Replay {} dead letters? y, c or n", would.done));
    lines
}
