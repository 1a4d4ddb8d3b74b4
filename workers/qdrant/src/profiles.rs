//! Profiles kept up to date: read the interactions of users, fold, compare and swap.
//!
//! Whoever writes an interaction or a product folds afterwards, and swaps against the version
//! read *before* the interactions. So a profile that stands there was folded after every
//! write that is confirmed: a writer that was frozen meanwhile finds its version gone.

use futures::StreamExt;
use futures::TryStreamExt;
use futures::future::{try_join, try_join_all};
use futures::stream;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

use crate::cache::Vectors;
use crate::config::{QdrantConfig, Weights};
use crate::fold::{History, Known, Profile, fold, make};
use crate::histories::{Histories, Recalled, Remembered};
use crate::id::{Collection, Id};
use crate::points::{self, KIND, OCCURRED_AT, PRODUCT_KEY, USER_KEY, VERSION, WEIGHT};
use crate::store::{Condition, Fields, Point, QdrantStore, StoreError};

/// Users whose interactions are read together: measured, 5,000 to 8,000 users/s where one by
/// one it is 1,500.
const USERS: usize = 64;
/// Users whose tombstones are asked for together, where there is nothing else to read.
const TOMBSTONES: usize = 512;
/// Chunks of users under way at once; bounds the memory for their histories.
const CHUNKS: usize = 4;
/// Interactions of a page.
const PAGE: u32 = 2_000;
/// Products asked for in one request.
const PRODUCTS: usize = 256;
/// Rounds against other writers of the same profiles.
const ROUNDS: usize = 8;

/// What became of the users that do not simply have their profile now.
#[derive(Debug, Default)]
pub(crate) struct Refolded {
    /// Deleted users; what had been written for them is removed again.
    pub(crate) erased: HashSet<Id>,
    /// Other writers were faster each time.
    pub(crate) contended: HashSet<Id>,
}

/// Folds profiles.
#[derive(Debug)]
pub(crate) struct Folder<'a> {
    pub(crate) store: &'a QdrantStore,
    pub(crate) config: &'a QdrantConfig,
    pub(crate) vectors: &'a Vectors,
    pub(crate) histories: &'a Histories,
    /// Whether the collections with vectors are there; without products no profile is.
    pub(crate) has_profiles: bool,
}

/// A user, with what is remembered of the user's history.
pub(crate) type User = (Id, Option<Recalled>);

/// A user whose profile is not settled yet.
struct Pending {
    user: Id,
    point: Uuid,
    recalled: Option<Recalled>,
    /// What went into the profile that was folded last.
    folded: Option<Remembered>,
    /// The version that was written over another one: where it stands there, all is done.
    /// Where there was none before, one more look makes sure of it.
    replaced: Option<String>,
}

