//! What stands in the stores afterwards, read from the stores themselves.

use std::collections::BTreeMap;

use fanout::broker::local::LocalServer;
use fanout::broker::{HeaderValue, Message};
use fanout::topology::names::headers;
use fanout_embedded::graph::{Counts, EmbeddedGraph, GraphId, Kind};
use fanout_qdrant::store::{Near, QdrantStore};
use fanout_qdrant::{Collection, Id};
use serde::Serialize;

use super::day::Day;
use crate::exit::{CommandError, Exit};

/// Lines of a list.
const TOP: usize = 5;
/// Relationships of the sample that are looked at.
const OF_SAMPLE: usize = 200;

/// The graph.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Graph {
    pub(super) users: u64,
    pub(super) products: u64,
    pub(super) relationships: BTreeMap<&'static str, u64>,
    /// The sum of their counts.
    pub(super) interactions: u64,
    /// Events in the ledger.
    pub(super) applied: u64,
}

/// The vectors.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Vectors {
    pub(super) products: u64,
    pub(super) interactions: u64,
    pub(super) profiles: u64,
}

/// A product in a list.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Ranked {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) category: String,
    /// Purchases, or nearness.
    pub(super) score: f64,
}

/// What one customer did, by product.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Relation {
    pub(super) relationship: &'static str,
    pub(super) product: String,
    pub(super) category: String,
    pub(super) count: i64,
}

/// One customer.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Sample {
    pub(super) user: i64,
    /// The most frequent first.
    pub(super) relations: Vec<Relation>,
    pub(super) recommended: Vec<Ranked>,
    /// Why these.
    pub(super) reason: String,
}

/// Dead letters of one queue with one reason.
#[derive(Clone, Debug, Serialize)]
pub(super) struct DeadLetters {
    pub(super) queue: String,
    pub(super) reason: String,
    pub(super) count: usize,
    /// What the last of them failed of.
    pub(super) error: String,
}

pub(super) fn failed(error: impl std::fmt::Display) -> CommandError {
    CommandError::new(Exit::RunTime, error)
}

/// Counts the graph.
pub(super) async fn graph(graph: &EmbeddedGraph) -> Result<Graph, CommandError> {
    let counts: Counts = blocking(graph, EmbeddedGraph::counts).await?;
    let relationships = counts.relationships.into_iter();
    Ok(Graph {
        users: counts.users,
        products: counts.products,
        relationships: relationships.map(|(k, n)| (k.relationship(), n)).collect(),
        interactions: counts.interactions,
        applied: counts.applied,
    })
}

/// Counts the points.
pub(super) async fn vectors(store: &QdrantStore) -> Result<Vectors, CommandError> {
    Ok(Vectors {
        products: store.size(Collection::Products).await.map_err(failed)?,
        interactions: store.size(Collection::Interactions).await.map_err(failed)?,
        profiles: store.size(Collection::Profiles).await.map_err(failed)?,
    })
}

/// The products that were bought most.
pub(super) async fn bestsellers(
    graph: &EmbeddedGraph,
    day: &Day,
) -> Result<Vec<Ranked>, CommandError> {
    let top = blocking(graph, |graph| graph.top_products(Kind::Purchased, TOP)).await?;
    #[allow(clippy::cast_precision_loss, reason = "purchases of a demonstration")]
    let ranked = top
        .into_iter()
        .filter_map(|(id, count)| ranked(day, number(&id)?, count as f64));
    Ok(ranked.collect())
}

/// The busiest customer: what they did, and what the vectors recommend.
pub(super) async fn sample(
    graph: &EmbeddedGraph,
    store: &QdrantStore,
    day: &Day,
) -> Result<Option<Sample>, CommandError> {
    let top = blocking(graph, |graph| graph.top_users(1)).await?;
    let Some((id, user)) = top
        .first()
        .and_then(|(id, _)| Some((id.clone(), number(id)?)))
    else {
        return Ok(None);
    };
    let mut relations: Vec<_> = blocking(graph, move |graph| graph.relations_of(&id, OF_SAMPLE))
        .await?
        .into_iter()
        .filter_map(|relation| {
            let product = ranked(day, number(&relation.product)?, 0.0)?;
            Some(Relation {
                relationship: relation.kind.relationship(),
                product: product.name,
                category: product.category,
                count: relation.count,
            })
        })
        .collect();
    let favourite = favourite(&relations);
    relations.sort_by(|a, b| {
        b.count
            .cmp(&a.count)
            .then_with(|| a.product.cmp(&b.product))
    });
    relations.truncate(TOP);
    let near = store.recommended(&Id::from(user), TOP as u32).await;
    let near = near.map_err(failed)?.unwrap_or_default();
    Ok(Some(Sample {
        user,
        relations,
        recommended: near.iter().filter_map(|near| nearby(day, near)).collect(),
        reason: format!("nearest to the profile folded from what user {user} did; {favourite}"),
    }))
}

/// Which category most of it was about.
fn favourite(relations: &[Relation]) -> String {
    let mut categories: BTreeMap<&str, i64> = BTreeMap::new();
    for relation in relations {
        *categories.entry(&relation.category).or_default() += relation.count;
    }
    let all: i64 = categories.values().sum();
    let most = categories.into_iter().max_by_key(|(_, count)| *count);
    most.map_or_else(String::new, |(category, count)| {
        format!("{count} of {all} interactions were about {category}")
    })
}

fn nearby(day: &Day, near: &Near) -> Option<Ranked> {
    let id = near.point.number(fanout_qdrant::points::PRODUCT_ID)?;
    #[allow(clippy::cast_possible_truncation, reason = "ids of the catalogue")]
    ranked(day, id as i64, f64::from(near.score))
}

fn ranked(day: &Day, id: i64, score: f64) -> Option<Ranked> {
    let product = day.products.iter().find(|p| i64::from(p.id) == id)?;
    Some(Ranked {
        id,
        name: product.name.clone(),
        category: product.category().to_owned(),
        score,
    })
}

/// An id of the catalogue; all of them are integers.
fn number(id: &GraphId) -> Option<i64> {
    id.to_string().parse().ok()
}

/// The dead letters by queue and reason, the most frequent first.
pub(super) fn dead_letters(broker: &LocalServer, queue: &str) -> Vec<DeadLetters> {
    let contents = broker.inspect(queue);
    let mut groups: BTreeMap<(String, String), (usize, String)> = BTreeMap::new();
    for message in contents.iter().flat_map(|contents| contents.messages()) {
        let key = (
            text(message, headers::ORIGIN_QUEUE),
            text(message, headers::REASON),
        );
        let group = groups.entry(key).or_default();
        group.0 += 1;
        group.1 = text(message, headers::ERROR);
    }
    let mut all: Vec<_> = groups
        .into_iter()
        .map(|((queue, reason), (count, error))| DeadLetters {
            queue,
            reason,
            count,
            error,
        })
        .collect();
    all.sort_by_key(|group| std::cmp::Reverse(group.count));
    all
}

fn text(message: &Message, header: &str) -> String {
    let value = message.properties.headers.get(header);
    value
        .and_then(HeaderValue::as_str)
        .unwrap_or("?")
        .to_owned()
}

/// Reads of the graph block.
async fn blocking<T: Send + 'static, E: std::fmt::Display + Send + 'static>(
    graph: &EmbeddedGraph,
    read: impl FnOnce(&EmbeddedGraph) -> Result<T, E> + Send + 'static,
) -> Result<T, CommandError> {
    let graph = graph.clone();
    let reading = tokio::task::spawn_blocking(move || read(&graph));
    reading.await.map_err(failed)?.map_err(failed)
}
