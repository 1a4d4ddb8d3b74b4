//! AMQP over TLS: who is trusted, and as whom we are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fanout::broker::BrokerError;
use fanout::broker::amqp::AmqpBroker;
use fanout::config::{BackoffPlan, BrokerConfig, Secret, TlsConfig};
use tempfile::TempDir;

use super::{SOON, connected, default_topology, fill};
use crate::support::rabbitmq::RabbitMq;
use crate::support::within;

const SERVER_NAME: &str = "rabbit.test";

/// An authority of our own with a certificate for the server and one for the client.
struct Pki(TempDir);

impl Pki {
    fn new() -> Self {
        let pki = Self(TempDir::new().unwrap());
        pki.openssl(&format!(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority \
             -keyout {} -out {}",
            pki.path("ca.key").display(),
            pki.path("ca.pem").display()
        ));
        pki.issue("server", SERVER_NAME);
        pki.issue("client", "worker");
        pki
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn issue(&self, name: &str, dns: &str) {
        let file = |end: &str| self.path(&format!("{name}.{end}")).display().to_string();
        std::fs::write(self.path("ext"), format!("subjectAltName=DNS:{dns}\n")).unwrap();
        self.openssl(&format!(
            "req -newkey rsa:2048 -nodes -subj /CN={dns} -keyout {} -out {}",
            file("key"),
            file("csr")
        ));
        self.openssl(&format!(
            "x509 -req -days 2 -in {} -CA {} -CAkey {} -CAcreateserial -extfile {} -out {}",
            file("csr"),
            self.path("ca.pem").display(),
            self.path("ca.key").display(),
            self.path("ext").display(),
            file("pem")
        ));
    }

    fn openssl(&self, args: &str) {
        let output = Command::new("openssl")
            .args(args.split_whitespace())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {args}: {error}");
    }
}

/// A broker that speaks TLS and asks for a certificate of this authority.
async fn server(pki: &Pki) -> RabbitMq {
    let conf = "listeners.ssl.default = 5671\n\
        ssl_options.cacertfile = /etc/rabbitmq/tls/ca.pem\n\
        ssl_options.certfile = /etc/rabbitmq/tls/server.pem\n\
        ssl_options.keyfile = /etc/rabbitmq/tls/server.key\n\
        ssl_options.verify = verify_peer\n\
        ssl_options.fail_if_no_peer_cert = true";
    let content = ["ca.pem", "server.pem", "server.key"].map(|name| pki.read(name));
    let [ca, certificate, key] = &content;
    let files = [
        ("/etc/rabbitmq/tls/ca.pem", ca.as_slice()),
        ("/etc/rabbitmq/tls/server.pem", certificate.as_slice()),
        ("/etc/rabbitmq/tls/server.key", key.as_slice()),
    ];
    RabbitMq::own_with(conf, &files).await
}

async fn refusal(config: BrokerConfig) -> String {
    let broker = AmqpBroker::start(config, default_topology());
    match within("a verdict", SOON, broker.connected()).await {
        Err(BrokerError::AttemptsExhausted { last, .. }) => last,
        other => panic!("should not connect: {other:?}"),
    }
}

fn some(path: &Path) -> Option<PathBuf> {
    Some(path.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn tls_needs_the_authority_the_name_and_our_certificate() {
    let pki = Pki::new();
    let rabbit = server(&pki).await;
    let port = rabbit.tls_port().await;
    let complete = TlsConfig {
        ca_file: some(&pki.path("ca.pem")),
        cert_file: some(&pki.path("client.pem")),
        key_file: some(&pki.path("client.key")),
        server_name: Some(SERVER_NAME.to_owned()),
    };
    let config = |tls: TlsConfig| BrokerConfig {
        urls: vec![Secret::new(format!(
            "amqps://guest:guest@127.0.0.1:{port}/"
        ))],
        tls,
        required: true,
        backoff: BackoffPlan {
            delays: vec![Duration::from_millis(50)],
            max_attempts: Some(2),
            ..BackoffPlan::default()
        },
        ..BrokerConfig::default()
    };
    let broker = connected(config(complete.clone()), default_topology()).await;
    fill(&broker, "events.neo4j", 3).await;

    let stranger = refusal(config(TlsConfig {
        ca_file: None,
        ..complete.clone()
    }))
    .await;
    assert!(stranger.contains("UnknownIssuer"), "{stranger}");
    let misnamed = refusal(config(TlsConfig {
        server_name: None,
        ..complete.clone()
    }))
    .await;
    assert!(
        misnamed.contains("certificate not valid for name"),
        "{misnamed}"
    );
    let nobody = refusal(config(TlsConfig {
        cert_file: None,
        key_file: None,
        ..complete.clone()
    }))
    .await;
    assert!(nobody.contains("CertificateRequired"), "{nobody}");
    let missing = refusal(config(TlsConfig {
        ca_file: some(Path::new("/nothing/here.pem")),
        ..complete
    }))
    .await;
    assert!(missing.contains("/nothing/here.pem"), "{missing}");
}
