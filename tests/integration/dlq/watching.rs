//! `fanout status` on a terminal: its keys, and what they do to the dead letters.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use nix::pty::{Winsize, openpty};
use serde_json::json;

use super::rig::{Rig, dead};
use super::{DLQ, NEO4J, QDRANT, SOON};
use crate::support::eventually;

const ROWS: u16 = 40;
const COLUMNS: u16 = 140;

/// A program on a terminal of its own.
struct Terminal {
    child: Child,
    keyboard: File,
    output: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn open(mut command: Command) -> Self {
        let size = Winsize {
            ws_row: ROWS,
            ws_col: COLUMNS,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(Some(&size), None).unwrap();
        let end = |fd: &std::os::fd::OwnedFd| Stdio::from(fd.try_clone().unwrap());
        let child = command
            .stdin(end(&pty.slave))
            .stdout(end(&pty.slave))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let keyboard = File::from(pty.master);
        let mut screen = keyboard.try_clone().unwrap();
        let output = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&output);
        std::thread::spawn(move || {
            let mut some = [0; 4096];
            // The end of the last program on it is an error.
            while let Ok(count @ 1..) = screen.read(&mut some) {
                written.lock().unwrap().extend_from_slice(&some[..count]);
            }
        });
        Self {
            child,
            keyboard,
            output,
        }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// What stands on the screen.
    fn screen(&self) -> String {
        let output = self.output.lock().unwrap();
        shown(&String::from_utf8_lossy(&output))
    }

    async fn shows(&self, text: &str) {
        let look = async || self.screen().contains(text).then_some(());
        let seen = tokio::time::timeout(SOON, eventually(text, SOON * 2, look)).await;
        assert!(seen.is_ok(), "no {text:?} on\n{}", self.screen());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As much of a terminal as the program uses: places, characters, clearing.
fn shown(output: &str) -> String {
    let mut cells = vec![vec![' '; COLUMNS.into()]; ROWS.into()];
    let (mut row, mut column) = (0, 0);
    let mut rest = output.chars();
    while let Some(next) = rest.next() {
        if next != '\x1b' {
            if let Some(cell) = cells.get_mut(row).and_then(|row| row.get_mut(column)) {
                *cell = next;
            }
            column += 1;
            continue;
        }
        if rest.next() != Some('[') {
            continue;
        }
        let (mut numbers, mut what) = (String::new(), ' ');
        for next in rest.by_ref() {
            if next.is_ascii_alphabetic() {
                what = next;
                break;
            }
            numbers.push(next);
        }
        match what {
            'H' => {
                let (down, right) = numbers.split_once(';').unwrap_or(("1", "1"));
                let place = |text: &str| text.parse::<usize>().unwrap_or(1).saturating_sub(1);
                (row, column) = (place(down), place(right));
            }
            'J' => cells.iter_mut().for_each(|row| row.fill(' ')),
            _ => {}
        }
    }
    let lines: Vec<String> = cells.into_iter().map(String::from_iter).collect();
    lines.join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_group_is_replayed_from_the_live_view_to_its_queue_and_stands_in_the_audit_log() {
    let rig = Rig::new("dlq-live").await;
    rig.dead(30).await;
    rig.publish([dead("q", QDRANT, "panic")]).await;
    let mut view = Terminal::open(rig.program.command(&["status"]));
    view.shows("g dead letters").await;
    view.press("g");
    view.shows("dead letters: 31 read").await;
    view.press("\r");
    view.shows("one of 30 in group").await;
    view.shows("\"event_id\": \"0\"").await;
    view.press("r");
    view.shows("Replay 30 dead letters?").await;
    rig.ready_is(DLQ, 31).await;
    assert_eq!(rig.audit(), Vec::<serde_json::Value>::new(), "only counted");
    view.press("n");
    view.shows("nothing was replayed").await;
    view.press("r");
    view.shows("Replay 30 dead letters?").await;
    view.press("y");
    view.shows("30 replayed: run").await;
    view.shows("dead letters: 1 read").await;
    rig.ready_is(DLQ, 1).await;
    rig.ready_is(NEO4J, 30).await;
    rig.ready_is(QDRANT, 0).await;
    assert_eq!(rig.ids(DLQ).await, ["q"]);
    view.press("q");
    eventually("the view ends", SOON, async || {
        view.child.try_wait().unwrap()
    })
    .await;

    assert_eq!(rig.json(&["replay", "--all"])["done"], 1);
    let log = rig.audit();
    let told = |n: usize| (&log[n]["action"], &log[n]["count"], &log[n]["result"]);
    assert_eq!(told(1), (&json!("replay"), &json!(30), &json!("done")));
    assert_eq!(log[0]["who"], log[2]["who"], "who it was is told alike");
    assert!(
        log[0]["what"]["filter"]["group"][0].is_string(),
        "{}",
        log[0]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn one_look_has_the_groups_only_where_they_are_asked_for() {
    let rig = Rig::new("dlq-once").await;
    rig.dead(3).await;
    let text = rig.program.run(&["status", "--once"]).good();
    assert!(!text.contains("neo4j-value"), "{text}");
    let text = rig.program.run(&["status", "--once", "--groups"]).good();
    assert!(text.contains("neo4j-value"), "{text}");
    let seen = rig.program.run(&["status", "--json"]).json();
    assert_eq!(seen.get("dead_letter_groups"), None);
    let seen = rig.program.run(&["status", "--json", "--groups"]).json();
    assert_eq!(seen["dead_letter_groups"]["groups"][0]["count"], 3);
}
