//! What lies near: the question that the projection is for.

use fanout_contract::Failure;
use qdrant_client::qdrant::query::Variant;
use qdrant_client::qdrant::{
    self as grpc, Query, QueryPoints, ScoredPoint, VectorInput, WithPayloadSelector, vector_input,
    with_payload_selector,
};
use uuid::Uuid;

use super::answer::Point;
use super::calls::Condition;
use super::channel::QdrantStore;
use super::error::StoreError;
use crate::classify::in_process;
use crate::id::{Collection, Id};

/// A product and how near it is.
#[derive(Clone, Debug)]
pub struct Near {
    /// The product's point, without its vector.
    pub point: Point,
    /// Cosine of the angle between the two: 1 in the same direction.
    pub score: f32,
}

impl QdrantStore {
    /// The products nearest to a user's profile, the nearest first, at most `limit`; `None`
    /// where the user has no profile.
    ///
    /// # Errors
    /// As [`process`](fanout_contract::Processor::process) has them.
    pub async fn recommended(&self, user: &Id, limit: u32) -> Result<Option<Vec<Near>>, Failure> {
        let profile = self.point(Collection::Profiles, user).await?;
        match profile.and_then(Point::into_vector) {
            Some(vector) => self.near(vector, None, limit).await.map(Some),
            None => Ok(None),
        }
    }

    /// The products nearest to a product, without itself, the nearest first, at most `limit`;
    /// `None` where the product has no vector.
    ///
    /// # Errors
    /// As [`process`](fanout_contract::Processor::process) has them.
    pub async fn similar(&self, product: &Id, limit: u32) -> Result<Option<Vec<Near>>, Failure> {
        let point = self.point(Collection::Products, product).await?;
        let id = point.as_ref().map(Point::id);
        match point.and_then(Point::into_vector) {
            Some(vector) => self.near(vector, id, limit).await.map(Some),
            None => Ok(None),
        }
    }

    async fn near(
        &self,
        vector: Vec<f32>,
        without: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Near>, Failure> {
        let asked = self.query(vector, without, limit).await;
        asked.map_err(in_process)
    }

    async fn query(
        &self,
        vector: Vec<f32>,
        without: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Near>, StoreError> {
        let nearest = VectorInput {
            variant: Some(vector_input::Variant::Dense(grpc::DenseVector {
                data: vector,
            })),
        };
        let payload = with_payload_selector::SelectorOptions::Enable(true);
        let message = QueryPoints {
            collection_name: self.name_of(Collection::Products),
            query: Some(Query {
                variant: Some(Variant::Nearest(nearest)),
            }),
            filter: without.map(|id| Condition::excluding(vec![Condition::Id(vec![id])])),
            limit: Some(limit.into()),
            with_payload: Some(WithPayloadSelector {
                selector_options: Some(payload),
            }),
            timeout: Some(self.timeout.as_secs().max(1)),
            ..QueryPoints::default()
        };
        let mut client = self.points();
        let answer = self.call(
            message,
            |request| async move { client.query(request).await },
        );
        answer.await?.result.into_iter().map(Near::read).collect()
    }
}

impl Near {
    fn read(point: ScoredPoint) -> Result<Self, StoreError> {
        Ok(Self {
            score: point.score,
            point: Point::of(point.id, point.payload, None)?,
        })
    }
}
