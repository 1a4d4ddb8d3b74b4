//! The best bare writer into Qdrant: the generated client, 256 points a request, four requests
//! in flight, no broker.

use std::collections::HashMap;
use std::error::Error;
use std::time::Instant;

use fanout_contract::Processor;
use fanout_qdrant::{Collection, Id, QdrantConfig, QdrantProcessor};
use futures::{StreamExt, TryStreamExt};
use qdrant_client::qdrant::points_client::PointsClient;
use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::{NamedVectors, PointStruct, UpsertPoints, Value, Vectors};

use crate::event::{Interaction, first_product, interactions};
use crate::product::{DIMENSION, products};
use crate::report::Measured;

type Failed = Box<dyn Error + Send + Sync>;

/// Points of a request: what Qdrant advises at most.
const REQUEST: usize = 256;
/// Requests at once, as many as the processor has.
const IN_FLIGHT: usize = 4;

#[derive(serde::Deserialize)]
struct Body {
    payload: Payload,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    product_id: i64,
    name: String,
    category: String,
    price: f64,
    vector: Vec<f32>,
}

/// The processor as the run measures it, in collections of this run alone.
pub fn processor(url: &str, seed: u64, profiles: bool) -> Result<QdrantProcessor, Box<dyn Error>> {
    let config = QdrantConfig {
        url: url.to_owned(),
        collection_prefix: prefix(seed),
        dimension: DIMENSION.try_into().ok(),
        profiles,
        ..QdrantConfig::default()
    };
    QdrantProcessor::new(config).map_err(|problems| format!("{problems:?}").into())
}

fn prefix(seed: u64) -> String {
    format!("bench_{seed}_")
}

/// Parses the bodies of products and writes them.
pub async fn write_products(
    url: &str,
    seed: u64,
    events: usize,
) -> Result<Measured, Box<dyn Error>> {
    let bodies: Vec<_> = products(first_product(seed), seed, events)
        .map(|product| product.body())
        .collect();
    let requests: Vec<Vec<String>> = bodies.chunks(REQUEST).map(<[_]>::to_vec).collect();
    measure(
        url,
        seed,
        Collection::Products,
        requests,
        |body: &String| {
            let body: Body = serde_json::from_str(body)?;
            Ok(product(body.payload))
        },
    )
    .await
}

/// Writes the points of interactions, with nothing to parse.
pub async fn write_interactions(
    url: &str,
    seed: u64,
    events: usize,
) -> Result<Measured, Box<dyn Error>> {
    let events: Vec<_> = interactions(seed, events).collect();
    let mut requests: Vec<Vec<Interaction>> = Vec::new();
    for event in events {
        match requests.last_mut() {
            Some(request) if request.len() < REQUEST => request.push(event),
            _ => requests.push(vec![event]),
        }
    }
    let point = |event: &Interaction| Ok(interaction(event));
    measure(url, seed, Collection::Interactions, requests, point).await
}

async fn measure<T: Send + 'static>(
    url: &str,
    seed: u64,
    collection: Collection,
    requests: Vec<Vec<T>>,
    point: fn(&T) -> Result<PointStruct, Failed>,
) -> Result<Measured, Box<dyn Error>> {
    // the same collections with the same indexes
    let prepared = processor(url, seed, false)?.prepare().await;
    prepared.map_err(|failure| failure.to_string())?;
    let name = format!("{}{}", prefix(seed), collection.name());
    let client = PointsClient::connect(url.to_owned()).await?;
    let events = requests.iter().map(Vec::len).sum();
    let started = Instant::now();
    let writes = futures::stream::iter(requests).map(|request| {
        let (mut client, name) = (client.clone(), name.clone());
        let write = async move {
            let points = request.iter().map(point).collect::<Result<Vec<_>, _>>()?;
            let message = UpsertPoints {
                collection_name: name,
                wait: Some(true),
                points,
                ..UpsertPoints::default()
            };
            client.upsert(message).await?;
            Ok::<_, Failed>(())
        };
        async { tokio::spawn(write).await? }
    });
    let written: Result<Vec<()>, Failed> = writes.buffer_unordered(IN_FLIGHT).try_collect().await;
    written.map_err(|error| error.to_string())?;
    Ok(Measured::since(started, events))
}

fn payload<const N: usize>(entries: [(&str, Value); N]) -> HashMap<String, Value> {
    entries.map(|(key, value)| (key.to_owned(), value)).into()
}

fn product(product: Payload) -> PointStruct {
    let id = Collection::Products.point_id(&Id::from(product.product_id));
    let payload = payload([
        ("product_id", product.product_id.into()),
        ("name", product.name.into()),
        ("category", product.category.into()),
        ("price", product.price.into()),
    ]);
    PointStruct::new(id.to_string(), product.vector, payload)
}

fn interaction(event: &Interaction) -> PointStruct {
    let at = jiff::Timestamp::from_millisecond(event.at).unwrap_or_default();
    let payload = payload([
        ("event_id", event.id.clone().into()),
        ("user_id", i64::from(event.user).into()),
        ("user_key", event.user.to_string().into()),
        ("product_id", i64::from(event.product).into()),
        ("product_key", event.product.to_string().into()),
        ("kind", "product.viewed".into()),
        ("weight", 1.0.into()),
        ("occurred_at", format!("{at:.6}").into()),
    ]);
    let id = Collection::Interactions.point_id(&Id::from(event.id.as_str()));
    PointStruct {
        id: Some(id.to_string().into()),
        payload,
        vectors: Some(Vectors {
            vectors_options: Some(VectorsOptions::Vectors(NamedVectors::default())),
        }),
    }
}
