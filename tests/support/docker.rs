//! Containers that end with the test process.
//!
//! testcontainers removes a container when its handle is dropped; one that is shared by a
//! whole binary is never dropped. So each container gets a watcher process that removes it
//! once the test process is gone, be it by the end, a panic or a kill.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use testcontainers::core::{ContainerAsync, ContainerRequest};
use testcontainers::runners::AsyncRunner;
use testcontainers::{GenericImage, ImageExt};
use tokio::runtime::Runtime;

/// Containers outlive the runtime of the test that started them.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// A running container; removed when dropped.
pub struct Container {
    id: String,
    handle: Option<ContainerAsync<GenericImage>>,
}

impl Container {
    pub async fn start(request: ContainerRequest<GenericImage>) -> Self {
        let request = request.with_startup_timeout(std::time::Duration::from_secs(120));
        let handle = RUNTIME
            .spawn(async move { request.start().await.expect("the container starts") })
            .await
            .unwrap();
        let id = handle.id().to_owned();
        remove_with_this_process(&id);
        Self {
            id,
            handle: Some(handle),
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// Port of the host that leads to this port of the container, as of now: a restarted
    /// container may have another.
    pub async fn host_port(&self, port: u16) -> u16 {
        let text = docker(&["port", &self.id, &format!("{port}/tcp")]).await;
        let address = text.lines().find(|l| !l.contains("[::]")).unwrap_or(&text);
        address.trim().rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Runs a command inside, as root, and returns its standard output.
    pub async fn exec(&self, command: &[&str]) -> String {
        let mut args = vec!["exec", self.id.as_str()];
        args.extend(command);
        docker(&args).await
    }

    /// SIGKILL, as a crash.
    pub async fn kill(&self) {
        docker(&["kill", &self.id]).await;
    }

    /// SIGTERM, and SIGKILL after ten seconds.
    pub async fn stop(&self) {
        docker(&["stop", &self.id]).await;
    }

    /// Starts it again after `kill` or `stop`. Does not wait for readiness.
    pub async fn restart(&self) {
        docker(&["start", &self.id]).await;
    }

    /// Freezes all its processes: the sockets stay open, nothing answers.
    pub async fn pause(&self) {
        docker(&["pause", &self.id]).await;
    }

    pub async fn unpause(&self) {
        docker(&["unpause", &self.id]).await;
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            // Not waited for: the watcher removes what this does not get to.
            RUNTIME.spawn(async move { handle.rm().await });
        }
    }
}

/// Runs the docker client; panics with its error output where it fails.
pub async fn docker(args: &[&str]) -> String {
    let output = tokio::process::Command::new("docker")
        .args(args)
        .output()
        .await
        .expect("the docker client can be run");
    assert!(
        output.status.success(),
        "docker {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Not waited for: it outlives this process, that is what it is for.
#[allow(clippy::zombie_processes)]
fn remove_with_this_process(id: &str) {
    let script = format!(
        "while kill -0 {} 2>/dev/null; do sleep 1; done; docker rm -fv {id}",
        std::process::id()
    );
    Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a shell can be run");
}

/// The image named by `variable` in the environment or in `target/test-servers.env` (written
/// by scripts/provision), else `default`; split into name and tag.
pub fn image(variable: &str, default: &str) -> (String, String) {
    // A test of a package below the root finds it there, too.
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("target/test-servers.env"))
        .find(|file| file.exists());
    let provisioned = || {
        let text = std::fs::read_to_string(file?).ok()?;
        text.lines()
            .filter_map(|line| line.trim_start_matches("export ").split_once('='))
            .find(|(name, _)| *name == variable)
            .map(|(_, value)| value.trim_matches(['"', '\'']).to_owned())
    };
    let image = std::env::var(variable)
        .ok()
        .or_else(provisioned)
        .unwrap_or_else(|| default.to_owned());
    let (name, tag) = image.rsplit_once(':').unwrap_or((&image, "latest"));
    (name.to_owned(), tag.to_owned())
}
