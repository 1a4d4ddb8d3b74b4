//! The files that secrets of the configuration come from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fanout::config::{Loaded, Origin};

/// Settings that hold a secret.
const SECRETS: [&str; 6] = [
    "broker.urls",
    "broker.management_url",
    "neo4j.password",
    "qdrant.api_key",
    "http.api_token",
    "outbox.url",
];

/// The configuration file where it sets a secret, and `.env` where it does.
pub(super) fn with_secrets(loaded: &Loaded, env: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let origins = SECRETS.iter().map(|key| loaded.origins.of(key));
    let mut files: Vec<_> = origins
        .filter_map(|origin| match origin {
            Origin::File { path, .. } => Some(path),
            _ => None,
        })
        .collect();
    let dotenv = Path::new(".env");
    if dotenv.exists() && env.iter().any(|(name, _)| in_dotenv(name)) {
        files.push(dotenv.to_owned());
    }
    files.sort();
    files.dedup();
    files
}

/// A secret that is in the environment and not in that of the process came from `.env`.
fn in_dotenv(name: &str) -> bool {
    let secret = ["PASSWORD", "TOKEN", "API_KEY", "RABBITMQ_URL", "OUTBOX_URL"];
    secret.iter().any(|end| name.ends_with(end)) && std::env::var_os(name).is_none()
}
