//! The programs inside the image that they are shipped in: no shell, no rights, a root that
//! cannot be written, and process 1.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::support::docker::docker;
use crate::support::neo4j::{Neo4j, PASSWORD};
use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::{eventually, unique};
use crate::worker::{publish, views};
use crate::worker_program::taken_port;

const SOON: Duration = Duration::from_secs(60);
/// As the manifests run it.
const RIGHTS: [&str; 5] = [
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--network=host",
    "--stop-timeout=40",
];

/// An image made of the programs under test; removed when dropped, with its containers.
struct Image {
    name: String,
    containers: Vec<String>,
}

impl Image {
    fn build() -> Self {
        let name = unique("fanout-test/image");
        let programs = Path::new(env!("CARGO_BIN_EXE_run-worker"))
            .parent()
            .unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/image");
        let built = Command::new(script)
            .args(["--tag", &name])
            .arg(programs)
            .output()
            .unwrap();
        assert!(built.status.success(), "{built:?}");
        Self {
            name,
            containers: Vec::new(),
        }
    }

    /// Runs `run-worker` to its end: its exit code, and what it said.
    fn run(&self, variables: &[(&str, &str)], args: &[&str]) -> (Option<i32>, String) {
        let ended = self.command(&["run", "--rm"], variables, args).output();
        let ended = ended.unwrap();
        let said = [ended.stdout, ended.stderr].concat();
        (
            ended.status.code(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    /// Starts a container with these options of Docker: its id.
    fn start(&mut self, how: &[&str], variables: &[(&str, &str)], args: &[&str]) -> String {
        let how = [&["run", "--detach"], how].concat();
        let started = self.command(&how, variables, args).output();
        let started = started.unwrap();
        assert!(started.status.success(), "{started:?}");
        let id = String::from_utf8(started.stdout).unwrap().trim().to_owned();
        self.containers.push(id.clone());
        id
    }

    fn command(&self, how: &[&str], variables: &[(&str, &str)], args: &[&str]) -> Command {
        let mut command = Command::new("docker");
        let run = std::env::var("FANOUT_TEST_RUN").unwrap_or_default();
        command
            .args(how)
            .arg(format!("--label=org.fanout.test={run}"))
            .args(RIGHTS);
        for (name, value) in variables {
            command.arg(format!("--env={name}={value}"));
        }
        command.arg(&self.name).args(args);
        command
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let remove = |args: &[&str], what: &str| {
            let _ = Command::new("docker").args(args).arg(what).output();
        };
        for container in &self.containers {
            remove(&["rm", "--force", "--volumes"], container);
        }
        remove(&["rmi", "--force"], &self.name);
    }
}

/// What a worker of the container needs to know. The names are resolved inside, without
/// anything of the system but the C library.
async fn variables(vhost: &Vhost, neo4j: &Neo4j) -> Vec<(&'static str, String)> {
    let (listener, addr) = taken_port();
    drop(listener);
    let here = |url: &str| url.replace("127.0.0.1", "localhost");
    vec![
        ("RABBITMQ_URL", here(vhost.url().expose())),
        (
            "NEO4J_URI",
            format!("bolt://localhost:{}", neo4j.bolt_port().await),
        ),
        ("NEO4J_PASSWORD", PASSWORD.to_owned()),
        ("FANOUT_HTTP_ADDR", addr.to_string()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_worker_in_the_image_projects_says_that_it_is_well_and_drains() {
    let (rabbitmq, neo4j) = tokio::join!(RabbitMq::shared(), Neo4j::shared());
    let mut image = Image::build();
    let (code, help) = image.run(&[], &["--help"]);
    assert!(code == Some(0) && help.contains("--queue"), "{help}");
    assert_eq!(image.run(&[], &["--healthcheck"]).0, Some(1));

    let vhost = rabbitmq.vhost("image").await;
    let user = unique("image");
    let owned = variables(&vhost, neo4j).await;
    let known: Vec<_> = owned.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let worker = image.start(&[], &known, &["--queue", "neo4j", "--workers", "2"]);
    let ask = [
        "exec",
        &worker,
        "/usr/local/bin/run-worker",
        "--healthcheck",
    ];
    eventually("the container says that it is ready", SOON, async || {
        let asked = Command::new("docker").args(ask).output().unwrap();
        asked.status.success().then_some(())
    })
    .await;
    assert_eq!(docker(&["diff", &worker]).await, "", "it has written");
    let process = docker(&["inspect", "--format={{.State.Pid}}", &worker]).await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.trim())).unwrap();
    let line = |name: &str| status.lines().find(|l| l.starts_with(name)).unwrap();
    assert_eq!(line("Uid:"), "Uid:\t65532\t65532\t65532\t65532");
    assert_eq!(line("CapEff:"), "CapEff:\t0000000000000000");

    publish(&vhost, &user, 3000).await;
    eventually("some are applied", SOON, async || {
        (views(neo4j, &user).await > 0).then_some(())
    })
    .await;
    docker(&["stop", &worker]).await;
    let code = docker(&["inspect", "--format={{.State.ExitCode}}", &worker]).await;
    let log = Command::new("docker").args(["logs", &worker]).output();
    let log = String::from_utf8(log.unwrap().stderr).unwrap();
    assert!(code.trim() == "0" && log.contains("worker ended"), "{log}");
    let (code, rest) = image.run(&known, &["--queue", "neo4j", "--until-empty"]);
    assert_eq!(code, Some(0), "{rest}");
    assert_eq!(views(neo4j, &user).await, 3000);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn the_image_is_what_the_manifests_and_the_compose_file_expect() {
    let image = Image::build();
    let about = docker(&["inspect", &image.name]).await;
    let about: serde_json::Value = serde_json::from_str(&about).unwrap();
    let config = &about[0]["Config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"], json!(["/usr/local/bin/run-worker"]));
    assert_eq!(
        config["Healthcheck"]["Test"],
        json!(["CMD", "/usr/local/bin/run-worker", "--healthcheck"])
    );
    assert_eq!(about[0]["RootFS"]["Layers"].as_array().unwrap().len(), 2);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_gateway_in_the_image_keeps_its_spool_on_a_volume() {
    let mut image = Image::build();
    let (listener, addr) = taken_port();
    drop(listener);
    let variables = [
        ("RABBITMQ_URL", "amqp://127.0.0.1:1/%2f"),
        ("FANOUT_HTTP_ADDR", &addr.to_string()),
    ];
    let how = [
        "--volume=/var/lib/fanout",
        "--entrypoint=/usr/local/bin/fanout",
    ];
    let gateway = image.start(&how, &variables, &["serve"]);
    let event = json!({ "user_id": 1, "product_id": 2, "event_type": "view" });
    let posted = eventually("an event is taken", SOON, async || {
        post(addr, &event.to_string()).filter(|answer| answer.starts_with("HTTP/1.1 202"))
    });
    let answer = posted.await;
    assert!(answer.contains("\"spooled\":1"), "{answer}");
    docker(&["stop", &gateway]).await;
    let code = docker(&["inspect", "--format={{.State.ExitCode}}", &gateway]).await;
    assert_eq!(code.trim(), "0");
}

/// The answer to `POST /events`, where there is one.
fn post(addr: SocketAddr, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(addr).ok()?;
    stream.set_read_timeout(Some(SOON)).unwrap();
    let head = format!(
        "POST /events HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
