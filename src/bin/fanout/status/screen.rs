//! The live view: what was seen last, and which queue is chosen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph, Row, Table, TableState, Wrap};

use super::look::Seen;
use super::text;

const KEYS: &str = "up/down choose   p pause   r resume   q end";

#[derive(Debug, Default)]
pub(super) struct Screen {
    seen: Option<Seen>,
    /// Why the last look failed; what was seen before it stays.
    failed: Option<String>,
    /// What the last change came to.
    said: Option<String>,
    chosen: usize,
}

impl Screen {
    pub(super) fn show(&mut self, seen: Result<Seen, String>) {
        match seen {
            Ok(seen) => {
                self.chosen = self.chosen.min(seen.queues.len().saturating_sub(1));
                (self.seen, self.failed) = (Some(seen), None);
            }
            Err(error) => self.failed = Some(error),
        }
    }

    pub(super) fn say(&mut self, said: String) {
        self.said = Some(said);
    }

    pub(super) fn up(&mut self) {
        self.chosen = self.chosen.saturating_sub(1);
    }

    pub(super) fn down(&mut self) {
        let queues = self.seen.as_ref().map_or(0, |seen| seen.queues.len());
        self.chosen = (self.chosen + 1).min(queues.saturating_sub(1));
    }

    /// Name at the broker of the chosen queue.
    pub(super) fn chosen(&self) -> Option<String> {
        let queue = self.seen.as_ref()?.queues.get(self.chosen)?;
        Some(queue.status.name.clone())
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let rows = |count: usize| u16::try_from(count).unwrap_or(u16::MAX).saturating_add(3);
        let counts = self.seen.as_ref();
        let counts = counts.map_or((0, 0), |seen| (seen.queues.len(), seen.workers.len()));
        let [head, queues, workers, problems, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(rows(counts.0)),
            Constraint::Length(rows(counts.1)),
            Constraint::Min(2),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        frame.render_widget(self.head(), head);
        if let Some(seen) = &self.seen {
            self.queues(seen, frame, queues);
            let all = seen.workers.iter().map(|one| Row::new(text::worker(one)));
            frame.render_widget(
                tabular(all, text::WORKER_TITLES).block(titled("workers")),
                workers,
            );
            let lines: Vec<_> = text::problems(seen).into_iter().map(Line::from).collect();
            let lines = Paragraph::new(lines).wrap(Wrap { trim: true });
            frame.render_widget(lines.block(titled("what is wrong")), problems);
        }
        let foot_line = self.said.as_deref().unwrap_or(KEYS);
        frame.render_widget(Line::from(foot_line).dim(), foot);
    }

    fn head(&self) -> Line<'_> {
        match (&self.failed, &self.seen) {
            (Some(error), _) => Line::from(format!("the broker cannot be asked: {error}")).red(),
            (None, Some(seen)) => Line::from(format!("{}   {:.0}", seen.broker, seen.at)).bold(),
            (None, None) => Line::from("looking …"),
        }
    }

    fn queues(&self, seen: &Seen, frame: &mut Frame<'_>, area: Rect) {
        let all = seen.queues.iter().map(|one| {
            let row = Row::new(text::queue(one));
            match (one.status.paused, one.status.dead_letters) {
                (Some(true), _) => row.yellow(),
                (_, Some(1..)) => row.red(),
                _ => row,
            }
        });
        let table = tabular(all, text::QUEUE_TITLES)
            .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
            .highlight_symbol("> ")
            .block(titled("queues"));
        let mut state = TableState::new().with_selected(self.chosen);
        frame.render_stateful_widget(table, area, &mut state);
    }
}

fn titled(title: &str) -> Block<'_> {
    Block::new().title(Line::from(title).bold())
}

fn tabular<'a, const N: usize>(
    rows: impl Iterator<Item = Row<'a>>,
    titles: [&'static str; N],
) -> Table<'a> {
    // The first column is a name or an address, the others are figures.
    let widths = (0..N).map(|column| match column {
        0 => Constraint::Min(18),
        _ => Constraint::Fill(1),
    });
    Table::new(rows, widths).header(Row::new(titles).bold())
}
