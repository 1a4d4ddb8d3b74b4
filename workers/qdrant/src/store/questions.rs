//! Questions about a server, for `diagnose`. Nothing is created or written.

use qdrant_client::qdrant::{CollectionInfo, CollectionStatus};

use super::answer::Point;
use super::calls::Fields;
use super::channel::QdrantStore;
use super::error::StoreError;
use super::prepare::{size, unindexed};
use crate::diagnose::{Found, Health};
use crate::id::Collection;
use crate::points::MAKE;

/// Profiles that are looked at.
const PROFILES: u32 = 1_000;

impl QdrantStore {
    /// Asks everything; what was answered before an error stays in `found`.
    pub(crate) async fn ask(
        &self,
        found: &mut Vec<(Collection, Option<Found>)>,
    ) -> Result<(), StoreError> {
        self.check_version().await?;
        for collection in [
            Collection::Products,
            Collection::Interactions,
            Collection::Profiles,
            Collection::Tombstones,
        ] {
            let info = self.info(collection).await?;
            found.push((collection, info.map(|info| describe(collection, &info))));
        }
        for (collection, profiles) in found {
            if let (Collection::Profiles, Some(profiles)) = (*collection, profiles) {
                profiles.makes = self.makes().await?;
            }
        }
        Ok(())
    }

    /// What the first profiles were folded with; their ids are digests, so that they are any.
    async fn makes(&self) -> Result<Vec<Option<String>>, StoreError> {
        let fields = Fields::Some(&[MAKE]);
        let page = self.scroll(Collection::Profiles, None, None, PROFILES, fields);
        let (page, _) = page.await?;
        let make = |point: &Point| point.text(MAKE).map(str::to_owned);
        Ok(page.iter().map(make).collect())
    }
}

fn describe(collection: Collection, info: &CollectionInfo) -> Found {
    let health = match CollectionStatus::try_from(info.status) {
        Ok(CollectionStatus::Red) => Health::Red,
        Ok(CollectionStatus::Yellow) => Health::Yellow,
        Ok(CollectionStatus::Grey) => Health::Grey,
        Ok(CollectionStatus::Green | CollectionStatus::UnknownCollectionStatus) | Err(_) => {
            Health::Green
        }
    };
    let optimizer = info.optimizer_status.as_ref().filter(|status| !status.ok);
    Found {
        size: size(info),
        health,
        optimizer: optimizer.map(|status| status.error.clone()),
        unindexed: unindexed(collection, info).collect(),
        makes: Vec::new(),
    }
}
