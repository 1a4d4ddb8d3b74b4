//! What is wrong with a server, for `fanout doctor`. Changes nothing.
//!
//! The questions stand in `store`; what the answers mean is judged here, purely.

use std::time::Duration;

use fanout_contract::ConfigProblem;
use fanout_contract::diagnosis::{Check, Diagnosis, Severity, Symptom};
use tonic::Code;

use crate::config::{QdrantConfig, masked};
use crate::fold::make;
use crate::id::Collection;
use crate::store::{QdrantStore, StoreError};

const UNREACHABLE: Check = Check {
    id: "qdrant-unreachable",
    severity: Severity::Error,
    why: "workers pause and events wait in their queue until it answers",
};
const KEY: Check = Check {
    id: "qdrant-key-refused",
    severity: Severity::Error,
    why: "a worker with a wrong key does not start",
};
const VERSION: Check = Check {
    id: "qdrant-version-old",
    severity: Severity::Error,
    why: "servers before 1.16 ignore the condition of a write silently: an older event overwrites \
          a newer one",
};
const MISSING: Check = Check {
    id: "qdrant-collection-missing",
    severity: Severity::Error,
    why: "nothing can be written or found there",
};
const DIFFERS: Check = Check {
    id: "qdrant-collection-differs",
    severity: Severity::Error,
    why: "vectors do not fit or are compared by another measure: a worker does not start",
};
const STATUS: Check = Check {
    id: "qdrant-collection-status",
    severity: Severity::Error,
    why: "a collection that is red has failed; one whose optimiser has failed, as on a full disk, \
          becomes slower and takes no more points in the end",
};
const INDEX: Check = Check {
    id: "qdrant-index-missing",
    severity: Severity::Warning,
    why: "finding points by that field reads the whole collection: for every profile, or every question where an event is",
};

const MAKE: Check = Check {
    id: "qdrant-profiles-outdated",
    severity: Severity::Warning,
    why: "profiles of other weights, or of another half life, are not to be compared with those \
          that were folded since",
};

/// Every check of this package.
pub const CHECKS: &[Check] = &[
    UNREACHABLE,
    KEY,
    VERSION,
    MISSING,
    DIFFERS,
    STATUS,
    INDEX,
    MAKE,
];

/// Far above what a handful of questions take.
const DEADLINE: Duration = Duration::from_secs(15);

/// What is known of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Size of its one vector with distance cosine; `None` = it has none, or others.
    pub(crate) size: Option<u64>,
    pub(crate) health: Health,
    /// What its optimiser complains of.
    pub(crate) optimizer: Option<String>,
    /// Fields that ought to have an index and have none.
    pub(crate) unindexed: Vec<&'static str>,
    /// Of a sample of profiles the make of each; `None` on one from before there was a choice.
    pub(crate) makes: Vec<Option<String>>,
}

/// The colour that the server gives a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Health {
    #[default]
    Green,
    /// Optimising.
    Yellow,
    /// Optimising waits for the next write, as after a restart.
    Grey,
    Red,
}

/// Looks at the server of this configuration. Takes at most 15 s. Dropping the future leaves
/// nothing behind.
///
/// # Errors
/// All [`ConfigProblem`]s at once.
pub async fn diagnose(config: &QdrantConfig) -> Result<Diagnosis, Vec<ConfigProblem>> {
    let store = QdrantStore::new(config)?;
    let mut found = Vec::new();
    let asked = tokio::time::timeout(DEADLINE, store.ask(&mut found)).await;
    let asked = asked.unwrap_or(Err(StoreError::TimedOut));
    Ok(judge(config, &found, asked))
}

/// What the answers mean; `asked` says whether the questions came to their end.
fn judge(
    config: &QdrantConfig,
    found: &[(Collection, Option<Found>)],
    asked: Result<(), StoreError>,
) -> Diagnosis {
    let mut diagnosis = Diagnosis::default();
    for (collection, found_one) in found {
        let name = format!("{}{}", config.collection_prefix, collection.name());
        match found_one {
            None if expected(config, *collection, found) => diagnosis.add(Symptom {
                prepare_mends: true,
                ..MISSING.found(
                    &name,
                    format!("there is no collection {name}"),
                    "a worker creates it when it starts, where it may",
                )
            }),
            None => {}
            Some(one) => {
                form(config, *collection, &name, one, found, &mut diagnosis);
                state(&name, one, &mut diagnosis);
                outdated(config, &name, one, &mut diagnosis);
            }
        }
    }
    if let Err(error) = asked {
        diagnosis.add(unanswered(&masked(&config.url), &error));
    }
    diagnosis
}

