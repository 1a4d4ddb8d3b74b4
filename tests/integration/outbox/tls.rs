//! TLS to PostgreSQL: the server's certificate is checked.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::program::Program;
use crate::support::postgres::Postgres;

fn openssl(folder: &Path, args: &str) {
    let mut command = Command::new("openssl");
    let output = command
        .args(args.split_whitespace())
        .current_dir(folder)
        .output();
    let output = output.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {args}: {error}");
}

/// An authority of our own and a certificate of it for the server.
fn issued() -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    for args in [
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=db -keyout server.key -out server.csr",
        "x509 -req -days 2 -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
         -extfile ext -out server.pem",
    ] {
        openssl(folder.path(), args);
    }
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_server_with_tls_is_used_only_where_its_certificate_is_trusted() {
    let server = Postgres::shared().await;
    let database = server.database("tls").await;
    let issued = issued();
    let read = |name: &str| std::fs::read_to_string(issued.path().join(name)).unwrap();
    // The others of this binary ask for no TLS: it may stay switched on.
    server
        .offer_tls(&read("server.pem"), &read("server.key"))
        .await;
    let plain = database.url();
    let init = |url: String, ca: Option<&Path>| {
        let mut program = Program::new().env("FANOUT_OUTBOX_URL", &url);
        if let Some(ca) = ca {
            program = program.env("FANOUT_OUTBOX_TLS_CA_FILE", ca.to_str().unwrap());
        }
        program.run(&["outbox", "init", "--apply"])
    };
    let ca = issued.path().join("ca.pem");
    let required = plain.replace("sslmode=disable", "sslmode=require");
    init(required.clone(), Some(&ca)).good();
    for url in [required, plain.replace("?sslmode=disable", "")] {
        let complaint = init(url, None).bad(4);
        assert!(complaint.contains("certificate"), "{complaint}");
    }
    init(plain, None).good();
}
