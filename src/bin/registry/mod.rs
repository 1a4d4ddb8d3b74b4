//! The processors that these programs have, one line each.

#[cfg(any(feature = "neo4j", feature = "qdrant"))]
use fanout::config::{ConfigErrors, Origin, Problem};
use fanout::worker::Worker;
#[cfg(any(feature = "neo4j", feature = "qdrant"))]
use fanout_contract::ConfigProblem;

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
/// What a processor's package has against its settings, as problems of the configuration.
pub(crate) fn errors(
    origin: &dyn Fn(&str) -> Origin,
    problems: Vec<ConfigProblem>,
) -> ConfigErrors {
    let problem = |problem: ConfigProblem| {
        let key = format!("{}.{}", problem.section, problem.key);
        let origin = origin(&key);
        Problem::new(key, origin, problem.rule).hint(problem.hint)
    };
    ConfigErrors::from_problems(problems.into_iter().map(problem).collect()).unwrap_or_else(|| {
        let key = "processor";
        ConfigErrors::one(Problem::new(key, origin(key), "cannot be used"))
    })
}
