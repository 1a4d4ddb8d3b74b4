//! The processors that these programs have, one line each.

#[cfg(any(feature = "neo4j", feature = "qdrant"))]
use fanout::config::{ConfigErrors, Origin, Problem};
use fanout::worker::Worker;

#[cfg(feature = "neo4j")]
pub(crate) mod neo4j;
#[cfg(feature = "qdrant")]
pub(crate) mod qdrant;

/// Registers each processor that was compiled in.
pub(crate) fn processors(worker: Worker) -> Worker {
    #[cfg(feature = "neo4j")]
    let worker = worker.processor("neo4j", neo4j::build);
    #[cfg(feature = "qdrant")]
    let worker = worker.processor("qdrant", qdrant::build);
    worker
}

#[cfg(any(feature = "neo4j", feature = "qdrant"))]
/// What a processor's package has against a setting: key, rule, hint.
type Objection<'a> = (&'a str, &'a str, &'a str);

#[cfg(any(feature = "neo4j", feature = "qdrant"))]
/// The objections as problems of the configuration's section.
fn errors<'a>(
    section: &str,
    origin: &dyn Fn(&str) -> Origin,
    objections: impl Iterator<Item = Objection<'a>>,
) -> ConfigErrors {
    let problem = |(key, rule, hint)| {
        let key = format!("{section}.{key}");
        let origin = origin(&key);
        Problem::new(key, origin, rule).hint(hint)
    };
    ConfigErrors::from_problems(objections.map(problem).collect()).unwrap_or_else(|| {
        ConfigErrors::one(Problem::new(section, origin(section), "cannot be used"))
    })
}
