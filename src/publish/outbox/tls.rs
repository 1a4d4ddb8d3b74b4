//! TLS towards the database: rustls, with the system's authorities or those of a file.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::OutboxError;
use crate::config::TlsConfig;

/// What connects with TLS where the URL and the server want it.
///
/// # Errors
/// A file cannot be read or holds nothing of use.
pub(super) fn connector(config: &TlsConfig) -> Result<MakeRustlsConnect, OutboxError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(settings)?
        .with_root_certificates(roots(config.ca_file.as_deref())?);
    let client = match (&config.cert_file, &config.key_file) {
        (Some(cert), Some(key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(|e| in_file(key, e))?;
            builder
                .with_client_auth_cert(certificates(cert)?, key)
                .map_err(settings)?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(client))
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, OutboxError> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(file) => {
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|e| in_file(file, e))?;
            }
        }
        // Where the system has none, a server with TLS is refused and says so.
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, OutboxError> {
    let found = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| in_file(file, e))?;
    if found.is_empty() {
        return Err(in_file(file, "it holds no certificate"));
    }
    Ok(found)
}

fn in_file(file: &Path, error: impl std::fmt::Display) -> OutboxError {
    OutboxError::Settings(format!("'{}': {error}", file.display()))
}

fn settings(error: rustls::Error) -> OutboxError {
    OutboxError::Settings(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let config = TlsConfig {
            ca_file: Some(path.into()),
            ..TlsConfig::default()
        };
        let error = connector(&config).err().unwrap();
        assert_eq!(error.code(), "outbox-settings");
        assert!(error.to_string().contains("Cargo.toml"), "{error}");
    }

    #[test]
    fn without_settings_the_system_is_trusted() {
        assert!(connector(&TlsConfig::default()).is_ok());
    }
}
