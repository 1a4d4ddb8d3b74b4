//! The live view: what was seen last, and which queue is chosen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph, Row, Table, TableState, Wrap};

use super::keys::Wish;
use super::letters::{Asks, Letters};
use super::look::Seen;
use super::text;

const KEYS: &str = "up/down choose   p pause   r resume   g dead letters   q end";
/// What was said, with its next step, and the keys.
const FOOT: u16 = 3;

#[derive(Debug, Default)]
pub(super) struct Screen {
    seen: Option<Seen>,
    /// Why the last look failed; what was seen before it stays.
    failed: Option<String>,
    /// What the last change came to.
    said: Option<String>,
    chosen: usize,
    pub(super) letters: Letters,
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

    /// What a key comes to.
    pub(super) fn press(&mut self, wish: Wish) -> Asks {
        if wish != Wish::Redraw {
            self.said = None;
        }
        match wish {
            Wish::End | Wish::Back | Wish::Switch | Wish::Groups => self.letters.press(wish),
            _ if self.letters.has_keys() => self.letters.press(wish),
            Wish::Up => {
                self.chosen = self.chosen.saturating_sub(1);
                Asks::Nothing
            }
            Wish::Down => {
                let queues = self.seen.as_ref().map_or(0, |seen| seen.queues.len());
                self.chosen = (self.chosen + 1).min(queues.saturating_sub(1));
                Asks::Nothing
            }
            Wish::Pause => self.chosen().map_or(Asks::Nothing, Asks::Pause),
            Wish::Again => self.chosen().map_or(Asks::Nothing, Asks::Resume),
            _ => Asks::Nothing,
        }
    }

    /// Name at the broker of the chosen queue.
    fn chosen(&self) -> Option<String> {
        let queue = self.seen.as_ref()?.queues.get(self.chosen)?;
        Some(queue.status.name.clone())
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let rows = |count: usize| u16::try_from(count).unwrap_or(u16::MAX).saturating_add(3);
        let counts = self.seen.as_ref();
        let counts = counts.map_or((0, 0), |seen| (seen.queues.len(), seen.workers.len()));
        let [head, middle, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Min(2),
            Constraint::Length(FOOT),
        ])
        .areas(frame.area());
        frame.render_widget(self.head(), head);
        self.foot(frame, foot);
        if self.letters.is_large() {
            return self.letters.draw(frame, middle);
        }
        let (letters, problems) = match self.letters.is_shown() {
            true => (Constraint::Fill(3), Constraint::Fill(1)),
            false => (Constraint::Length(0), Constraint::Min(2)),
        };
        let [queues, workers, letters, problems] = Layout::vertical([
            Constraint::Length(rows(counts.0)),
            Constraint::Length(rows(counts.1)),
            letters,
            problems,
        ])
        .areas(middle);
        if self.letters.is_shown() {
            self.letters.draw(frame, letters);
        }
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
    }

    /// What goes on or came of the last key, and the keys there are.
    fn foot(&self, frame: &mut Frame<'_>, area: Rect) {
        let said = self.said.clone().or_else(|| self.letters.line());
        let said = Paragraph::new(said.unwrap_or_default()).wrap(Wrap { trim: true });
        let keys = match self.letters.has_keys() {
            true => self.letters.keys(),
            false => KEYS,
        };
        let [above, below] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(area);
        frame.render_widget(said, above);
        frame.render_widget(Line::from(keys).dim(), below);
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
        let marked = match self.letters.has_keys() {
            true => Style::new(),
            false => Style::new().add_modifier(Modifier::REVERSED),
        };
        let table = tabular(all, text::QUEUE_TITLES)
            .row_highlight_style(marked)
            .highlight_symbol("> ")
            .block(titled("queues"));
        let mut state = TableState::new().with_selected(self.chosen);
        frame.render_stateful_widget(table, area, &mut state);
    }
}

pub(super) fn titled(title: &str) -> Block<'_> {
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
