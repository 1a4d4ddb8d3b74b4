//! How the servers are reached: TLS that would not be used, files that cannot be read.

use std::fs::File;

use super::super::load::Report;
use super::super::raw::quoted;
use super::super::{Config, TlsConfig};

pub(super) fn check(config: &Config, report: &mut Report) {
    let broker_tls = config
        .broker
        .urls
        .iter()
        .all(|url| url.expose().starts_with("amqps:"));
    tls(
        "broker",
        "broker.urls",
        &config.broker.tls,
        broker_tls,
        "every URL must start with amqps:// where broker.tls is set",
        report,
    );
    // The driver ignores its TLS settings for the plain schemes, and the CA for +ssc.
    tls(
        "neo4j",
        "neo4j.uri",
        &config.neo4j.tls,
        config.neo4j.uri.contains("+s://"),
        "must start with bolt+s:// or neo4j+s:// where neo4j.tls is set",
        report,
    );
    tls(
        "qdrant",
        "qdrant.url",
        &config.qdrant.tls,
        config.qdrant.url.starts_with("https:"),
        "must start with https:// where qdrant.tls is set",
        report,
    );
    // Whether the server offers TLS is not known here.
    tls("outbox", "outbox.url", &config.outbox.tls, true, "", report);
    log_dir(config, report);
    api_token(config, report);
}

fn tls(
    server: &str,
    url_key: &str,
    tls: &TlsConfig,
    encrypted: bool,
    rule: &str,
    report: &mut Report,
) {
    if *tls != TlsConfig::default() && !encrypted {
        let hint = "without it the connection would not be encrypted as configured";
        report.relate(&[url_key, &format!("{server}.tls")], "***", rule, hint);
    }
    let key = |setting: &str| format!("{server}.tls.{setting}");
    match (&tls.cert_file, &tls.key_file) {
        (Some(_), None) => {
            let rule = "must be set together with cert_file";
            report.relate(
                &[&key("key_file"), &key("cert_file")],
                "unset",
                rule,
                "add it",
            );
        }
        (None, Some(_)) => {
            let rule = "must be set together with key_file";
            report.relate(
                &[&key("cert_file"), &key("key_file")],
                "unset",
                rule,
                "add it",
            );
        }
        _ => {}
    }
    let files = [
        ("ca_file", &tls.ca_file),
        ("cert_file", &tls.cert_file),
        ("key_file", &tls.key_file),
    ];
    for (setting, path) in files {
        let Some(path) = path else { continue };
        let problem = match File::open(path) {
            Err(error) => error.to_string(),
            Ok(_) if path.is_dir() => "it is a directory".to_owned(),
            Ok(_) => continue,
        };
        report.relate(
            &[&key(setting)],
            quoted(&path.to_string_lossy()),
            format!("must be a readable file: {problem}"),
            "a relative path counts from the working directory",
        );
    }
}

fn api_token(config: &Config, report: &mut Report) {
    if config.http.api_token_events && config.http.api_token.is_none() {
        report.relate(
            &["http.api_token_events", "http.api_token"],
            "true",
            "must be false where http.api_token is unset",
            "set FANOUT_API_TOKEN or FANOUT_API_TOKEN_FILE; without a token everybody could post",
        );
    }
}

fn log_dir(config: &Config, report: &mut Report) {
    if let Some(dir) = config.log.dir.as_ref().filter(|dir| dir.is_file()) {
        report.relate(
            &["log.dir"],
            quoted(&dir.to_string_lossy()),
            "must be a folder; this is a file",
            "the log file itself is named by the day",
        );
    }
}
