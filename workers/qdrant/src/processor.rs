//! One batch: ends of users, products, interactions, profiles.

use fanout_contract::{Applied, Batch, EventId, Failure, Outcome, Outcomes, Processor, SkipReason};
use futures::future::{BoxFuture, try_join_all};
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use crate::cache::Vectors;
use crate::classify::{contention, in_prepare, in_process};
use crate::codes;
use crate::config::QdrantConfig;
use crate::histories::{Histories, Recalled};
use crate::id::{Collection, Id};
use crate::mapping::ProductState;
use crate::plan::Plan;
use crate::points;
use crate::products::{self, Verdict, Write};
use crate::profiles::Folder;
use crate::store::{QdrantStore, StoreError};
use crate::sweep::{Places, Unfinished};
use crate::traces::traces;
use crate::vector;

/// Dimension of derived vectors where no product came with one: what small sentence
/// embeddings have.
const DEFAULT_DIMENSION: u64 = 384;

/// Projects events into Qdrant.
///
/// *Guarantee*: an interaction is one point, however often and in whatever order its event is
/// applied, and of the versions of a product the newest stands. A profile is up to date before
/// the events that changed it are answered, and depends on nothing but the set of interactions
/// and the products' vectors. Where one event id comes with two bodies in different batches,
/// the interaction is still one point; it says what the later one said.
pub struct QdrantProcessor {
    store: QdrantStore,
    config: QdrantConfig,
    name: String,
    vectors: Vectors,
    histories: Histories,
    places: Places,
    /// Of the collections; 0 while it is not known.
    dimension: AtomicU64,
}

impl std::fmt::Debug for QdrantProcessor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QdrantProcessor")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// A product that was looked at, and what its event is answered where its users are swept.
struct Swept {
    slot: usize,
    superseded: Vec<usize>,
    product: Id,
    version: String,
    verdict: Verdict,
}

impl QdrantProcessor {
    /// Connects when it is first used.
    ///
    /// # Errors
    /// All [`ConfigProblem`](fanout_contract::ConfigProblem)s at once.
    pub fn new(config: QdrantConfig) -> Result<Self, Vec<fanout_contract::ConfigProblem>> {
        let store = QdrantStore::new(&config)?;
        let name = match config.collection_prefix.as_str() {
            "" => "qdrant".to_owned(),
            prefix => format!("qdrant-{}", prefix.trim_end_matches(['_', '-', '.'])),
        };
        Ok(Self {
            store,
            config,
            name,
            vectors: Vectors::default(),
            histories: Histories::default(),
            places: Places::default(),
            dimension: AtomicU64::new(0),
        })
    }

    async fn apply(&self, batch: &Batch) -> Result<Outcomes, StoreError> {
        // half of the call's time for sweeps, so that what they leave over can be said
        let until = Instant::now() + self.config.query_timeout / 2;
        let mut plan = Plan::new(batch, &self.config.weights, Timestamp::now());
        plan.report();
        self.end_users(&mut plan).await?;
        let swept = self.write_products(&mut plan).await?;
        // before the writes: see `histories`
        let users = self
            .histories
            .take(plan.interactions.iter().map(|(_, seen)| seen));
        self.write_interactions(&plan).await?;
        self.fold_users(&mut plan, users).await?;
        self.sweep(&mut plan, swept, until).await?;
        Ok(plan.settle())
    }

