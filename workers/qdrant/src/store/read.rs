//! What stands there, for whoever wants to know.

use fanout_contract::Failure;
use uuid::Uuid;

use super::answer::Point;
use super::calls::Fields;
use super::channel::QdrantStore;
use crate::classify::in_process;
use crate::id::{Collection, Id};

impl QdrantStore {
    /// The point of whatever has this id, with payload and vector.
    ///
    /// # Errors
    /// As [`process`](fanout_contract::Processor::process) has them.
    pub async fn point(&self, collection: Collection, id: &Id) -> Result<Option<Point>, Failure> {
        let ids = vec![collection.point_id(id)];
        let points = self.get(collection, ids, Fields::All).await;
        Ok(points.map_err(in_process)?.pop())
    }

    /// The points with these ids, as far as they are there, with payload and vector, in no
    /// order.
    ///
    /// # Errors
    /// As [`process`](fanout_contract::Processor::process) has them.
    pub async fn points_of(
        &self,
        collection: Collection,
        ids: Vec<Uuid>,
    ) -> Result<Vec<Point>, Failure> {
        let points = self.get(collection, ids, Fields::All).await;
        points.map_err(in_process)
    }

    /// A page of at most `limit` points, with payload and vector, ordered by point id, and
    /// where the next page begins; `None` behind the last.
    ///
    /// # Errors
    /// As [`process`](fanout_contract::Processor::process) has them.
    pub async fn page(
        &self,
        collection: Collection,
        from: Option<Uuid>,
        limit: u32,
    ) -> Result<(Vec<Point>, Option<Uuid>), Failure> {
        let page = self
            .scroll(collection, None, from, limit, Fields::All)
            .await;
        page.map_err(in_process)
    }

    /// How many points the collection has.
    ///
    /// # Errors
    /// As [`process`](fanout_contract::Processor::process) has them.
    pub async fn size(&self, collection: Collection) -> Result<u64, Failure> {
        self.count(collection).await.map_err(in_process)
    }
}