impl Folder<'_> {
    /// Whether profiles are kept at all.
    pub(crate) fn folds(&self) -> bool {
        self.has_profiles && self.config.profiles
    }

    /// Brings the profiles of these users up to date.
    pub(crate) async fn refold(&self, users: Vec<User>) -> Result<Refolded, StoreError> {
        let size = if self.folds() { USERS } else { TOMBSTONES };
        let mut users = users.into_iter().peekable();
        let mut chunks = Vec::new();
        while users.peek().is_some() {
            chunks.push(self.chunk(users.by_ref().take(size).collect()));
        }
        let chunks = stream::iter(chunks).buffer_unordered(CHUNKS);
        let merge = |mut all: Refolded, one: Refolded| async move {
            all.erased.extend(one.erased);
            all.contended.extend(one.contended);
            Ok(all)
        };
        chunks.try_fold(Refolded::default(), merge).await
    }

    async fn chunk(&self, users: Vec<User>) -> Result<Refolded, StoreError> {
        let pending = |(user, recalled): User| Pending {
            point: Collection::Profiles.point_id(&user),
            user,
            recalled,
            folded: None,
            replaced: None,
        };
        let mut open: Vec<Pending> = users.into_iter().map(pending).collect();
        let mut refolded = Refolded::default();
        for _ in 0..ROUNDS {
            let (stored, erased) = try_join(self.versions(&open), self.tombstones(&open)).await?;
            let gone: Vec<Id> = open
                .extract_if(.., |p| erased.contains(&p.user))
                .map(|p| p.user)
                .collect();
            self.erase(&gone).await?;
            refolded.erased.extend(gone);
            let settled = |p: &mut Pending| {
                p.replaced.is_some() && p.replaced.as_ref() == stored.get(&p.point)
            };
            for pending in open.extract_if(.., settled) {
                self.remember(pending);
            }
            if open.is_empty() || !self.folds() {
                return Ok(refolded);
            }
            let profiles = self.fold(&mut open, &stored).await?;
            open = self.swap(open, profiles, &stored).await?;
        }
        refolded.contended.extend(open.into_iter().map(|p| p.user));
        Ok(refolded)
    }

    /// Writes what is another one than stands there; answers who has to be looked at again.
    async fn swap(
        &self,
        open: Vec<Pending>,
        profiles: Vec<Option<Profile>>,
        stored: &HashMap<Uuid, String>,
    ) -> Result<Vec<Pending>, StoreError> {
        let (mut points, mut over, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        let make = make(&self.config.weights, self.config.half_life);
        let mut next = Vec::new();
        for (mut pending, profile) in open.into_iter().zip(profiles) {
            let before = stored.get(&pending.point);
            match &profile {
                None if before.is_none() => continue,
                Some(profile) if before == Some(&profile.version) => {
                    self.remember(pending);
                    continue;
                }
                None => gone.push(pending.point),
                Some(profile) => points.push(points::profile(&pending.user, profile, &make)),
            }
            over.extend(before.cloned());
            pending.replaced = profile.filter(|_| before.is_some()).map(|p| p.version);
            next.push(pending);
        }
        if !gone.is_empty() {
            let seen = Condition::Any(VERSION, over.clone());
            let conditions = vec![Condition::Id(gone), seen];
            self.store.delete(Collection::Profiles, conditions).await?;
        }
        let (count, bytes) = (self.config.request_points.get(), self.config.request_bytes);
        let requests = points::requests(points, count, bytes).into_iter();
        try_join_all(requests.map(|points| {
            let over = Some(over.clone());
            self.store.upsert(Collection::Profiles, points, over)
        }))
        .await?;
        Ok(next)
    }

    /// Versions of the profiles that stand there.
    async fn versions(&self, open: &[Pending]) -> Result<HashMap<Uuid, String>, StoreError> {
        if !self.folds() {
            return Ok(HashMap::new());
        }
        let ids = open.iter().map(|p| p.point).collect();
        let fields = Fields::Some(&[VERSION]);
        let points = self.store.get(Collection::Profiles, ids, fields).await?;
        let version = |p: &Point| (p.id(), p.text(VERSION).unwrap_or_default().to_owned());
        Ok(points.iter().map(version).collect())
    }

    async fn tombstones(&self, open: &[Pending]) -> Result<HashSet<Id>, StoreError> {
        let ids: HashMap<Uuid, &Id> = open
            .iter()
            .map(|p| (Collection::Tombstones.point_id(&p.user), &p.user))
            .collect();
        let asked = ids.keys().copied().collect();
        let fields = Fields::Some(&[]);
        let points = self
            .store
            .get(Collection::Tombstones, asked, fields)
            .await?;
        let user = |point: &Point| ids.get(&point.id()).map(|id| (*id).clone());
        Ok(points.iter().filter_map(user).collect())
    }

    /// Removes interactions and profiles of users whose tombstones stand.
    pub(crate) async fn erase(&self, users: &[Id]) -> Result<(), StoreError> {
        for users in users.chunks(USERS) {
            let keys = users.iter().map(|id| id.json().to_owned()).collect();
            let of_users = vec![Condition::Any(USER_KEY, keys)];
            self.store
                .delete(Collection::Interactions, of_users)
                .await?;
            if self.has_profiles {
                let ids = users.iter().map(|id| Collection::Profiles.point_id(id));
                self.store.delete_ids(Collection::Profiles, ids).await?;
            }
        }
        Ok(())
    }

    /// The profile stands there.
    fn remember(&self, pending: Pending) {
        if let Some(folded) = pending.folded {
            self.histories.put(pending.user, folded);
        }
    }

    /// The profiles as they must be now, one for each of `open`.
    async fn fold(
        &self,
        open: &mut [Pending],
        stored: &HashMap<Uuid, String>,
    ) -> Result<Vec<Option<Profile>>, StoreError> {
        let mut recalled = HashMap::new();
        let mut asked: HashSet<Id> = HashSet::new();
        for pending in open.iter_mut() {
            let stands = stored.get(&pending.point).map(String::as_str);
            if let Some(known) = pending.recalled.take_if(|r| stands == Some(r.version())) {
                let (history, known, ask) = known.into_parts(self.vectors);
                asked.extend(ask);
                recalled.insert(pending.point, (history, known));
            }
        }
        let unknown = open.iter().filter(|p| !recalled.contains_key(&p.point));
        let mut read = self
            .histories(unknown.map(|p| p.user.json().to_owned()).collect())
            .await?;
        asked.extend(read.values().flat_map(History::products).cloned());
        let products = self.products(asked.into_iter().collect()).await?;
        let mut profiles = Vec::with_capacity(open.len());
        let make = make(&self.config.weights, self.config.half_life);
        for pending in open {
            let (history, own) = match recalled.remove(&pending.point) {
                Some((history, mut known)) => {
                    let fresh = history
                        .products()
                        .filter_map(|id| products.get_key_value(id));
                    known.extend(fresh.map(|(id, found)| (id.clone(), found.clone())));
                    (Some(history), Some(known))
                }
                None => (read.remove(&pending.user), None),
            };
            profiles.push(history.and_then(|history| {
                let known = own.as_ref().unwrap_or(&products);
                let half_life = self.config.half_life;
                let profile = fold(&pending.user, &history, known, half_life, &make)?;
                pending.folded = Remembered::new(profile.version.clone(), history, known);
                Some(profile)
            }));
        }
        Ok(profiles)
    }

    /// The histories of the users with these keys, from the server.
    async fn histories(&self, keys: Vec<String>) -> Result<HashMap<Id, History>, StoreError> {
        const FIELDS: Fields = Fields::Some(&[USER_KEY, PRODUCT_KEY, KIND, WEIGHT, OCCURRED_AT]);
        let mut histories: HashMap<Id, History> = HashMap::new();
        if keys.is_empty() {
            return Ok(histories);
        }
        let mut offset = None;
        loop {
            let of_users = Some(Condition::Any(USER_KEY, keys.clone()));
            let scroll =
                self.store
                    .scroll(Collection::Interactions, of_users, offset, PAGE, FIELDS);
            let (page, next) = scroll.await?;
            for point in &page {
                let (user, at, product, weight) = interaction(point, &self.config.weights)?;
                histories
                    .entry(user)
                    .or_insert_with(|| History::new(self.config.history.get()))
                    .add(at, point.id(), product, weight);
            }
            match next {
                Some(next) => offset = Some(next),
                None => return Ok(histories),
            }
        }
    }

    /// Versions and vectors of the products that stand there. Vectors are remembered by their
    /// version, versions are asked for each time.
    async fn products(&self, ids: Vec<Id>) -> Result<HashMap<Id, Known>, StoreError> {
        let asked = ids.chunks(PRODUCTS).map(|ids| self.some_products(ids));
        let known = try_join_all(asked.collect::<Vec<_>>()).await?;
        Ok(known.into_iter().flatten().collect())
    }

    async fn some_products(&self, ids: &[Id]) -> Result<Vec<(Id, Known)>, StoreError> {
        let by_point: HashMap<Uuid, &Id> = ids
            .iter()
            .map(|id| (Collection::Products.point_id(id), id))
            .collect();
        let all: Vec<Uuid> = by_point.keys().copied().collect();
        let fields = Fields::Some(&[VERSION]);
        let mut known = Vec::with_capacity(ids.len());
        let mut unknown = Vec::new();
        for point in self.store.get(Collection::Products, all, fields).await? {
            let version = point.text(VERSION).unwrap_or_default();
            match self.vectors.get(point.id(), version) {
                Some(found) => known.push((point.id(), found)),
                None => unknown.push(point.id()),
            }
        }
        if !unknown.is_empty() {
            let fields = Fields::AndVector(&[VERSION]);
            for point in self
                .store
                .get(Collection::Products, unknown, fields)
                .await?
            {
                let (id, version) = (point.id(), point.text(VERSION).unwrap_or_default().into());
                let vector = point.into_vector().map(Arc::new);
                let found = Known { version, vector };
                self.vectors.put(id, found.clone());
                known.push((id, found));
            }
        }
        let with_id = |(point, known)| by_point.get(&point).map(|id| ((*id).clone(), known));
        Ok(known.into_iter().filter_map(with_id).collect())
    }
}

type Read = (Id, jiff::Timestamp, Id, f64);

/// Weighed as it is configured now; with what it was written with where its kind is not known,
/// as that of a later version of this program.
fn interaction(point: &Point, weights: &Weights) -> Result<Read, StoreError> {
    let read = || {
        let configured = point.text(KIND).and_then(|kind| weights.of(kind));
        Some((
            Id::from_json(point.text(USER_KEY)?),
            point.text(OCCURRED_AT)?.parse().ok()?,
            Id::from_json(point.text(PRODUCT_KEY)?),
            configured.or_else(|| point.number(WEIGHT))?,
        ))
    };
    read().ok_or(StoreError::Answer("an interaction is not one of ours"))
}
