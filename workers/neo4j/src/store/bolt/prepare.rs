//! Making a server ready, and verifying that it is.

use super::super::{Record, StoreError};
use super::BoltStore;
use crate::classify::Verdict;
use crate::value::Value;
use tokio::time::{Duration, sleep};

/// A constraint or index that the statements of `cypher` need.
pub(super) struct Need {
    pub(super) missing: &'static str,
    label: &'static str,
    property: &'static str,
    pub(super) unique: bool,
    create: &'static str,
}

pub(super) const NEEDS: [Need; 4] = [
    Need {
        missing: "the uniqueness constraint on AppliedEvent.id",
        label: "AppliedEvent",
        property: "id",
        unique: true,
        create: "CREATE CONSTRAINT applied_event_id IF NOT EXISTS \
                 FOR (n:AppliedEvent) REQUIRE n.id IS UNIQUE",
    },
    Need {
        missing: "the uniqueness constraint on User.id",
        label: "User",
        property: "id",
        unique: true,
        create: "CREATE CONSTRAINT user_id IF NOT EXISTS FOR (n:User) REQUIRE n.id IS UNIQUE",
    },
    Need {
        missing: "the uniqueness constraint on Product.id",
        label: "Product",
        property: "id",
        unique: true,
        create: "CREATE CONSTRAINT product_id IF NOT EXISTS FOR (n:Product) REQUIRE n.id IS UNIQUE",
    },
    Need {
        missing: "the index on AppliedEvent.at",
        label: "AppliedEvent",
        property: "at",
        unique: false,
        create: "CREATE INDEX applied_event_at IF NOT EXISTS FOR (n:AppliedEvent) ON (n.at)",
    },
];

/// Tries to create one thing: workers that start together deadlock on the schema.
const TRIES: u32 = 10;
/// Wait between two of them, milliseconds; creating a constraint takes about 20.
const WAIT_MS: std::ops::RangeInclusive<u64> = 20..=100;

pub(super) async fn prepare(store: &BoltStore) -> Result<(), StoreError> {
    verify_version(store).await?;
    for need in NEEDS {
        provide(store, &need).await?;
    }
    probe_write(store).await?;
    warn_of_empty_ledger(store).await
}

async fn provide(store: &BoltStore, need: &Need) -> Result<(), StoreError> {
    let mut tries = 0;
    while !present(store, need).await? {
        tries += 1;
        let error = match run(store, need.create).await {
            Ok(_) => {
                tracing::info!(target: "fanout_neo4j", what = need.missing, "created");
                continue;
            }
            Err(error) => error,
        };
        // Another worker may have been faster: what counts is whether it is there.
        if present(store, need).await? {
            break;
        }
        match (Verdict::of(&error), error) {
            (
                Verdict::Data | Verdict::RaceOrData | Verdict::Doubtful | Verdict::SetUp,
                StoreError::Server(code),
            ) => {
                return Err(StoreError::Schema {
                    missing: need.missing,
                    reason: code,
                });
            }
            (Verdict::Contention | Verdict::Outage, _) if tries < TRIES => {
                sleep(Duration::from_millis(fastrand::u64(WAIT_MS))).await;
            }
            (_, error) => return Err(error),
        }
    }
    Ok(())
}

pub(super) async fn run(store: &BoltStore, cypher: &str) -> Result<Vec<Record>, StoreError> {
    let mut transaction = store.start().await?;
    match transaction.execute(cypher, Vec::new()).await {
        Ok(records) => transaction.end().await.map(|()| records),
        Err(error) => {
            transaction.undo().await;
            Err(error)
        }
    }
}

pub(super) async fn verify_version(store: &BoltStore) -> Result<(), StoreError> {
    let components = run(store, "CALL dbms.components() YIELD name, versions").await?;
    for mut component in components {
        if component.text("name").as_deref() != Some("Neo4j Kernel") {
            continue;
        }
        let version = match component.list("versions")?.into_iter().next() {
            Some(Value::Text(version)) => version,
            _ => break,
        };
        return if at_least_4_4(&version) {
            Ok(())
        } else {
            Err(StoreError::Version(version))
        };
    }
    Err(StoreError::Answer("the server names no version"))
}

fn at_least_4_4(version: &str) -> bool {
    let mut parts = version
        .split(['.', '-'])
        .map(|part| part.parse::<u32>().ok());
    let (major, minor) = (parts.next().flatten(), parts.next().flatten());
    major.zip(minor).is_some_and(|version| version >= (4, 4))
}

pub(super) async fn present(store: &BoltStore, need: &Need) -> Result<bool, StoreError> {
    let show = if need.unique {
        "SHOW CONSTRAINTS YIELD type, labelsOrTypes, properties"
    } else {
        "SHOW INDEXES YIELD type, labelsOrTypes, properties, state WHERE state <> 'FAILED'"
    };
    let rows = run(store, show).await?;
    Ok(rows.into_iter().any(|row| fits(row, need)))
}

fn fits(mut row: Record, need: &Need) -> bool {
    let is_only = |value: Option<Value>, text: &str| {
        value == Some(Value::List(vec![Value::Text(text.to_owned())]))
    };
    let kind = row.text("type").unwrap_or_default();
    let kind_fits = if need.unique {
        // named UNIQUENESS, later NODE_PROPERTY_UNIQUENESS; a node key is stronger
        !kind.starts_with("RELATIONSHIP") && (kind.ends_with("UNIQUENESS") || kind == "NODE_KEY")
    } else {
        kind == "RANGE" || kind == "BTREE"
    };
    kind_fits
        && is_only(row.take("labelsOrTypes"), need.label)
        && is_only(row.take("properties"), need.property)
}

/// Goes the way of a write, and takes it back.
pub(super) async fn probe_write(store: &BoltStore) -> Result<(), StoreError> {
    let mut transaction = store.start().await?;
    let id = format!("fanout-probe-{}", uuid::Uuid::new_v4());
    let written = transaction
        .execute(
            "CREATE (e:AppliedEvent {id: $id, at: datetime()})",
            vec![("id", id.into())],
        )
        .await;
    transaction.undo().await;
    written.map(drop)
}

async fn warn_of_empty_ledger(store: &BoltStore) -> Result<(), StoreError> {
    if ledger_is_lost(store).await? {
        tracing::warn!(
            target: "fanout_neo4j",
            "the ledger is empty, but there are users: what is replayed will count twice"
        );
    }
    Ok(())
}

/// Without its ledger a projection counts again what it has counted before.
pub(super) async fn ledger_is_lost(store: &BoltStore) -> Result<bool, StoreError> {
    let filled = "OPTIONAL MATCH (e:AppliedEvent) WITH e LIMIT 1 \
                  OPTIONAL MATCH (u:User) WITH e, u LIMIT 1 \
                  RETURN CASE WHEN e IS NULL AND u IS NOT NULL THEN 1 ELSE 0 END AS lost";
    let mut answer = super::super::one(run(store, filled).await?)?;
    Ok(answer.int("lost")? == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_from_4_4_on_are_taken() {
        for good in ["4.4.0", "5.26.12", "5.0-aura", "2025.01.0"] {
            assert!(at_least_4_4(good), "{good}");
        }
        for bad in ["4.3.9", "3.5.35", "", "x.y"] {
            assert!(!at_least_4_4(bad), "{bad}");
        }
    }
}
