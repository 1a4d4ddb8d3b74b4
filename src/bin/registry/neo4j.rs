//! Settings to the Neo4j processor.

use std::num::NonZeroUsize;
use std::sync::Arc;

use fanout::config::{ConfigErrors, Neo4jSettings};
use fanout::worker::ProcessorContext;
use fanout_contract::Processor;
use fanout_neo4j::{Neo4jConfig, Neo4jProcessor, Tls};

/// The Neo4j processor as configured.
pub(super) fn build(context: &ProcessorContext<'_>) -> Result<Arc<dyn Processor>, ConfigErrors> {
    let processor = Neo4jProcessor::new(settings(&context.config().neo4j));
    let origin = |key: &str| context.origin(key);
    let processor = processor.map_err(|problems| super::errors(&origin, problems))?;
    Ok(Arc::new(processor))
}

/// The settings as the processor's package has them.
pub(crate) fn settings(neo4j: &Neo4jSettings) -> Neo4jConfig {
    let tls = &neo4j.tls;
    Neo4jConfig {
        uri: neo4j.uri.clone(),
        user: neo4j.user.clone(),
        password: neo4j.password.expose().to_owned(),
        database: neo4j.database.clone(),
        tls: Tls {
            ca: tls.ca_file.clone(),
            client: tls.cert_file.clone().zip(tls.key_file.clone()),
        },
        query_timeout: neo4j.query_timeout,
        writers: NonZeroUsize::new(neo4j.writers).unwrap_or(NonZeroUsize::MIN),
        ..Neo4jConfig::default()
    }
}
