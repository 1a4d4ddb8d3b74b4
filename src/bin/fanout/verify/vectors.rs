//! Two sets of collections: sizes, then point by point.

use std::collections::HashMap;

use fanout::config::{Config, Loaded};
use fanout_contract::Failure;
use fanout_qdrant::store::{Point, QdrantStore};
use fanout_qdrant::{Collection, QdrantConfig, codes};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Compared, Extent, PATIENCE, Pair, Totals, failed};
use crate::exit::{CommandError, Exit};
use crate::registry::{self, qdrant};

/// Points of a page: an answer holds as many vectors of the largest dimension.
const PAGE: u32 = 256;
/// What two normalised components may differ by: the server rounds to 32 bits.
const EPSILON: f32 = 1e-5;

pub(super) async fn compare(
    loaded: &Loaded,
    shadow: &Config,
    extent: Extent,
) -> Result<Compared, CommandError> {
    let mut pair = Pair::of(&loaded.config, shadow, |config| store(loaded, config))?;
    let mut totals = Totals::new();
    for collection in Collection::ALL {
        let sizes = pair.collection(collection, extent).await;
        let sizes = sizes.map_err(|failure| failed("the vectors", "QDRANT_URL", &failure))?;
        totals.insert(collection.name().to_owned(), sizes);
    }
    Ok(pair.compared("qdrant", totals))
}

fn store(loaded: &Loaded, config: &Config) -> Result<QdrantStore, CommandError> {
    let config = QdrantConfig {
        query_timeout: PATIENCE,
        ..qdrant::settings(&config.qdrant)
    };
    QdrantStore::new(&config).map_err(|problems| {
        let origin = |key: &str| loaded.origins.of(key);
        CommandError::new(Exit::Configuration, registry::errors(&origin, problems))
    })
}

impl Pair<QdrantStore> {
    async fn collection(
        &mut self,
        collection: Collection,
        extent: Extent,
    ) -> Result<Value, Failure> {
        let real = size(&self.real, collection).await?;
        let shadow = size(&self.shadow, collection).await?;
        let name = collection.name();
        if real != shadow {
            self.found.add(format!("size of {name}"), real, shadow);
        }
        for in_shadow in [false, true] {
            let there_are = if in_shadow { shadow } else { real };
            match extent {
                _ if there_are == 0 => {}
                Extent::Full => self.walk(collection, in_shadow, None, u64::MAX).await?,
                Extent::Sample(points) => {
                    // point ids are spread evenly: what stands behind any of them is a sample
                    let from = Some(Uuid::from_u128(fastrand::u128(..)));
                    self.walk(collection, in_shadow, from, points.into())
                        .await?;
                }
            }
        }
        Ok(json!({ "real": real, "shadow": shadow }))
    }

    /// Compares at most `most` points of one side, from an id on, with the other side.
    async fn walk(
        &mut self,
        collection: Collection,
        in_shadow: bool,
        from: Option<Uuid>,
        most: u64,
    ) -> Result<(), Failure> {
        let (mut next, mut left) = (from, most);
        loop {
            let limit = u32::try_from(left).unwrap_or(PAGE).min(PAGE);
            let (here, there) = match in_shadow {
                false => (&self.real, &self.shadow),
                true => (&self.shadow, &self.real),
            };
            let (page, behind) = here.page(collection, next, limit).await?;
            let ids = page.iter().map(Point::id).collect();
            let others = points_of(there, collection, ids).await?;
            let others: HashMap<Uuid, Point> = others.into_iter().map(|p| (p.id(), p)).collect();
            for point in &page {
                self.point(collection, in_shadow, point, others.get(&point.id()));
            }
            left = left.saturating_sub(page.len() as u64);
            next = behind;
            if next.is_none() || left == 0 {
                return Ok(());
            }
        }
    }

    fn point(&mut self, of: Collection, in_shadow: bool, point: &Point, other: Option<&Point>) {
        let what = format!("{} {}", of.name(), subject(point));
        match other {
            // what is in both was compared from the other side
            Some(_) if in_shadow => {}
            None if in_shadow => {
                self.compared += 1;
                self.found.add(what, "missing", "there");
            }
            None => {
                self.compared += 1;
                self.found.add(what, "there", "missing");
            }
            Some(other) => {
                self.compared += 1;
                let (real, shadow) = (point.json(), other.json());
                if real != shadow {
                    self.found.add(what, real, shadow);
                } else if !alike(point.vector(), other.vector()) {
                    self.found.add(format!("{what} vector"), "one", "another");
                }
            }
        }
    }
}

/// What a point is about, for people: the id that its payload has.
fn subject(point: &Point) -> String {
    let payload = point.json();
    let known = ["event_id", "product_id", "user_id"];
    let known = known.iter().find_map(|key| payload.get(key));
    known.map_or_else(|| point.id().to_string(), Value::to_string)
}

fn alike(one: Option<&[f32]>, other: Option<&[f32]>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) if one.len() == other.len() => {
            let mut pairs = one.iter().zip(other);
            pairs.all(|(a, b)| (a - b).abs() <= EPSILON)
        }
        _ => false,
    }
}

/// 0 where the collection is not there.
async fn size(store: &QdrantStore, collection: Collection) -> Result<u64, Failure> {
    if_there(store.size(collection).await)
}

async fn points_of(
    store: &QdrantStore,
    collection: Collection,
    ids: Vec<Uuid>,
) -> Result<Vec<Point>, Failure> {
    if_there(store.points_of(collection, ids).await)
}

fn if_there<T: Default>(answered: Result<T, Failure>) -> Result<T, Failure> {
    match answered {
        Err(failure) if failure.code() == codes::COLLECTION => Ok(T::default()),
        answered => answered,
    }
}
