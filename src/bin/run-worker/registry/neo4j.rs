//! Settings to the Neo4j processor.

use std::num::NonZeroUsize;
use std::sync::Arc;

use fanout::config::{ConfigErrors, Neo4jSettings, Problem};
use fanout::worker::ProcessorContext;
use fanout_contract::Processor;
use fanout_neo4j::{ConfigProblem, Neo4jConfig, Neo4jProcessor, Tls};

/// The Neo4j processor as configured.
pub(super) fn build(context: &ProcessorContext<'_>) -> Result<Arc<dyn Processor>, ConfigErrors> {
    match Neo4jProcessor::new(settings(&context.config().neo4j)) {
        Ok(processor) => Ok(Arc::new(processor)),
        Err(problems) => {
            let problems = problems.iter().map(|p| problem(context, p)).collect();
            Err(ConfigErrors::from_problems(problems).unwrap_or_else(|| {
                let key = "neo4j";
                ConfigErrors::one(Problem::new(key, context.origin(key), "cannot be used"))
            }))
        }
    }
}

fn settings(neo4j: &Neo4jSettings) -> Neo4jConfig {
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

fn problem(context: &ProcessorContext<'_>, problem: &ConfigProblem) -> Problem {
    let key = format!("neo4j.{}", problem.key);
    let origin = context.origin(&key);
    Problem::new(key, origin, problem.rule.clone()).hint(problem.hint)
}
