use fanout::operate::dlq::Replayed;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::screen::Screen;
use super::*;

fn group(id: &str, count: u64) -> Group {
    Group {
        id: id.to_owned(),
        count,
        queue: Some("events.neo4j".to_owned()),
        reason: "neo4j-value".to_owned(),
        kind: Some("view".to_owned()),
        error: "value # is wrong".to_owned(),
        oldest: "2026-01-31T12:00:00Z".parse().ok(),
        newest: None,
        example: format!("one-of-{id}"),
        replayed: 0,
    }
}

fn two() -> Groups {
    Groups {
        ready: 8,
        looked_at: 8,
        groups: vec![group("aaaa1111", 5), group("bbbb2222", 3)],
        ..Groups::default()
    }
}

fn report(done: u64) -> ReplayReport {
    ReplayReport {
        run: "r1".to_owned(),
        done,
        looked_at: 8,
        by: vec![Replayed {
            queue: "events.neo4j".to_owned(),
            reason: "neo4j-value".to_owned(),
            count: done,
        }],
        ..ReplayReport::default()
    }
}

/// With two groups, the keys and nothing under way.
fn read() -> Screen {
    let mut screen = Screen::default();
    assert_eq!(screen.press(Wish::Groups), Asks::Do(Task::Read));
    came(&mut screen, Came::Read(two()));
    assert_eq!(screen.letters.take(Answer::Done), Asks::Nothing);
    screen
}

fn counted() -> Screen {
    let mut screen = read();
    screen.press(Wish::Down);
    let count = Task::Count("bbbb2222".to_owned());
    assert_eq!(screen.press(Wish::Again), Asks::Do(count));
    came(&mut screen, Came::Counted(report(3)));
    screen.letters.take(Answer::Done);
    screen
}

fn came(screen: &mut Screen, result: Came) -> Asks {
    screen.letters.take(Answer::Came(result))
}

fn drawn(screen: &Screen) -> String {
    let mut terminal = Terminal::new(TestBackend::new(120, 24)).unwrap();
    terminal.draw(|frame| screen.draw(frame)).unwrap();
    terminal.backend().to_string()
}

/// On the least that a terminal has.
fn small(screen: &Screen) -> String {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| screen.draw(frame)).unwrap();
    terminal.backend().to_string()
}

fn assert_shows(screen: &Screen, texts: &[&str]) {
    let drawn = drawn(screen);
    for text in texts {
        assert!(drawn.contains(text), "no {text:?} in\n{drawn}");
    }
}

#[test]
fn dead_letters_are_read_when_asked_for_and_not_before() {
    let mut screen = Screen::default();
    assert!(!drawn(&screen).contains("GROUP"));
    assert_shows(&screen, &["g dead letters", "p pause", "r resume", "q end"]);
    assert_eq!(
        screen.press(Wish::Again),
        Asks::Nothing,
        "no queue is chosen"
    );
    assert_eq!(screen.press(Wish::Switch), Asks::Do(Task::Read));
    let (looked_at, ready, done) = (3, 8, 0);
    screen.letters.take(Answer::At {
        looked_at,
        ready,
        done,
    });
    assert_shows(&screen, &["reading the dead letters: 3 of 8", "esc stop"]);
    assert_eq!(screen.press(Wish::Groups), Asks::Nothing, "one at a time");
    came(&mut screen, Came::Read(two()));
    let shown = [
        "dead letters: 8 read",
        "> aaaa1111",
        "neo4j-value",
        "2026-01-31 12:00",
    ];
    assert_shows(&screen, &shown);
    assert_shows(
        &screen,
        &[
            "value # is wrong",
            "enter preview",
            "r replay",
            "tab queues",
        ],
    );
}

#[test]
fn keys_go_to_the_part_that_has_them() {
    let mut screen = read();
    screen.press(Wish::Down);
    assert_shows(&screen, &["> bbbb2222"]);
    screen.press(Wish::Switch);
    assert_shows(&screen, &["p pause"]);
    screen.press(Wish::Up);
    assert_shows(&screen, &["> bbbb2222"]);
    assert_eq!(
        screen.press(Wish::Switch),
        Asks::Nothing,
        "they are read already"
    );
    assert_eq!(screen.press(Wish::Back), Asks::Nothing);
    assert_eq!(screen.press(Wish::Back), Asks::End);
}