    fn folder(&self) -> Folder<'_> {
        Folder {
            store: &self.store,
            config: &self.config,
            vectors: &self.vectors,
            histories: &self.histories,
            has_profiles: self.known_dimension().is_some(),
        }
    }

    fn known_dimension(&self) -> Option<u64> {
        Some(self.dimension.load(Ordering::Relaxed)).filter(|dimension| *dimension > 0)
    }

    /// The dimension, asked for where it is not known yet: another process may have created
    /// the collections meanwhile. With `create` they are created where they are missing.
    async fn learn_dimension(&self, create: Option<u64>) -> Result<Option<u64>, StoreError> {
        if let Some(known) = self.known_dimension() {
            return Ok(Some(known));
        }
        let wanted = self.wanted();
        let found = self.store.vectors(wanted, wanted.or(create)).await?;
        if let Some(found) = found {
            self.dimension.store(found, Ordering::Relaxed);
        }
        Ok(found)
    }

    fn wanted(&self) -> Option<u64> {
        self.config.dimension.map(|d| d.get() as u64)
    }

    /// A tombstone first: whoever writes for the user meanwhile finds it afterwards.
    async fn end_users(&self, plan: &mut Plan) -> Result<(), StoreError> {
        let users: BTreeSet<&Id> = plan.deleted.iter().map(|(_, user)| user).collect();
        if users.is_empty() {
            return Ok(());
        }
        self.learn_dimension(None).await?;
        let tombstones = users.iter().map(|user| points::tombstone(user)).collect();
        for points in self.requests(tombstones) {
            self.store
                .upsert(Collection::Tombstones, points, None)
                .await?;
        }
        let users: Vec<Id> = users.into_iter().cloned().collect();
        self.folder().erase(&users).await?;
        for (slot, _) in &plan.deleted {
            plan.outcomes.applied(*slot);
        }
        Ok(())
    }

    fn requests(
        &self,
        points: Vec<qdrant_client::qdrant::PointStruct>,
    ) -> Vec<Vec<qdrant_client::qdrant::PointStruct>> {
        let (count, bytes) = (self.config.request_points.get(), self.config.request_bytes);
        points::requests(points, count, bytes)
    }

    /// Writes the newest version of each product.
    async fn write_products(&self, plan: &mut Plan) -> Result<Vec<Swept>, StoreError> {
        if plan.products.is_empty() {
            return Ok(Vec::new());
        }
        let states = std::mem::take(&mut plan.products);
        let dimension = self.learn_dimension(self.first_dimension(&states)).await?;
        // by product: the newest version, and the slots of the others
        let mut newest: HashMap<Id, (usize, Write, Vec<usize>)> = HashMap::new();
        for (slot, state) in states {
            let write = match self.with_vector(state, dimension) {
                Ok(write) => write,
                Err(failure) => {
                    plan.outcomes.failed(slot, failure);
                    continue;
                }
            };
            match newest.get_mut(&write.state.id) {
                None => {
                    newest.insert(write.state.id.clone(), (slot, write, Vec::new()));
                }
                Some((best, known, others)) if known.state.version < write.state.version => {
                    others.push(std::mem::replace(best, slot));
                    *known = write;
                }
                Some((_, _, others)) => others.push(slot),
            }
        }
        let (mut slots, mut writes) = (Vec::new(), Vec::new());
        for (slot, write, others) in newest.into_values() {
            slots.push((slot, others));
            writes.push(write);
        }
        let verdicts = products::write(&self.store, &self.config, &writes).await?;
        let swept = slots.into_iter().zip(writes).zip(verdicts);
        let swept = swept.map(|(((slot, superseded), write), verdict)| Swept {
            slot,
            superseded,
            product: write.state.id,
            version: write.state.version,
            verdict,
        });
        Ok(swept.collect())
    }

    /// What the collections are created with, where they are missing: the dimension of the
    /// first product that has a vector.
    fn first_dimension(&self, states: &[(usize, ProductState)]) -> Option<u64> {
        let mut contents = states
            .iter()
            .filter_map(|(_, state)| state.content.as_ref());
        let derived = self.config.derive_vectors && contents.clone().next().is_some();
        contents
            .find_map(|content| content.vector.as_ref())
            .map(|vector| vector.len() as u64)
            .or(derived.then_some(DEFAULT_DIMENSION))
    }

    /// The version with its vector, or the event's own failure.
    fn with_vector(
        &self,
        mut state: ProductState,
        dimension: Option<u64>,
    ) -> Result<Write, Failure> {
        let Some(dimension) = dimension else {
            let message = "no product with a vector has come yet, so the dimension is not known";
            return Err(match &state.content {
                None => Failure::transient(codes::DIMENSION, message),
                Some(_) => Failure::permanent(codes::VECTOR_MISSING, "the product has no vector"),
            });
        };
        let vector = match &mut state.content {
            None => None,
            Some(content) => match content.vector.take() {
                Some(vector) if vector.len() as u64 == dimension => Some(vector),
                Some(vector) => {
                    let found = vector.len();
                    let message =
                        format!("the vector has dimension {found}, the collection {dimension}");
                    return Err(Failure::permanent(codes::DIMENSION, message));
                }
                None if self.config.derive_vectors => {
                    let dimension = usize::try_from(dimension).unwrap_or(0);
                    vector::derived(&content.properties, dimension)
                }
                None => {
                    let message = "the product has no vector";
                    return Err(Failure::permanent(codes::VECTOR_MISSING, message));
                }
            },
        };
        Ok(Write { state, vector })
    }

    /// Writes the points of interactions. Where the time is ours, a repeat has another one:
    /// such a point is only written where it is missing.
    async fn write_interactions(&self, plan: &Plan) -> Result<(), StoreError> {
        let point = |given: bool| {
            let these = plan.interactions.iter().map(|(_, seen)| seen);
            let these = these.filter(move |seen| seen.when.given == given);
            these.map(points::interaction).collect::<Vec<_>>()
        };
        let plain = self
            .requests(point(true))
            .into_iter()
            .map(|points| (points, None));
        let once = self.requests(point(false)).into_iter();
        let once = once.map(|points| (points, Some(Vec::new())));
        let writes = plain
            .chain(once)
            .map(|(points, over)| self.store.upsert(Collection::Interactions, points, over));
        try_join_all(writes.collect::<Vec<_>>()).await?;
        Ok(())
    }

    /// Brings the profiles of everybody who did something up to date.
    async fn fold_users(
        &self,
        plan: &mut Plan,
        users: HashMap<Id, Option<Recalled>>,
    ) -> Result<(), StoreError> {
        if plan.interactions.is_empty() {
            return Ok(());
        }
        // after the interactions are written: whoever creates products later finds them
        self.learn_dimension(None).await?;
        let refolded = self.folder().refold(users.into_iter().collect()).await?;
        for (slot, seen) in &plan.interactions {
            if refolded.erased.contains(&seen.user) {
                plan.outcomes.skipped(*slot, SkipReason::OlderVersion);
            } else if refolded.contended.contains(&seen.user) {
                plan.outcomes.failed(*slot, contention("profile"));
            } else {
                plan.outcomes.applied(*slot);
            }
        }
        Ok(())
    }

    /// Folds the profiles of all users of the products whose vector changed. Of a version
    /// that stood there already, or an older one, it is not known whether its first writer
    /// came that far, so they are swept too.
    async fn sweep(
        &self,
        plan: &mut Plan,
        swept: Vec<Swept>,
        until: Instant,
    ) -> Result<(), StoreError> {
        let unmoved = Verdict::Applied { moved: false };
        let moved = swept
            .iter()
            .filter(|s| s.verdict != unmoved && s.verdict != Verdict::Contended);
        let moved: Vec<_> = moved
            .map(|s| (s.product.clone(), s.version.clone()))
            .collect();
        let folder = self.folder();
        let unfinished = match folder.folds() {
            true => folder.sweep(&moved, &self.places, until).await?,
            false => HashMap::new(),
        };
        for one in swept {
            let (outcome, superseded) = match (one.verdict, unfinished.get(&one.product)) {
                (Verdict::Contended, _) => (failed(contention("product")), true),
                (_, Some(Unfinished::Contended)) => (failed(contention("profile")), false),
                (_, Some(Unfinished::TooMany)) => (failed(too_many()), false),
                (Verdict::Applied { .. }, None) => (Outcome::applied(), false),
                (Verdict::Present, None) => (Outcome::Skipped(SkipReason::Duplicate), false),
                (Verdict::Older, None) => (Outcome::Skipped(SkipReason::OlderVersion), false),
            };
            for slot in one.superseded {
                let older = Outcome::Skipped(SkipReason::OlderVersion);
                plan.outcomes
                    .set(slot, if superseded { outcome.clone() } else { older });
            }
            plan.outcomes.set(one.slot, outcome);
        }
        Ok(())
    }
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Failed(failure)
}

