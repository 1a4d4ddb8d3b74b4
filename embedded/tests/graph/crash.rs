//! Killed in the middle of writing, as a process.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use fanout_contract::{Batch, Event, Processor};
use fanout_embedded::graph::EmbeddedGraph;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::support::{processor, viewed};

/// Where the writer finds its graph.
const VARIABLE: &str = "FANOUT_TEST_GRAPH";
const EVENTS: i64 = 20;
const DONE: &str = "done";

fn batch(number: i64) -> Batch {
    let one = |n: i64| viewed(&format!("e{n}"), n % 7, n % 11, n);
    let events: Vec<Event> = (number * EVENTS..(number + 1) * EVENTS).map(one).collect();
    Batch::from_events(events).unwrap()
}

async fn killed_after(file: &Path, batches: usize) -> i64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::writer", "--ignored", "--nocapture"])
        .env(VARIABLE, file)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = 0;
    while let Some(line) = lines.next_line().await.unwrap() {
        acknowledged += i64::from(line.ends_with(DONE));
        if usize::try_from(acknowledged).unwrap() == batches {
            child.kill().await.unwrap();
        }
    }
    acknowledged
}

#[tokio::test]
async fn a_killed_writer_leaves_what_was_acknowledged_and_no_half_batch() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("graph");
    for batches in [1, 4, 17] {
        let acknowledged = killed_after(&file, batches).await;
        assert!(acknowledged >= i64::try_from(batches).unwrap());

        let graph = EmbeddedGraph::open(&file).unwrap();
        let counts = graph.counts().unwrap();
        let applied = i64::try_from(counts.applied).unwrap();
        assert!(
            applied >= acknowledged * EVENTS,
            "{applied}: acknowledged events are gone"
        );
        assert_eq!(applied % EVENTS, 0, "half of a batch");
        assert_eq!(
            counts.interactions, counts.applied,
            "ledger and effect differ"
        );

        // The next writer begins anew: what is there counts as repeated.
        let processor = processor(&graph);
        for number in 0..acknowledged {
            processor.process(&batch(number)).await.unwrap();
        }
        assert_eq!(graph.counts().unwrap(), counts);
    }
}

#[tokio::test]
#[ignore = "writes until it is killed by the test above"]
async fn writer() {
    let Some(file) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        return;
    };
    let processor = processor(&EmbeddedGraph::open(&file).unwrap());
    for number in 0..i64::MAX / EVENTS {
        processor.process(&batch(number)).await.unwrap();
        println!("{number} {DONE}");
    }
}
