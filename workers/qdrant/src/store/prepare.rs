//! The server's version, and the collections as they must be.

use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CollectionInfo, CreateCollection, CreateFieldIndexCollection, Distance, FieldType,
    GetCollectionInfoRequest, HealthCheckRequest, PayloadSchemaType, VectorParams, VectorsConfig,
};
use tonic::Code;
use uuid::Uuid;

use super::calls::completed;
use super::channel::QdrantStore;
use super::error::StoreError;
use crate::id::Collection;
use crate::points::{EVENT, PRODUCT_KEY, USER_KEY};

/// The first version with conditional upserts. Older ones ignore the condition silently.
const OLDEST: (u64, u64) = (1, 16);

impl QdrantStore {
    /// Verifies the version, creates what is missing and writes nothing, the way a write
    /// goes. Answers the dimension of the vectors, where it is known already.
    pub(crate) async fn prepare(&self, wanted: Option<u64>) -> Result<Option<u64>, StoreError> {
        self.check_version().await?;
        for collection in [Collection::Interactions, Collection::Tombstones] {
            if self.info(collection).await?.is_none() {
                self.create(collection, None).await?;
            }
        }
        self.index(Collection::Interactions).await?;
        let dimension = self.vectors(wanted, wanted).await?;
        self.delete_ids(Collection::Tombstones, [Uuid::nil()])
            .await?;
        Ok(dimension)
    }

    /// The dimension of the collections with vectors, once both are there. Where there are
    /// none they are created with `create`; where that is `None`, the answer is.
    pub(crate) async fn vectors(
        &self,
        wanted: Option<u64>,
        create: Option<u64>,
    ) -> Result<Option<u64>, StoreError> {
        let mut dimension = create;
        for collection in [Collection::Products, Collection::Profiles] {
            let mut found = self.info(collection).await?;
            if found.is_none() {
                let Some(dimension) = dimension else {
                    return Ok(None);
                };
                self.create(collection, Some(dimension)).await?;
                found = self.info(collection).await?;
            }
            let name = self.name_of(collection);
            let found = found.ok_or_else(|| StoreError::Collection {
                name: name.clone(),
                what: "is gone again".to_owned(),
            })?;
            let found = size(&found).ok_or_else(|| StoreError::Collection {
                name: name.clone(),
                what: "has no single vector with distance cosine".to_owned(),
            })?;
            // profiles are means of products: both have one dimension
            let expected = match collection {
                Collection::Products => wanted,
                _ => dimension,
            };
            if let Some(wanted) = expected.filter(|wanted| *wanted != found) {
                return Err(StoreError::Dimension {
                    name,
                    found,
                    wanted,
                });
            }
            dimension = Some(found);
        }
        self.index(Collection::Products).await?;
        Ok(dimension)
    }

    pub(super) async fn check_version(&self) -> Result<(), StoreError> {
        let mut client = self.health();
        let answer = self.call(HealthCheckRequest {}, |request| async move {
            client.health_check(request).await
        });
        let version = answer.await?.version;
        match is_new_enough(&version) {
            Some(true) => Ok(()),
            Some(false) => Err(StoreError::Version(version)),
            None => Err(StoreError::Answer("the version is no version")),
        }
    }

    pub(super) async fn info(
        &self,
        collection: Collection,
    ) -> Result<Option<CollectionInfo>, StoreError> {
        let message = GetCollectionInfoRequest {
            collection_name: self.name_of(collection),
        };
        let mut client = self.collections();
        let answer = self.call(message, |request| async move { client.get(request).await });
        match answer.await {
            Ok(answer) => Ok(answer.result),
            Err(StoreError::Server {
                code: Code::NotFound,
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create(
        &self,
        collection: Collection,
        dimension: Option<u64>,
    ) -> Result<(), StoreError> {
        let params = |size| VectorsConfig {
            config: Some(Config::Params(VectorParams {
                size,
                distance: Distance::Cosine.into(),
                ..VectorParams::default()
            })),
        };
        let message = CreateCollection {
            collection_name: self.name_of(collection),
            vectors_config: dimension.map(params),
            timeout: Some(self.timeout.as_secs().max(1)),
            ..CreateCollection::default()
        };
        let mut client = self.collections();
        let answer = self.call(
            message,
            |request| async move { client.create(request).await },
        );
        let error = match answer.await {
            Ok(answer) if answer.result => return Ok(()),
            Ok(_) => StoreError::Answer("a collection was not created"),
            Err(error) => error,
        };
        // somebody else may have created it meanwhile; servers differ in what they say then
        match self.info(collection).await? {
            Some(_) => Ok(()),
            None => Err(error),
        }
    }

    async fn index(&self, collection: Collection) -> Result<(), StoreError> {
        let info = self.info(collection).await?.unwrap_or_default();
        for field in unindexed(collection, &info) {
            let message = CreateFieldIndexCollection {
                collection_name: self.name_of(collection),
                wait: Some(true),
                field_name: field.to_owned(),
                field_type: Some(FieldType::Keyword.into()),
                ..CreateFieldIndexCollection::default()
            };
            let mut client = self.points();
            completed(
                self.call(message, |request| async move {
                    client.create_field_index(request).await
                })
                .await?,
            )?;
        }
        Ok(())
    }
}

/// Fields by which points of the collection are found.
fn indexed_fields(collection: Collection) -> &'static [&'static str] {
    match collection {
        Collection::Interactions => &[USER_KEY, PRODUCT_KEY],
        Collection::Products => &[EVENT],
        Collection::Profiles | Collection::Tombstones => &[],
    }
}

/// Those of its fields that have no index yet.
pub(super) fn unindexed(
    collection: Collection,
    info: &CollectionInfo,
) -> impl Iterator<Item = &'static str> {
    let keyword = i32::from(PayloadSchemaType::Keyword);
    let fields = indexed_fields(collection).iter().copied();
    fields.filter(move |field| {
        let known = info.payload_schema.get(*field);
        known.is_none_or(|known| known.data_type != keyword)
    })
}

/// The size of the one unnamed vector with distance cosine.
pub(super) fn size(info: &CollectionInfo) -> Option<u64> {
    let params = info.config.as_ref()?.params.as_ref()?;
    match params.vectors_config.as_ref()?.config.as_ref()? {
        Config::Params(params) => {
            (params.distance == i32::from(Distance::Cosine)).then_some(params.size)
        }
        Config::ParamsMap(_) => None,
    }
}

fn is_new_enough(version: &str) -> Option<bool> {
    let mut parts = version.trim_start_matches('v').split(['.', '-']);
    let mut number = || parts.next()?.parse::<u64>().ok();
    Some((number()?, number()?) >= OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditional_upserts_exist_from_1_16_on() {
        for (version, enough) in [
            ("1.15.5", Some(false)),
            ("1.16.0", Some(true)),
            ("v1.18.3", Some(true)),
            ("2.0.0-dev", Some(true)),
            ("1.9.0", Some(false)),
            ("latest", None),
            ("", None),
        ] {
            assert_eq!(is_new_enough(version), enough, "{version}");
        }
    }
}
