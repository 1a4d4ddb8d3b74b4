//! Settings to the Qdrant processor.

use std::num::NonZeroUsize;
use std::sync::Arc;

use fanout::config::{ConfigErrors, Problem, QdrantSettings};
use fanout::worker::ProcessorContext;
use fanout_contract::Processor;
use fanout_qdrant::{ConfigProblem, QdrantConfig, QdrantProcessor, Tls};

/// The Qdrant processor as configured.
pub(super) fn build(context: &ProcessorContext<'_>) -> Result<Arc<dyn Processor>, ConfigErrors> {
    match QdrantProcessor::new(settings(&context.config().qdrant)) {
        Ok(processor) => Ok(Arc::new(processor)),
        Err(problems) => {
            let problems = problems.iter().map(|p| problem(context, p)).collect();
            Err(ConfigErrors::from_problems(problems).unwrap_or_else(|| {
                let key = "qdrant";
                ConfigErrors::one(Problem::new(key, context.origin(key), "cannot be used"))
            }))
        }
    }
}

fn settings(qdrant: &QdrantSettings) -> QdrantConfig {
    let tls = &qdrant.tls;
    QdrantConfig {
        url: qdrant.url.clone(),
        api_key: qdrant.api_key.as_ref().map(|key| key.expose().to_owned()),
        tls: Tls {
            ca: tls.ca_file.clone(),
            client: tls.cert_file.clone().zip(tls.key_file.clone()),
            server_name: tls.server_name.clone(),
        },
        collection_prefix: qdrant.collection_prefix.clone().unwrap_or_default(),
        dimension: qdrant.dimension.and_then(NonZeroUsize::new),
        derive_vectors: qdrant.derive_vectors,
        profiles: qdrant.profiles,
        half_life: qdrant.half_life,
        in_flight: NonZeroUsize::new(qdrant.in_flight).unwrap_or(NonZeroUsize::MIN),
        query_timeout: qdrant.query_timeout,
        ..QdrantConfig::default()
    }
}

fn problem(context: &ProcessorContext<'_>, problem: &ConfigProblem) -> Problem {
    let key = format!("qdrant.{}", problem.key);
    let origin = context.origin(&key);
    Problem::new(key, origin, problem.rule.clone()).hint(problem.hint)
}