#[test]
fn one_of_the_chosen_group_is_shown_and_can_be_scrolled() {
    let mut screen = read();
    let show = Task::Show("one-of-aaaa1111".to_owned());
    assert_eq!(screen.press(Wish::Open), Asks::Do(show));
    // Another one is chosen before it comes.
    screen.press(Wish::Down);
    let text: String = (0..40).map(|n| format!("line {n}.\n")).collect();
    came(&mut screen, Came::Shown(text));
    assert_shows(
        &screen,
        &["one of 5 in group aaaa1111", "line 0.", "esc back"],
    );
    screen.press(Wish::Down);
    let drawn = drawn(&screen);
    assert!(
        !drawn.contains("line 0.") && drawn.contains("line 1."),
        "{drawn}"
    );
    let count = Task::Count("aaaa1111".to_owned());
    // It still gives back what it read: the count comes behind that.
    assert_eq!(screen.press(Wish::Again), Asks::Do(count));
    came(&mut screen, Came::Failed("no answer: try again".to_owned()));
    assert_shows(&screen, &["no answer: try again"]);
    screen.press(Wish::Back);
    assert_shows(&screen, &["GROUP"]);
}

#[test]
fn a_replay_is_counted_first_and_done_only_where_somebody_agrees() {
    let mut screen = counted();
    let shown = [
        "replay group bbbb2222?",
        "3 events.neo4j neo4j-value",
        "Replay 3 dead letters? y, c or n",
        "y replay",
        "n leave",
    ];
    assert_shows(&screen, &shown);
    for other in [Wish::Up, Wish::Again, Wish::Open, Wish::Pause, Wish::Redraw] {
        assert_eq!(screen.press(other), Asks::Nothing, "{other:?}");
    }
    assert_eq!(screen.press(Wish::No), Asks::Nothing);
    assert_shows(&screen, &["nothing was replayed", "> bbbb2222"]);
    assert_eq!(screen.press(Wish::Yes), Asks::Nothing, "nothing was asked");
    for (yes, steps) in [(Wish::Yes, false), (Wish::Steps, true)] {
        let mut screen = counted();
        let group = "bbbb2222".to_owned();
        assert_eq!(screen.press(yes), Asks::Do(Task::Replay { group, steps }));
        let (looked_at, ready, done) = (7, 8, 2);
        screen.letters.take(Answer::At {
            looked_at,
            ready,
            done,
        });
        assert_shows(&screen, &["replaying group bbbb2222: 2 done, 7 of 8 read"]);
        // What is shown is no longer true.
        let asks = came(&mut screen, Came::Replayed(report(3)));
        assert_eq!(asks, Asks::Do(Task::Read));
        assert_shows(&screen, &["3 replayed: run r1"]);
    }
}

#[test]
fn what_cannot_be_replayed_is_told_with_the_next_step() {
    let mut screen = read();
    screen.press(Wish::Again);
    let mut would = report(0);
    would.left.insert("unknown-origin", 5);
    came(&mut screen, Came::Counted(would));
    assert_shows(
        &screen,
        &[
            "nothing to replay",
            "5 unknown-origin",
            "fanout dlq redirect --to",
        ],
    );
    assert_eq!(screen.press(Wish::Yes), Asks::Nothing);
}

#[test]
fn escape_stops_and_q_waits_until_everything_is_given_back() {
    let mut screen = counted();
    screen.press(Wish::Yes);
    assert_eq!(screen.press(Wish::Back), Asks::Stop);
    let mut stopped = report(2);
    stopped.stopped = Some(Stop::Asked);
    assert_eq!(screen.press(Wish::End), Asks::Stop);
    assert_eq!(came(&mut screen, Came::Replayed(stopped)), Asks::Nothing);
    assert_eq!(screen.letters.take(Answer::Done), Asks::End);
    let parting = screen.letters.parting().unwrap();
    assert!(parting.starts_with("2 replayed: stopped"), "{parting}");

    let mut screen = counted();
    screen.press(Wish::Yes);
    assert_eq!(screen.press(Wish::End), Asks::Stop);
    assert_eq!(screen.press(Wish::End), Asks::End, "twice means at once");
    assert_eq!(read().press(Wish::End), Asks::End);
}

#[test]
fn on_a_small_terminal_every_key_and_the_whole_next_step_can_be_read() {
    let mut screen = read();
    let drawn = small(&screen);
    assert!(drawn.contains("tab queues  esc back  q end"), "{drawn}");
    assert!(drawn.contains("2026-01-31 12:00"), "{drawn}");
    let why = "cannot use the broker: the connection was lost while the dead letters were read";
    came(&mut screen, Came::Failed(format!("{why}: try again")));
    assert!(small(&screen).contains("try again"), "{}", small(&screen));
    let drawn = small(&counted());
    assert!(
        drawn.contains("n leave") && drawn.contains("q end"),
        "{drawn}"
    );
}
