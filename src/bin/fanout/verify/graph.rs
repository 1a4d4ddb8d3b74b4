//! Two graphs: totals of each kind, then user by user.

use std::collections::BTreeSet;

use fanout::config::{Config, Loaded};
use fanout_contract::Failure;
use fanout_neo4j::Neo4jConfig;
use fanout_neo4j::mapping::Key;
use fanout_neo4j::store::{BoltStore, GraphStore};
use fanout_neo4j::survey::{UserCounts, counts_of, interaction_totals, some_users, users_from};
use serde_json::json;

use super::{Compared, Extent, PATIENCE, Pair, Totals, failed};
use crate::exit::{CommandError, Exit};
use crate::registry::{self, neo4j};

/// Users asked for at once: their ids fit into a request that is sent in one piece.
const PAGE: u32 = 200;

pub(super) async fn compare(
    loaded: &Loaded,
    shadow: &Config,
    extent: Extent,
) -> Result<Compared, CommandError> {
    let mut pair = Pair::of(&loaded.config, shadow, |config| store(loaded, config))?;
    let compared = pair.compare(extent).await;
    pair.real.close().await;
    pair.shadow.close().await;
    let totals = compared.map_err(|failure| failed("the graphs", "NEO4J_URI", &failure))?;
    Ok(pair.compared("neo4j", totals))
}

fn store(loaded: &Loaded, config: &Config) -> Result<BoltStore, CommandError> {
    let config = Neo4jConfig {
        query_timeout: PATIENCE,
        ..neo4j::settings(&config.neo4j)
    };
    BoltStore::new(&config).map_err(|problems| {
        let origin = |key: &str| loaded.origins.of(key);
        CommandError::new(Exit::Configuration, registry::errors(&origin, problems))
    })
}

impl Pair<BoltStore> {
    async fn compare(&mut self, extent: Extent) -> Result<Totals, Failure> {
        let totals = self.totals().await?;
        match extent {
            Extent::Sample(users) => {
                let mut some: BTreeSet<Key> = BTreeSet::new();
                for store in [&self.real, &self.shadow] {
                    some.extend(some_users(store, users, PATIENCE).await?);
                }
                let some: Vec<Key> = some.into_iter().collect();
                for users in some.chunks(PAGE as usize) {
                    self.users(users, false).await?;
                }
            }
            Extent::Full => {
                // the second time for who is in the shadow only
                for in_shadow in [false, true] {
                    for first in [Key::Int(i64::MIN), Key::Text(String::new())] {
                        self.all(first, in_shadow).await?;
                    }
                }
            }
        }
        Ok(totals)
    }

    async fn totals(&mut self) -> Result<Totals, Failure> {
        let real = interaction_totals(&self.real, PATIENCE).await?;
        let shadow = interaction_totals(&self.shadow, PATIENCE).await?;
        let kinds: BTreeSet<&String> = real.keys().chain(shadow.keys()).collect();
        let mut totals = Totals::new();
        for kind in kinds {
            let of = |side: &std::collections::BTreeMap<String, _>| {
                let totals: fanout_neo4j::survey::Totals =
                    side.get(kind).copied().unwrap_or_default();
                json!({ "pairs": totals.pairs, "events": totals.events })
            };
            let (real, shadow) = (of(&real), of(&shadow));
            if real != shadow {
                let what = format!("total of {kind}");
                self.found.add(what, real.clone(), shadow.clone());
            }
            totals.insert(kind.clone(), json!({ "real": real, "shadow": shadow }));
        }
        Ok(totals)
    }

    /// All users of one type of id, page by page.
    async fn all(&mut self, first: Key, in_shadow: bool) -> Result<(), Failure> {
        let mut from = first;
        let mut behind = false;
        loop {
            let store = if in_shadow { &self.shadow } else { &self.real };
            let page = users_from(store, &from, PAGE, PATIENCE).await?;
            let last = page.last().cloned();
            // the first of a further page was the last of the one before
            let fresh = page.get(usize::from(behind)..).unwrap_or_default();
            self.users(fresh, in_shadow).await?;
            match last {
                Some(last) if page.len() == PAGE as usize => from = last,
                _ => return Ok(()),
            }
            behind = true;
        }
    }

    /// Compares these users; with `only_new` those who are in the real graph are done already.
    async fn users(&mut self, users: &[Key], only_new: bool) -> Result<(), Failure> {
        if users.is_empty() {
            return Ok(());
        }
        let real = counts_of(&self.real, users, PATIENCE).await?;
        let shadow = counts_of(&self.shadow, users, PATIENCE).await?;
        for user in users {
            let (real, shadow) = (real.get(user), shadow.get(user));
            if only_new && real.is_some() {
                continue;
            }
            self.compared += 1;
            if real != shadow {
                self.different(user, real, shadow);
            }
        }
        Ok(())
    }

    fn different(&mut self, user: &Key, real: Option<&UserCounts>, shadow: Option<&UserCounts>) {
        let who = format!("user {}", json!(user));
        let (Some(one), Some(other)) = (real, shadow) else {
            let there =
                |side: Option<&UserCounts>| if side.is_some() { "there" } else { "missing" };
            self.found.add(who, there(real), there(shadow));
            return;
        };
        if one.deleted != other.deleted {
            let what = format!("{who} deleted");
            self.found.add(what, one.deleted, other.deleted);
        }
        let pairs: BTreeSet<_> = one.counts.keys().chain(other.counts.keys()).collect();
        for pair in pairs {
            let (real, shadow) = (one.counts.get(pair), other.counts.get(pair));
            if real != shadow {
                let (relationship, product) = pair;
                let what = format!("{who} {relationship} {}", json!(product));
                self.found.add(what, json!(real), json!(shadow));
            }
        }
    }
}
