//! The calls, each with its deadline; a write counts once the server says *completed*.

use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::with_payload_selector::SelectorOptions;
use qdrant_client::qdrant::{
    self as grpc, CountPoints, DeletePoints, FieldCondition, Filter, GetPoints, HasIdCondition,
    Match, PayloadIncludeSelector, PointStruct, PointsIdsList, PointsOperationResponse,
    PointsSelector, RepeatedStrings, ScrollPoints, UpdateStatus, UpsertPoints, WithPayloadSelector,
    WithVectorsSelector, with_vectors_selector,
};
use std::future::Future;
use tokio::time::timeout;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::answer::{Point, uuid};
use super::channel::QdrantStore;
use super::error::StoreError;
use crate::id::Collection;
use crate::points::{VERSION, point_id};

/// Which points a call is about.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// The field holds one of these texts.
    Any(&'static str, Vec<String>),
    /// It has one of these ids.
    Id(Vec<Uuid>),
}

impl Condition {
    fn filter(conditions: Vec<Self>) -> Filter {
        Filter {
            must: conditions.into_iter().map(Self::into_grpc).collect(),
            ..Filter::default()
        }
    }

    /// What meets none of the conditions.
    pub(super) fn excluding(conditions: Vec<Self>) -> Filter {
        Filter {
            must_not: conditions.into_iter().map(Self::into_grpc).collect(),
            ..Filter::default()
        }
    }

    fn into_grpc(self) -> grpc::Condition {
        grpc::Condition {
            condition_one_of: Some(match self {
                Self::Any(key, strings) => ConditionOneOf::Field(FieldCondition {
                    key: key.to_owned(),
                    r#match: Some(Match {
                        match_value: Some(MatchValue::Keywords(RepeatedStrings { strings })),
                    }),
                    ..FieldCondition::default()
                }),
                Self::Id(ids) => ConditionOneOf::HasId(HasIdCondition {
                    has_id: ids.into_iter().map(point_id).collect(),
                }),
            }),
        }
    }
}

/// What of a point is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fields {
    /// These fields of the payload.
    Some(&'static [&'static str]),
    /// These, and the vector.
    AndVector(&'static [&'static str]),
    /// Payload and vector.
    All,
}

impl Fields {
    fn payload(self) -> WithPayloadSelector {
        let options = match self {
            Self::Some(fields) | Self::AndVector(fields) => {
                SelectorOptions::Include(PayloadIncludeSelector {
                    fields: fields.iter().map(|&field| field.to_owned()).collect(),
                })
            }
            Self::All => SelectorOptions::Enable(true),
        };
        WithPayloadSelector {
            selector_options: Some(options),
        }
    }

    fn vector(self) -> WithVectorsSelector {
        let wanted = !matches!(self, Self::Some(_));
        WithVectorsSelector {
            selector_options: Some(with_vectors_selector::SelectorOptions::Enable(wanted)),
        }
    }
}

