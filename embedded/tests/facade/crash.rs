//! Killed without warning, as a process: what was acknowledged is there.

use std::path::Path;
use std::process::Stdio;

use qdrant_client::Qdrant;
use qdrant_client::qdrant::{Condition, DeletePointsBuilder, Filter, PointsIdsList};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::{client, completed, create, dense, get, matching, numbered, point, upsert};

struct Process {
    child: Child,
    client: Qdrant,
}

impl Process {
    async fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fanout-qdrant-facade"))
            .args(["--addr", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("it starts");
        let port = line.rsplit(' ').next().unwrap();
        Self {
            child,
            client: client(&format!("http://127.0.0.1:{port}")),
        }
    }

    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_is_there_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path()).await;
    create(&process.client, "c").await;
    for chunk in numbered(300).chunks(100) {
        upsert(&process.client, "c", chunk.to_vec()).await;
    }
    let ids = PointsIdsList {
        ids: vec![1.into()],
    };
    let delete = DeletePointsBuilder::new("c").points(ids).wait(true);
    completed(process.client.delete_points(delete).await.unwrap());
    let changed = point(2, vec![0.0, 0.0, 1.0], [("user", "new".into())]);
    upsert(&process.client, "c", vec![changed.clone()]).await;
    process.kill().await;

    // Twice: what the first start applied again must also outlive a kill.
    for _ in 0..2 {
        let process = Process::start(folder.path()).await;
        let all = matching(&process.client, "c", Filter::default()).await;
        assert_eq!(all, (2..=300).collect::<Vec<_>>());
        let read = get(&process.client, "c", 2).await.unwrap();
        assert_eq!(read.payload, changed.payload);
        assert_eq!(dense(&read), [0.0, 0.0, 1.0]);
        let filter = Filter::must([Condition::matches("user", "u1".to_owned())]);
        assert_eq!(matching(&process.client, "c", filter).await.len(), 99);
        process.kill().await;
    }
}

#[tokio::test]
async fn kills_between_changes_lose_none_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..4_u64 {
        let process = Process::start(folder.path()).await;
        if round == 0 {
            create(&process.client, "c").await;
        }
        for step in 0..5 {
            let id = round * 10 + step;
            let one = point(id, vec![1.0, 0.0, 0.0], [("user", "x".into())]);
            upsert(&process.client, "c", vec![one]).await;
            expected.push(id);
        }
        process.kill().await;
    }
    let process = Process::start(folder.path()).await;
    let all = matching(&process.client, "c", Filter::default()).await;
    assert_eq!(all, expected);
}

#[tokio::test]
async fn a_termination_ends_it_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(folder.path()).await;
    create(&process.client, "c").await;
    upsert(&process.client, "c", numbered(3)).await;
    let pid = process.child.id().unwrap().to_string();
    let kill = Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .await
        .unwrap();
    assert!(kill.success());
    assert!(process.child.wait().await.unwrap().success());
    let process = Process::start(folder.path()).await;
    assert_eq!(
        matching(&process.client, "c", Filter::default()).await,
        [1, 2, 3]
    );
}
