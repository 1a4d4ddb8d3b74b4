//! The keyboard, on a thread of its own: reading from it blocks.

use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    End,
    /// One step back; ends where there is none.
    Back,
    Up,
    Down,
    /// To the other part of the window.
    Switch,
    Pause,
    /// Resumes a queue, replays dead letters.
    Again,
    /// Reads the dead letters.
    Groups,
    /// Shows what is chosen.
    Open,
    Yes,
    /// Yes, but in growing steps.
    Steps,
    No,
    /// The window has another size.
    Redraw,
}

/// Between two looks whether anybody still listens.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Keys that nobody has read yet.
const BUFFERED: usize = 16;

/// Wishes until the receiver is dropped, or the terminal is gone.
pub(super) fn listen() -> mpsc::Receiver<Wish> {
    let (wishes, listened) = mpsc::channel(BUFFERED);
    tokio::task::spawn_blocking(move || {
        while !wishes.is_closed() {
            let wish = match event::poll(LOOK_EVERY) {
                Ok(false) => continue,
                Ok(true) => event::read().map(|event| wish(&event)),
                Err(error) => Err(error),
            };
            match wish {
                Ok(None) => {}
                Ok(Some(wish)) if wishes.blocking_send(wish).is_ok() => {}
                Ok(Some(_)) | Err(_) => return,
            }
        }
    });
    listened
}

fn wish(event: &Event) -> Option<Wish> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => of_key(*key),
        Event::Resize(..) => Some(Wish::Redraw),
        _ => None,
    }
}

fn of_key(key: KeyEvent) -> Option<Wish> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return (key.code == KeyCode::Char('c')).then_some(Wish::End);
    }
    match key.code {
        KeyCode::Char('q') => Some(Wish::End),
        KeyCode::Esc => Some(Wish::Back),
        KeyCode::Up | KeyCode::Char('k') => Some(Wish::Up),
        KeyCode::Down | KeyCode::Char('j') => Some(Wish::Down),
        KeyCode::Char('p') => Some(Wish::Pause),
        KeyCode::Char('r') => Some(Wish::Again),
        KeyCode::Tab => Some(Wish::Switch),
        KeyCode::Enter => Some(Wish::Open),
        KeyCode::Char('g') => Some(Wish::Groups),
        KeyCode::Char('y') => Some(Wish::Yes),
        KeyCode::Char('c') => Some(Wish::Steps),
        KeyCode::Char('n') => Some(Wish::No),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_ask_for_what_the_help_says() {
        let key = |code| of_key(KeyEvent::new(code, KeyModifiers::NONE));
        assert_eq!(key(KeyCode::Char('q')), Some(Wish::End));
        assert_eq!(key(KeyCode::Down), Some(Wish::Down));
        assert_eq!(key(KeyCode::Char('p')), Some(Wish::Pause));
        assert_eq!(key(KeyCode::Char('r')), Some(Wish::Again));
        assert_eq!(key(KeyCode::Char('g')), Some(Wish::Groups));
        assert_eq!(key(KeyCode::Esc), Some(Wish::Back));
        assert_eq!(key(KeyCode::Enter), Some(Wish::Open));
        assert_eq!(key(KeyCode::Char('x')), None);
        let control = |code| of_key(KeyEvent::new(code, KeyModifiers::CONTROL));
        assert_eq!(control(KeyCode::Char('c')), Some(Wish::End));
        assert_eq!(control(KeyCode::Char('p')), None, "no pause by accident");
        assert_eq!(control(KeyCode::Char('y')), None, "no replay by accident");
    }
}
