//! Encrypted connections, with certificates of the test's own.

use fanout_contract::{FailureClass, Processor};
use fanout_neo4j::{Neo4jConfig, Neo4jProcessor, Tls};
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::Server;

/// Runs `openssl` with these words in `folder`.
async fn openssl(folder: &Path, words: &str) {
    let output = Command::new("openssl")
        .args(words.split(' '))
        .current_dir(folder)
        .output()
        .await
        .expect("openssl can be run");
    assert!(
        output.status.success(),
        "{words}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// An authority, and a server's and a client's certificate that it signed.
async fn certificates() -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    fs::write(at.join("server.ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    fs::write(at.join("client.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
    openssl(
        at,
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt",
    )
    .await;
    for name in ["server", "client"] {
        openssl(
            at,
            &format!(
                "req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"
            ),
        )
        .await;
        openssl(at, &format!("x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile {name}.ext -out {name}.crt")).await;
    }
    folder
}

async fn server(certificates: &Path) -> Server {
    let settings = [
        ("server_bolt_tls__level", "REQUIRED"),
        ("dbms_ssl_policy_bolt_enabled", "true"),
        ("dbms_ssl_policy_bolt_base__directory", "/certificates"),
        ("dbms_ssl_policy_bolt_private__key", "server.key"),
        ("dbms_ssl_policy_bolt_public__certificate", "server.crt"),
        ("dbms_ssl_policy_bolt_client__auth", "REQUIRE"),
    ];
    let read = |name: &str| fs::read(certificates.join(name)).unwrap();
    let files = [
        ("/certificates/server.key", read("server.key")),
        ("/certificates/server.crt", read("server.crt")),
        ("/certificates/trusted/ca.crt", read("ca.crt")),
        ("/certificates/revoked/none", Vec::new()),
    ];
    Server::start_with(&settings, &files).await
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_connection_is_encrypted_and_both_sides_show_certificates() {
    let certificates = certificates().await;
    let at = |name: &str| certificates.path().join(name);
    let server = server(certificates.path()).await;
    let uri = |scheme: &str| format!("{scheme}://127.0.0.1:{}", server.port());
    let client = Some((at("client.crt"), at("client.key")));
    let config = |uri: String, tls: Tls| Neo4jConfig {
        uri,
        tls,
        ..server.config()
    };
    let prepare = async |config| Neo4jProcessor::new(config).unwrap().prepare().await;

    let good = config(
        uri("bolt+s"),
        Tls {
            ca: Some(at("ca.crt")),
            client: client.clone(),
        },
    );
    prepare(good).await.unwrap();
    let unverified = config(
        uri("bolt+ssc"),
        Tls {
            ca: None,
            client: client.clone(),
        },
    );
    prepare(unverified).await.unwrap();

    let no_authority = config(uri("bolt+s"), Tls { ca: None, client });
    let no_certificate = config(
        uri("bolt+s"),
        Tls {
            ca: Some(at("ca.crt")),
            client: None,
        },
    );
    let plain = config(uri("bolt"), Tls::default());
    for (what, config) in [
        ("authority", no_authority),
        ("certificate", no_certificate),
        ("plain", plain),
    ] {
        let failure = prepare(config).await.expect_err(what);
        assert_eq!(
            failure.class(),
            FailureClass::Unavailable,
            "{what}: {failure}"
        );
        assert_eq!(
            failure.code().as_str(),
            "destination-unreachable",
            "{what}: {failure}"
        );
    }
}

#[test]
fn files_that_are_no_certificates_are_reported_at_once() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("empty.key"), "").unwrap();
    fs::write(at("some.crt"), "-----BEGIN CERTIFICATE-----").unwrap();
    let tls = Tls {
        ca: Some(at("missing.crt")),
        client: Some((at("some.crt"), at("empty.key"))),
    };
    let config = Neo4jConfig {
        uri: "bolt+s://localhost".to_owned(),
        tls,
        ..Neo4jConfig::default()
    };

    let problems = Neo4jProcessor::new(config).unwrap_err();

    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].contains("missing.crt"), "{texts:?}");
    assert!(texts[1].contains("empty.key"), "{texts:?}");
}
