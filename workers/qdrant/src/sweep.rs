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

/// Users remembered as folded at most; at some 50 bytes each, 5 MB. Without it they are only
/// folded once more.
const DONE: usize = 100_000;

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

/// Users folded since the products were written: their profiles know all of these products.
type Done = HashSet<Id>;

impl Folder<'_> {
    /// Folds the profiles of all users of these products, each with its version. A product
    /// whose turn has not come at `until` is left over; some users are folded all the same.
    pub(crate) async fn sweep(
        &self,
        products: &[(Id, String)],
        places: &Places,
        until: Instant,
    ) -> Result<HashMap<Id, Unfinished>, StoreError> {
        let mut unfinished = HashMap::new();
        let mut done = Done::new();
        let late = |done: &Done| !done.is_empty() && Instant::now() >= until;
        for group in products.chunks(PRODUCTS) {
            if late(&done) {
                let why = |(id, _): &(Id, String)| (id.clone(), Unfinished::TooMany);
                unfinished.extend(group.iter().map(why));
                continue;
            }
            let keys = group.iter().map(|(id, _)| id.json().to_owned()).collect();
            let (page, next) = self.users(keys, None).await?;
            if next.is_none() && !self.fold_page(page, &mut done).await? {
                let why = |(id, _): &(Id, String)| (id.clone(), Unfinished::Contended);
                unfinished.extend(group.iter().map(why));
            } else if next.is_some() {
                // too many for a page: each product by itself, from where it was left
                for (product, version) in group {
                    let why = if late(&done) {
                        Some(Unfinished::TooMany)
                    } else {
                        let sweep = self.sweep_one(product, version, places, &mut done, until);
                        sweep.await?
                    };
                    unfinished.extend(why.map(|why| (product.clone(), why)));
                }
            }
        }
        Ok(unfinished)
    }

    async fn sweep_one(
        &self,
        product: &Id,
        version: &str,
        places: &Places,
        done: &mut Done,
        until: Instant,
    ) -> Result<Option<Unfinished>, StoreError> {
        let mut place = places.take(version);
        loop {
            let (users, next) = self.users(vec![product.json().to_owned()], place).await?;
            if !self.fold_page(users, done).await? {
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

    /// Folds those that this sweep has not folded yet, however many of its products they
    /// know; answers whether all of them have their profile now.
    async fn fold_page(&self, mut users: Vec<Id>, done: &mut Done) -> Result<bool, StoreError> {
        users.retain(|user| !done.contains(user));
        let contended = self.refold(unknown(users.clone())).await?.contended;
        if done.len() >= DONE {
            done.clear();
        }
        let settled = contended.is_empty();
        done.extend(users.into_iter().filter(|user| !contended.contains(user)));
        Ok(settled)
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
