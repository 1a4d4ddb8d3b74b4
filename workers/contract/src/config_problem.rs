//! What a processor's package has against its settings.

/// A setting that cannot work. A package tells all of them at once, before it connects.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{section}.{key}: {rule}; {hint}")]
pub struct ConfigProblem {
    /// The section of the configuration, such as `neo4j`.
    pub section: &'static str,
    /// The setting in it.
    pub key: &'static str,
    /// What it must be.
    pub rule: String,
    /// What to do.
    pub hint: &'static str,
}