/// The product is written; the rest of its users follows when the event comes again.
fn too_many() -> Failure {
    let message =
        "the product has more users than can be folded in one call; it goes on from there";
    Failure::unavailable(codes::FOLDING, message).with_remedy(fanout_contract::Remedy::Yield)
}

impl Processor for QdrantProcessor {
    fn name(&self) -> &str {
        &self.name
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async {
            let prepared = timeout(self.config.query_timeout, self.store.prepare(self.wanted()));
            let dimension = prepared
                .await
                .unwrap_or(Err(StoreError::TimedOut))
                .map_err(in_prepare)?;
            // learned anew: the collections may be others than before an outage
            self.dimension
                .store(dimension.unwrap_or(0), Ordering::Relaxed);
            Ok(())
        })
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        let span = tracing::info_span!(
            "qdrant",
            otel.kind = "client",
            db.system.name = "qdrant",
            "db.operation.name" = "apply",
            "db.operation.batch.size" = batch.len(),
        );
        let applying = async {
            let applied = timeout(self.config.query_timeout, self.apply(batch)).await;
            applied
                .unwrap_or(Err(StoreError::TimedOut))
                .map_err(in_process)
        };
        Box::pin(applying.instrument(span))
    }
    fn applied<'a>(&'a self, ids: &'a [EventId]) -> BoxFuture<'a, Result<Applied, Failure>> {
        Box::pin(async {
            let traces = traces(&self.store, self.config.profiles, ids);
            let traces = timeout(self.config.query_timeout, traces).await;
            let traces = traces.unwrap_or(Err(StoreError::TimedOut));
            traces.map(Applied::Told).map_err(in_process)
        })
    }
}
