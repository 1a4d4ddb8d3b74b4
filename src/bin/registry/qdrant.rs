//! Settings to the Qdrant processor.

use std::num::NonZeroUsize;
use std::sync::Arc;

use fanout::config::{ConfigErrors, QdrantSettings};
use fanout::worker::ProcessorContext;
use fanout_contract::Processor;
use fanout_qdrant::{QdrantConfig, QdrantProcessor, Tls, Weights};

/// The Qdrant processor as configured.
pub(super) fn build(context: &ProcessorContext<'_>) -> Result<Arc<dyn Processor>, ConfigErrors> {
    let processor = QdrantProcessor::new(settings(&context.config().qdrant));
    let origin = |key: &str| context.origin(key);
    let processor = processor.map_err(|problems| super::errors(&origin, problems))?;
    Ok(Arc::new(processor))
}

/// The settings as the processor's package has them.
pub(crate) fn settings(qdrant: &QdrantSettings) -> QdrantConfig {
    let (tls, weights) = (&qdrant.tls, &qdrant.weights);
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
        weights: Weights {
            viewed: weights.view,
            carted: weights.cart,
            uncarted: weights.remove_from_cart,
            purchased: weights.purchase,
        },
        in_flight: NonZeroUsize::new(qdrant.in_flight).unwrap_or(NonZeroUsize::MIN),
        query_timeout: qdrant.query_timeout,
        ..QdrantConfig::default()
    }
}
