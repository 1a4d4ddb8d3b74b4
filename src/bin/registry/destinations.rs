//! What each compiled-in processor tells of its destination, one line each. `fanout` alone
//! asks.

use std::collections::BTreeMap;

#[cfg(any(feature = "neo4j", feature = "qdrant"))]
use fanout::config::Origin;
use fanout::config::{ConfigErrors, Loaded};
use fanout::operate::doctor::{Area, Finding, Gap, Kinds, of_destination};
use fanout_contract::Processor;
#[cfg(test)]
use fanout_contract::diagnosis::Check;
use fanout_contract::diagnosis::Diagnosis;
use futures::future::{BoxFuture, join_all};
use tokio::time::{Duration, timeout};

#[cfg(any(feature = "neo4j", feature = "qdrant"))]
use crate::registry;

/// For all that `prepare` creates.
const PREPARE_WITHIN: Duration = Duration::from_secs(60);

type BoxedProcessor = Result<Box<dyn Processor>, ConfigErrors>;

/// A destination, and how it is asked.
struct Destination {
    /// Name of the processor.
    name: &'static str,
    kinds: Kinds,
    #[cfg(test)]
    checks: &'static [Check],
    diagnose: fn(&Loaded) -> BoxFuture<'_, Result<Diagnosis, ConfigErrors>>,
    processor: fn(&Loaded) -> BoxedProcessor,
}

fn all() -> Vec<Destination> {
    vec![
        #[cfg(feature = "neo4j")]
        Destination {
            name: "neo4j",
            kinds: fanout_neo4j::mapping::KINDS,
            #[cfg(test)]
            checks: fanout_neo4j::diagnose::CHECKS,
            diagnose: |loaded| Box::pin(neo4j::diagnose(loaded)),
            processor: neo4j::processor,
        },
        #[cfg(feature = "qdrant")]
        Destination {
            name: "qdrant",
            kinds: fanout_qdrant::KINDS,
            #[cfg(test)]
            checks: fanout_qdrant::diagnose::CHECKS,
            diagnose: |loaded| Box::pin(qdrant::diagnose(loaded)),
            processor: qdrant::processor,
        },
    ]
}

/// The kinds of events that each processor knows.
pub(crate) fn kinds() -> BTreeMap<String, Kinds> {
    let all = all().into_iter();
    all.map(|destination| (destination.name.to_owned(), destination.kinds))
        .collect()
}

/// Ids of all checks, those of the library included.
#[cfg(test)]
pub(crate) fn check_ids() -> Vec<&'static str> {
    let ours = fanout::operate::doctor::checks()
        .into_iter()
        .map(|check| check.id);
    let theirs = all().into_iter().flat_map(|destination| destination.checks);
    ours.chain(theirs.map(|check| check.id)).collect()
}

/// Looks at the destinations of all configured queues, all at once.
pub(crate) async fn diagnose(loaded: &Loaded) -> (Vec<Finding>, Vec<Gap>) {
    let (mut findings, mut gaps) = (Vec::new(), Vec::new());
    let mut configured: Vec<_> = loaded.config.queues.values().collect();
    configured.sort_by_key(|queue| &queue.processor);
    configured.dedup_by_key(|queue| &queue.processor);
    let all = all();
    let asked = configured.into_iter().map(async |queue| {
        let mut known = all.iter();
        let Some(destination) = known.find(|known| known.name == queue.processor) else {
            return Err(format!(
                "the processor {}: this program has none of the name",
                queue.processor
            ));
        };
        let diagnosis = (destination.diagnose)(loaded).await;
        let diagnosis = diagnosis.map_err(|errors| errors.to_string())?;
        Ok(of_destination(destination.name, diagnosis))
    });
    for answer in join_all(asked).await {
        match answer {
            Ok((found, not_checked)) => {
                findings.extend(found);
                gaps.extend(not_checked);
            }
            Err(what) => gaps.push(Gap {
                area: Area::Destinations,
                what,
                mend: "its own program knows it: --check tells".to_owned(),
            }),
        }
    }
    (findings, gaps)
}

/// Lets a processor create what is missing.
///
/// # Errors
/// Why it could not, for people.
pub(crate) async fn prepare(name: &str, loaded: &Loaded) -> Result<(), String> {
    let all = all();
    let Some(destination) = all.iter().find(|destination| destination.name == name) else {
        return Err("this program has no such processor".to_owned());
    };
    let processor = (destination.processor)(loaded).map_err(|errors| errors.to_string())?;
    let prepared = timeout(PREPARE_WITHIN, processor.prepare()).await;
    processor.close().await;
    match prepared {
        Ok(prepared) => prepared.map_err(|failure| failure.to_string()),
        Err(_) => Err(format!("no answer within {} s", PREPARE_WITHIN.as_secs())),
    }
}

#[cfg(feature = "neo4j")]
mod neo4j {
    use super::{BoxedProcessor, ConfigErrors, Diagnosis, Loaded, registry};

    pub(super) async fn diagnose(loaded: &Loaded) -> Result<Diagnosis, ConfigErrors> {
        let settings = registry::neo4j::settings(&loaded.config.neo4j);
        let diagnosis = fanout_neo4j::diagnose::diagnose(&settings).await;
        diagnosis.map_err(|problems| registry::errors(&super::origin(loaded), problems))
    }

    pub(super) fn processor(loaded: &Loaded) -> BoxedProcessor {
        let settings = registry::neo4j::settings(&loaded.config.neo4j);
        match fanout_neo4j::Neo4jProcessor::new(settings) {
            Ok(processor) => Ok(Box::new(processor)),
            Err(problems) => Err(registry::errors(&super::origin(loaded), problems)),
        }
    }
}

#[cfg(feature = "qdrant")]
mod qdrant {
    use super::{BoxedProcessor, ConfigErrors, Diagnosis, Loaded, registry};

    pub(super) async fn diagnose(loaded: &Loaded) -> Result<Diagnosis, ConfigErrors> {
        let settings = registry::qdrant::settings(&loaded.config.qdrant);
        let diagnosis = fanout_qdrant::diagnose::diagnose(&settings).await;
        diagnosis.map_err(|problems| registry::errors(&super::origin(loaded), problems))
    }

    pub(super) fn processor(loaded: &Loaded) -> BoxedProcessor {
        let settings = registry::qdrant::settings(&loaded.config.qdrant);
        match fanout_qdrant::QdrantProcessor::new(settings) {
            Ok(processor) => Ok(Box::new(processor)),
            Err(problems) => Err(registry::errors(&super::origin(loaded), problems)),
        }
    }
}

#[cfg(any(feature = "neo4j", feature = "qdrant"))]
fn origin(loaded: &Loaded) -> impl Fn(&str) -> Origin + '_ {
    |key| loaded.origins.of(key)
}
