//! When a product's vector changed: the profiles of all its users, page by page.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;
use uuid::Uuid;

use crate::id::{Collection, Id};
use crate::points::{PRODUCT_KEY, USER_KEY};
use crate::profiles::{Folder, User};
use crate::store::{Condition, Fields, Point, StoreError};

/// Products whose users are looked up together.
const PRODUCTS: usize = 256;
/// Interactions of a page.
const PAGE: u32 = 1_000;
/// Products whose place is remembered at most.
const PLACES: usize = 1_024;

/// Where the sweep of a version of a product was interrupted. Interactions that come later
/// are folded by whoever writes them, so that nothing before the place is missed. Kept in
/// memory: without it a sweep only begins anew.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<HashMap<String, Uuid>>);

impl Places {
    fn take(&self, version: &str) -> Option<Uuid> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.remove(version)
    }

    fn keep(&self, version: &str, place: Uuid) {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= PLACES {
            places.clear();
        }
        places.insert(version.to_owned(), place);
    }
}

/// Why a product's users do not all have their profile yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfinished {
    /// There are too many of them for one call.
    TooMany,
    /// Other writers were faster each time.
    Contended,
}

impl Folder<'_> {
    /// Folds the profiles of all users of these products, each with its version.
    pub(crate) async fn sweep(
        &self,
        products: &[(Id, String)],
        places: &Places,
        until: Instant,
    ) -> Result<HashMap<Id, Unfinished>, StoreError> {
        let mut unfinished = HashMap::new();
        for group in products.chunks(PRODUCTS) {
            let keys = group.iter().map(|(id, _)| id.json().to_owned()).collect();
            let (page, next) = self.users(keys, None).await?;
            if next.is_some() {
                // too many for a page: each product by itself, from where it was left
                for (product, version) in group {
                    if let Some(why) = self.sweep_one(product, version, places, until).await? {
                        unfinished.insert(product.clone(), why);
                    }
                }
            } else if !self.refold(unknown(page)).await?.contended.is_empty() {
                let all = group
                    .iter()
                    .map(|(id, _)| (id.clone(), Unfinished::Contended));
                unfinished.extend(all);
            }
        }
        Ok(unfinished)
    }

    async fn sweep_one(
        &self,
        product: &Id,
        version: &str,
        places: &Places,
        until: Instant,
    ) -> Result<Option<Unfinished>, StoreError> {
        let mut place = places.take(version);
        loop {
            let (users, next) = self.users(vec![product.json().to_owned()], place).await?;
            if !self.refold(unknown(users)).await?.contended.is_empty() {
                if let Some(place) = place {
                    places.keep(version, place);
                }
                return Ok(Some(Unfinished::Contended));
            }
            let Some(next) = next else {
                return Ok(None);
            };
            place = Some(next);
            if Instant::now() >= until {
                places.keep(version, next);
                return Ok(Some(Unfinished::TooMany));
            }
        }
    }

    /// Users of a page of the products' interactions, each once, and where the next begins.
    async fn users(
        &self,
        products: Vec<String>,
        place: Option<Uuid>,
    ) -> Result<(Vec<Id>, Option<Uuid>), StoreError> {
        let of_products = Some(Condition::Any(PRODUCT_KEY, products));
        let fields = Fields::Some(&[USER_KEY]);
        let scroll = self
            .store
            .scroll(Collection::Interactions, of_products, place, PAGE, fields);
        let (page, next) = scroll.await?;
        let users: HashSet<&str> = page
            .iter()
            .filter_map(|p: &Point| p.text(USER_KEY))
            .collect();
        Ok((users.into_iter().map(Id::from_json).collect(), next))
    }
}

/// Users of whose history nothing is remembered: what was folded before may be out of date.
fn unknown(users: Vec<Id>) -> Vec<User> {
    users.into_iter().map(|user| (user, None)).collect()
}
