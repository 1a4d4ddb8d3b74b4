//! TLS material as lapin takes it. Read anew for each attempt, so that renewed files count.

use std::path::Path;

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};

use crate::broker::BrokerError;
use crate::config::TlsConfig;

/// Reads CA, client certificate and key.
pub(super) async fn load(config: &TlsConfig) -> Result<OwnedTLSConfig, BrokerError> {
    let cert_chain = match &config.ca_file {
        Some(path) => Some(String::from_utf8(read(path).await?).map_err(|_| {
            BrokerError::NotConnected(format!("{} is not a PEM file", path.display()))
        })?),
        None => None,
    };
    let identity = match (&config.cert_file, &config.key_file) {
        (Some(cert), Some(key)) => Some(OwnedIdentity::PKCS8 {
            pem: read(cert).await?,
            key: read(key).await?,
        }),
        _ => None,
    };
    Ok(OwnedTLSConfig {
        identity,
        cert_chain,
    })
}

async fn read(path: &Path) -> Result<Vec<u8>, BrokerError> {
    tokio::fs::read(path).await.map_err(|e| {
        BrokerError::NotConnected(format!("cannot read the TLS file {}: {e}", path.display()))
    })
}
