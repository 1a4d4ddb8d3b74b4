//! Which events stand in the collections, by their ids.
//!
//! An interaction is a point of its own; a product names the event that made it what it is. Of
//! older versions of a product, ends of users, and what is not there, nothing can be told.

use fanout_contract::{EventId, Trace};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tonic::Code;
use uuid::Uuid;

use crate::id::{Collection, Id};
use crate::points::{EVENT, INTERACTIONS, PRODUCT_KEY, USER_KEY, VECTOR, event_digest};
use crate::store::{Condition, Fields, Point, QdrantStore, StoreError};

/// Ids of one request.
const IDS: usize = 256;
/// How long profiles may take to follow: folding takes milliseconds. Later it is not folding
/// that is missing: weights may add up to nothing, and then there is no profile.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks at the profiles.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A trace for each id. With `profiles`, what is told as applied is in its user's profile,
/// too: that is written last.
pub(crate) async fn traces(
    store: &QdrantStore,
    profiles: bool,
    ids: &[EventId],
) -> Result<Vec<Trace>, StoreError> {
    let mut traces = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS) {
        let points = ids.iter().map(|id| Id::from(id.as_str()));
        let points = points.map(|id| Collection::Interactions.point_id(&id));
        let points: Vec<Uuid> = points.collect();
        let fields = Fields::Some(&[USER_KEY, PRODUCT_KEY]);
        let found = there(store, Collection::Interactions, points.clone(), fields).await?;
        if profiles && !found.is_empty() {
            follow(store, &found).await?;
        }
        let found: HashSet<Uuid> = found.iter().map(Point::id).collect();
        let others = points
            .iter()
            .zip(ids)
            .filter(|(point, _)| !found.contains(point));
        let others = others.map(|(_, id)| event_digest(id.as_str()));
        let products = of_products(store, others.collect()).await?;
        traces.extend(points.iter().zip(ids).map(|(point, id)| {
            match found.contains(point) || products.contains(&event_digest(id.as_str())) {
                true => Trace::Applied { at: None },
                false => Trace::Unknown,
            }
        }));
    }
    Ok(traces)
}

/// Those of these digests that a product bears.
async fn of_products(
    store: &QdrantStore,
    digests: Vec<String>,
) -> Result<HashSet<String>, StoreError> {
    if digests.is_empty() {
        return Ok(HashSet::new());
    }
    let limit = u32::try_from(digests.len()).unwrap_or(u32::MAX);
    let made_by = Some(Condition::Any(EVENT, digests));
    let fields = Fields::Some(&[EVENT]);
    let page = store.scroll(Collection::Products, made_by, None, limit, fields);
    let (found, _) = if_there(page.await)?;
    let digests = found.iter().filter_map(|point| point.text(EVENT));
    Ok(digests.map(str::to_owned).collect())
}

/// Waits until the profiles of the users count as many interactions as stand there now.
async fn follow(store: &QdrantStore, interactions: &[Point]) -> Result<(), StoreError> {
    let users = with_profile(store, interactions).await?;
    if users.is_empty() {
        return Ok(());
    }
    let keys = users.iter().map(|user| user.json().to_owned()).collect();
    let of_users = Condition::Any(USER_KEY, keys);
    let there_are = store.count_of(Collection::Interactions, of_users).await?;
    let points = users.iter().map(|user| Collection::Profiles.point_id(user));
    let points: Vec<Uuid> = points.collect();
    let over = Instant::now() + PATIENCE;
    loop {
        let fields = Fields::Some(&[INTERACTIONS]);
        let profiles = there(store, Collection::Profiles, points.clone(), fields).await?;
        let counted = profiles
            .iter()
            .filter_map(|point| point.number(INTERACTIONS));
        #[allow(clippy::cast_precision_loss, reason = "counts are small")]
        let all = profiles.len() == points.len() && counted.sum::<f64>() >= there_are as f64;
        if all || Instant::now() >= over {
            return Ok(());
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The users who should have a profile: those of products that have a vector.
async fn with_profile(
    store: &QdrantStore,
    interactions: &[Point],
) -> Result<BTreeSet<Id>, StoreError> {
    let key = |point: &Point, key| point.text(key).map(Id::from_json);
    let products: HashMap<Uuid, Id> = interactions
        .iter()
        .filter_map(|point| key(point, PRODUCT_KEY))
        .map(|id| (Collection::Products.point_id(&id), id))
        .collect();
    let asked = products.keys().copied().collect();
    let fields = Fields::Some(&[VECTOR]);
    let known = there(store, Collection::Products, asked, fields).await?;
    let known = known
        .iter()
        .filter(|point| point.text(VECTOR).is_some_and(|digest| !digest.is_empty()));
    let known: HashSet<&Id> = known.filter_map(|p| products.get(&p.id())).collect();
    let of_known = |point: &&Point| key(point, PRODUCT_KEY).is_some_and(|id| known.contains(&id));
    let users = interactions.iter().filter(of_known);
    Ok(users.filter_map(|point| key(point, USER_KEY)).collect())
}

/// The points that are there; none where there is no collection yet.
async fn there(
    store: &QdrantStore,
    collection: Collection,
    ids: Vec<Uuid>,
    fields: Fields,
) -> Result<Vec<Point>, StoreError> {
    if_there(store.get(collection, ids, fields).await)
}

fn if_there<T: Default>(answered: Result<T, StoreError>) -> Result<T, StoreError> {
    match answered {
        Err(StoreError::Server {
            code: Code::NotFound,
            ..
        }) => Ok(T::default()),
        answered => answered,
    }
}