impl QdrantStore {
    /// One call: a turn among the requests in flight, the deadline here and at the server.
    pub(super) async fn call<T, A, F>(
        &self,
        message: T,
        send: impl FnOnce(Request<T>) -> F,
    ) -> Result<A, StoreError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let called = timeout(self.timeout, async {
            let turn = self.permits.acquire().await;
            let _turn = turn.map_err(|_| StoreError::TimedOut)?;
            let mut request = Request::new(message);
            request.set_timeout(self.timeout);
            Ok(send(request).await?.into_inner())
        });
        called.await.unwrap_or(Err(StoreError::TimedOut))
    }

    fn seconds(&self) -> Option<u64> {
        Some(self.timeout.as_secs().max(1))
    }

    /// Writes points. With `over`, a point that stands there already is only replaced where
    /// its version is one of these; without any version, only missing points are written.
    pub(crate) async fn upsert(
        &self,
        collection: Collection,
        points: Vec<PointStruct>,
        over: Option<Vec<String>>,
    ) -> Result<(), StoreError> {
        let update_filter = over.map(|mut versions| {
            // no version is empty: a list that is would be a filter of its own kind
            versions.push(String::new());
            Condition::filter(vec![Condition::Any(VERSION, versions)])
        });
        let message = UpsertPoints {
            collection_name: self.name_of(collection),
            wait: Some(true),
            points,
            update_filter,
            timeout: self.seconds(),
            ..UpsertPoints::default()
        };
        let mut client = self.points();
        completed(
            self.call(
                message,
                |request| async move { client.upsert(request).await },
            )
            .await?,
        )
    }

    /// Removes the points that meet all conditions.
    pub(crate) async fn delete(
        &self,
        collection: Collection,
        conditions: Vec<Condition>,
    ) -> Result<(), StoreError> {
        self.remove(
            collection,
            PointsSelectorOneOf::Filter(Condition::filter(conditions)),
        )
        .await
    }

    /// Removes the points with these ids.
    pub(crate) async fn delete_ids(
        &self,
        collection: Collection,
        ids: impl IntoIterator<Item = Uuid>,
    ) -> Result<(), StoreError> {
        let ids = ids.into_iter().map(point_id).collect();
        self.remove(
            collection,
            PointsSelectorOneOf::Points(PointsIdsList { ids }),
        )
        .await
    }

    async fn remove(
        &self,
        collection: Collection,
        selector: PointsSelectorOneOf,
    ) -> Result<(), StoreError> {
        let message = DeletePoints {
            collection_name: self.name_of(collection),
            wait: Some(true),
            points: Some(PointsSelector {
                points_selector_one_of: Some(selector),
            }),
            timeout: self.seconds(),
            ..DeletePoints::default()
        };
        let mut client = self.points();
        completed(
            self.call(
                message,
                |request| async move { client.delete(request).await },
            )
            .await?,
        )
    }

    /// The points with these ids, as far as they are there, in no order.
    pub(crate) async fn get(
        &self,
        collection: Collection,
        ids: Vec<Uuid>,
        fields: Fields,
    ) -> Result<Vec<Point>, StoreError> {
        let message = GetPoints {
            collection_name: self.name_of(collection),
            ids: ids.into_iter().map(point_id).collect(),
            with_payload: Some(fields.payload()),
            with_vectors: Some(fields.vector()),
            timeout: self.seconds(),
            ..GetPoints::default()
        };
        let mut client = self.points();
        let answer = self.call(message, |request| async move { client.get(request).await });
        answer.await?.result.into_iter().map(Point::read).collect()
    }

    /// A page of the points that meet the condition, ordered by id, and where the next begins.
    pub(crate) async fn scroll(
        &self,
        collection: Collection,
        condition: Option<Condition>,
        offset: Option<Uuid>,
        limit: u32,
        fields: Fields,
    ) -> Result<(Vec<Point>, Option<Uuid>), StoreError> {
        let message = ScrollPoints {
            collection_name: self.name_of(collection),
            filter: condition.map(|condition| Condition::filter(vec![condition])),
            offset: offset.map(point_id),
            limit: Some(limit),
            with_payload: Some(fields.payload()),
            with_vectors: Some(fields.vector()),
            timeout: self.seconds(),
            ..ScrollPoints::default()
        };
        let mut client = self.points();
        let answer = self.call(
            message,
            |request| async move { client.scroll(request).await },
        );
        let answer = answer.await?;
        let next = answer
            .next_page_offset
            .map(|id| uuid(Some(id)))
            .transpose()?;
        let points: Result<_, _> = answer.result.into_iter().map(Point::read).collect();
        Ok((points?, next))
    }

    /// How many points the collection has.
    pub(crate) async fn count(&self, collection: Collection) -> Result<u64, StoreError> {
        self.counted(collection, None).await
    }

    /// How many points meet the condition.
    pub(crate) async fn count_of(
        &self,
        collection: Collection,
        condition: Condition,
    ) -> Result<u64, StoreError> {
        let filter = Condition::filter(vec![condition]);
        self.counted(collection, Some(filter)).await
    }

    async fn counted(
        &self,
        collection: Collection,
        filter: Option<Filter>,
    ) -> Result<u64, StoreError> {
        let message = CountPoints {
            collection_name: self.name_of(collection),
            filter,
            exact: Some(true),
            timeout: self.seconds(),
            ..CountPoints::default()
        };
        let mut client = self.points();
        let answer = self.call(
            message,
            |request| async move { client.count(request).await },
        );
        let result = answer.await?.result;
        result
            .map(|result| result.count)
            .ok_or(StoreError::Answer("a count has no result"))
    }
}

/// A write that waits may be answered before it is done.
pub(super) fn completed(answer: PointsOperationResponse) -> Result<(), StoreError> {
    let result = answer
        .result
        .ok_or(StoreError::Answer("a write has no result"))?;
    match UpdateStatus::try_from(result.status) {
        Ok(UpdateStatus::Completed) => Ok(()),
        Ok(status) => Err(StoreError::NotCompleted(status.as_str_name())),
        Err(_) => Err(StoreError::NotCompleted("an unknown status")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use qdrant_client::qdrant::UpdateResult;

    fn answer(status: i32) -> PointsOperationResponse {
        PointsOperationResponse {
            result: Some(UpdateResult {
                operation_id: None,
                status,
            }),
            ..PointsOperationResponse::default()
        }
    }

    #[test]
    fn only_a_completed_write_counts() {
        assert!(completed(answer(UpdateStatus::Completed.into())).is_ok());
        for status in [
            UpdateStatus::UnknownUpdateStatus,
            UpdateStatus::Acknowledged,
            UpdateStatus::ClockRejected,
            UpdateStatus::WaitTimeout,
        ] {
            let said = completed(answer(status.into())).unwrap_err();
            assert!(said.to_string().contains(status.as_str_name()), "{said}");
        }
        assert!(matches!(
            completed(answer(99)),
            Err(StoreError::NotCompleted(_))
        ));
        let nothing = PointsOperationResponse::default();
        assert!(matches!(completed(nothing), Err(StoreError::Answer(_))));
    }
}
