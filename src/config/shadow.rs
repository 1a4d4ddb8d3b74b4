//! The shadow: where the broker's path projects to while direct mode keeps the real stores.

use super::{Config, ConfigErrors, Origins, Problem, Secret};

/// Stores beside the real ones. What is not set is as with the real one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowConfig {
    /// Another Neo4j server. `None` = the same one; then another database is needed.
    pub neo4j_uri: Option<String>,
    /// Its user. `None` = the same.
    pub neo4j_user: Option<String>,
    /// Its password. `None` = the same.
    pub neo4j_password: Option<Secret>,
    /// Another database. `None` = the same; the Community edition has one only.
    pub neo4j_database: Option<String>,
    /// Another Qdrant server. `None` = the same one.
    pub qdrant_url: Option<String>,
    /// Its API key. `None` = the same.
    pub qdrant_api_key: Option<Secret>,
    /// Put before the names of the collections. Default `shadow_`.
    pub qdrant_collection_prefix: String,
}

impl Default for ShadowConfig {
    fn default() -> Self {
        Self {
            neo4j_uri: None,
            neo4j_user: None,
            neo4j_password: None,
            neo4j_database: None,
            qdrant_url: None,
            qdrant_api_key: None,
            qdrant_collection_prefix: "shadow_".to_owned(),
        }
    }
}

impl Config {
    /// This configuration with the shadow in place of the real stores.
    ///
    /// # Errors
    /// Where a queue's store would be the real one: what is projected there would not be a
    /// second result to compare with.
    pub fn shadow(&self, origins: &Origins) -> Result<Self, ConfigErrors> {
        let mut config = self.clone();
        let (shadow, neo4j, qdrant) = (&self.shadow, &mut config.neo4j, &mut config.qdrant);
        replace(&mut neo4j.uri, &shadow.neo4j_uri);
        replace(&mut neo4j.user, &shadow.neo4j_user);
        replace(&mut neo4j.password, &shadow.neo4j_password);
        if shadow.neo4j_database.is_some() {
            neo4j.database.clone_from(&shadow.neo4j_database);
        }
        replace(&mut qdrant.url, &shadow.qdrant_url);
        if shadow.qdrant_api_key.is_some() {
            qdrant.api_key.clone_from(&shadow.qdrant_api_key);
        }
        qdrant.collection_prefix = Some(shadow.qdrant_collection_prefix.clone());
        let uses = |name: &str| self.queues.values().any(|queue| queue.processor == name);
        let same_graph =
            (&self.neo4j.uri, &self.neo4j.database) == (&config.neo4j.uri, &config.neo4j.database);
        let same_vectors = (&self.qdrant.url, &self.qdrant.collection_prefix)
            == (&config.qdrant.url, &config.qdrant.collection_prefix);
        let mut problems = Vec::new();
        if uses("neo4j") && same_graph {
            let key = "shadow.neo4j_uri";
            let rule = "must name another server than neo4j.uri, or shadow.neo4j_database another database";
            let hint =
                "the Community edition has one database: start a second server for the shadow";
            problems.push(Problem::new(key, origins.of(key), rule).hint(hint));
        }
        if uses("qdrant") && same_vectors {
            let key = "shadow.qdrant_collection_prefix";
            let rule = "must be another one than qdrant.collection_prefix";
            problems.push(Problem::new(key, origins.of(key), rule).hint("for example shadow_"));
        }
        match ConfigErrors::from_problems(problems) {
            Some(errors) => Err(errors),
            None => Ok(config),
        }
    }
}

fn replace<T: Clone>(place: &mut T, with: &Option<T>) {
    if let Some(with) = with {
        place.clone_from(with);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shadow_is_another_place_or_refused() {
        let mut config = Config::default();
        let refused = config.shadow(&Origins::default()).unwrap_err().to_string();
        assert!(refused.contains("shadow.neo4j_uri"), "{refused}");
        assert!(!refused.contains("qdrant"), "{refused}");
        config.shadow.neo4j_uri = Some("bolt://shadow:7687".to_owned());
        config.shadow.neo4j_password = Some(Secret::new("other"));
        let shadow = config.shadow(&Origins::default()).unwrap();
        assert_eq!(shadow.neo4j.uri, "bolt://shadow:7687");
        assert_eq!(shadow.neo4j.user, config.neo4j.user);
        assert_eq!(shadow.neo4j.password.expose(), "other");
        assert_eq!(shadow.qdrant.collection_prefix.as_deref(), Some("shadow_"));
        config.qdrant.collection_prefix = Some("shadow_".to_owned());
        let refused = config.shadow(&Origins::default()).unwrap_err().to_string();
        assert!(refused.contains("qdrant_collection_prefix"), "{refused}");
    }
}
