//! Products: the newest version wins, whoever writes it and whatever comes late.
//!
//! Compare and swap: read the versions that stand there, write only over these, look again.
//! A point that another writer replaced or created meanwhile is left alone by the server.

use futures::future::try_join_all;
use qdrant_client::qdrant::PointStruct;
use std::collections::HashMap;
use uuid::Uuid;

use crate::config::QdrantConfig;
use crate::id::Collection;
use crate::mapping::ProductState;
use crate::points::{self, VECTOR, VERSION};
use crate::store::{Fields, QdrantStore, StoreError};

/// Rounds against other writers of the same products. Each lost one means that a writer got
/// through, so that more than a few in a row are rare.
const ROUNDS: usize = 6;

/// A version of a product that is to stand there.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) state: ProductState,
    pub(crate) vector: Option<Vec<f32>>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It stands there now.
    Applied {
        /// Whether the vector is another one than before.
        moved: bool,
    },
    /// It stood there already.
    Present,
    /// A newer one stands there.
    Older,
    /// Other writers were faster each time.
    Contended,
}

/// Writes one version each of different products; the verdicts are in the same order.
pub(crate) async fn write(
    store: &QdrantStore,
    config: &QdrantConfig,
    writes: &[Write],
) -> Result<Vec<Verdict>, StoreError> {
    let points = writes
        .iter()
        .map(|w| points::product(&w.state, w.vector.as_deref()));
    let (count, bytes) = (config.request_points.get(), config.request_bytes);
    let mut rest = writes;
    let requests = points::requests(points.collect(), count, bytes)
        .into_iter()
        .map(|points| {
            let (these, others) = rest.split_at(points.len().min(rest.len()));
            rest = others;
            swap(store, these, points)
        });
    let requests: Vec<_> = requests.collect();
    let verdicts = try_join_all(requests).await?;
    Ok(verdicts.into_iter().flatten().collect())
}

async fn swap(
    store: &QdrantStore,
    writes: &[Write],
    points: Vec<PointStruct>,
) -> Result<Vec<Verdict>, StoreError> {
    let ids: Vec<Uuid> = writes
        .iter()
        .map(|write| Collection::Products.point_id(&write.state.id))
        .collect();
    let mut verdicts = vec![Verdict::Contended; writes.len()];
    // what a write of ours changed, once it was sent
    let mut sent: Vec<Option<bool>> = vec![None; writes.len()];
    let mut open: Vec<usize> = (0..writes.len()).collect();
    for round in 0..=ROUNDS {
        let asked = open.iter().filter_map(|i| ids.get(*i).copied()).collect();
        let stored = versions(store, asked).await?;
        let (mut request, mut over, mut next) = (Vec::new(), Vec::new(), Vec::new());
        for i in open {
            let (Some(write), Some(id), Some(verdict), Some(sent), Some(point)) = (
                writes.get(i),
                ids.get(i),
                verdicts.get_mut(i),
                sent.get_mut(i),
                points.get(i),
            ) else {
                continue;
            };
            let moved = match stored.get(id) {
                Some((version, _)) if *version > write.state.version => {
                    *verdict = Verdict::Older;
                    continue;
                }
                Some((version, _)) if *version == write.state.version => {
                    *verdict = sent.map_or(Verdict::Present, |moved| Verdict::Applied { moved });
                    continue;
                }
                Some((version, before)) => {
                    over.push(version.clone());
                    *before != points::digest(write.vector.as_deref())
                }
                // profiles know nothing of a product that was never there
                None => write.vector.is_some(),
            };
            *sent = Some(moved);
            request.push(point.clone());
            next.push(i);
        }
        open = next;
        if open.is_empty() || round == ROUNDS {
            break;
        }
        store
            .upsert(Collection::Products, request, Some(over))
            .await?;
    }
    Ok(verdicts)
}

/// Version and digest of the vector of the products that stand there.
async fn versions(
    store: &QdrantStore,
    ids: Vec<Uuid>,
) -> Result<HashMap<Uuid, (String, String)>, StoreError> {
    let fields = Fields::Some(&[VERSION, VECTOR]);
    let points = store.get(Collection::Products, ids, fields).await?;
    let text = |point: &crate::store::Point, key| point.text(key).unwrap_or_default().to_owned();
    let versions = points
        .iter()
        .map(|point| (point.id(), (text(point, VERSION), text(point, VECTOR))));
    Ok(versions.collect())
}