fn has_vectors(collection: Collection) -> bool {
    matches!(collection, Collection::Products | Collection::Profiles)
}

/// Collections with vectors are made with the first product, when their dimension is known.
fn expected(
    config: &QdrantConfig,
    collection: Collection,
    found: &[(Collection, Option<Found>)],
) -> bool {
    let one_of_them =
        |(other, found): &(Collection, Option<Found>)| has_vectors(*other) && found.is_some();
    !has_vectors(collection) || config.dimension.is_some() || found.iter().any(one_of_them)
}

fn form(
    config: &QdrantConfig,
    collection: Collection,
    name: &str,
    one: &Found,
    found: &[(Collection, Option<Found>)],
    diagnosis: &mut Diagnosis,
) {
    if !has_vectors(collection) {
        return;
    }
    let products = found.iter().find_map(|(other, found)| {
        (*other == Collection::Products).then_some(found.as_ref()?.size?)
    });
    let configured = config.dimension.and_then(|d| u64::try_from(d.get()).ok());
    let wanted = configured.or(products);
    let what = match (one.size, wanted) {
        (None, _) => "it has no single vector with distance cosine".to_owned(),
        (Some(size), Some(wanted)) if size != wanted => {
            let whose = if configured.is_some() {
                "configured is"
            } else {
                "products have"
            };
            format!("its vectors have {size} dimensions, {whose} {wanted}")
        }
        _ => return,
    };
    diagnosis.add(DIFFERS.found(
        name,
        what,
        "set qdrant.collection_prefix for new collections and replay, or correct qdrant.dimension",
    ));
}

fn state(name: &str, one: &Found, diagnosis: &mut Diagnosis) {
    let status = |severity, what: String, mend: &str| Symptom {
        severity,
        ..STATUS.found(name, what, mend)
    };
    match one.health {
        Health::Red => diagnosis.add(status(
            Severity::Error,
            "the collection is red".to_owned(),
            "the server's log says why; restore it from a snapshot, or replay into a new one",
        )),
        Health::Yellow | Health::Grey | Health::Green => {}
    }
    if let Some(problem) = &one.optimizer {
        diagnosis.add(status(
            Severity::Error,
            format!("the optimiser has failed: {problem}"),
            "free disk and memory at the server, and restart it",
        ));
    }
    for field in &one.unindexed {
        diagnosis.add(Symptom {
            prepare_mends: true,
            ..INDEX.found(
                name,
                format!("the field {field} has no index"),
                "a worker creates it when it starts, where it may",
            )
        });
    }
}

fn outdated(config: &QdrantConfig, name: &str, one: &Found, diagnosis: &mut Diagnosis) {
    let default = QdrantConfig::default();
    let before = make(&default.weights, default.half_life);
    let ours = make(&config.weights, config.half_life);
    let others = one
        .makes
        .iter()
        .filter(|make| make.as_ref().unwrap_or(&before) != &ours);
    let others = others.count();
    if config.profiles && others > 0 {
        diagnosis.add(MAKE.found(
            name,
            format!(
                "{others} of {} profiles were folded with other weights or another half life",
                one.makes.len()
            ),
            "each follows with the next event of its user; to have them all follow now, publish \
             the products again",
        ));
    }
}

fn unanswered(url: &str, error: &StoreError) -> Symptom {
    match error {
        StoreError::Version(_) => {
            VERSION.found(url, error.to_string(), "upgrade Qdrant to 1.16 or later")
        }
        StoreError::Server {
            code: Code::Unauthenticated | Code::PermissionDenied,
            ..
        } => KEY.found(url, error.to_string(), "check QDRANT_API_KEY"),
        _ => UNREACHABLE.found(
            url,
            error.to_string(),
            "is Qdrant running there? QDRANT_URL names its gRPC port, 6334",
        ),
    }
}

#[cfg(test)]
#[path = "diagnose_tests.rs"]
mod tests;
