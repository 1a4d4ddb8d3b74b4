//! Filters.

use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::{Condition, DatetimeRange, FieldCondition, Filter, Match, Range};
use qdrant_edge as edge;
use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::{AnyVariants, DateTimeWrapper, RangeInterface, ValueVariants};
use tonic::Status;

use super::{ids, path, unsupported, wrong};

pub(in crate::vectors) fn filter_in(filter: Filter) -> Result<edge::Filter, Status> {
    let min_should = filter
        .min_should
        .map(|least| {
            Ok::<_, Status>(edge::MinShould {
                conditions: conditions(least.conditions)?,
                min_count: usize::try_from(least.min_count).unwrap_or(usize::MAX),
            })
        })
        .transpose()?;
    Ok(edge::Filter {
        should: some(conditions(filter.should)?),
        min_should,
        must: some(conditions(filter.must)?),
        must_not: some(conditions(filter.must_not)?),
    })
}

pub(in crate::vectors) fn optional(filter: Option<Filter>) -> Result<Option<edge::Filter>, Status> {
    filter.map(filter_in).transpose()
}

fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}

/// Depth is bounded by the protocol's decoder.
fn conditions(conditions: Vec<Condition>) -> Result<Vec<edge::Condition>, Status> {
    conditions.into_iter().map(condition).collect()
}

fn condition(condition: Condition) -> Result<edge::Condition, Status> {
    let one = condition
        .condition_one_of
        .ok_or_else(|| Status::invalid_argument("Malformed Condition type"))?;
    Ok(match one {
        ConditionOneOf::Field(field) => edge::Condition::Field(self::field(field)?),
        ConditionOneOf::IsEmpty(empty) => edge::Condition::IsEmpty(path(&empty.key)?.into()),
        ConditionOneOf::IsNull(null) => edge::Condition::IsNull(path(&null.key)?.into()),
        ConditionOneOf::HasId(has) => {
            edge::Condition::HasId(ids::all_in(has.has_id)?.into_iter().collect())
        }
        ConditionOneOf::Filter(filter) => edge::Condition::Filter(filter_in(filter)?),
        ConditionOneOf::HasVector(has) => edge::Condition::HasVector(has.has_vector.into()),
        ConditionOneOf::Nested(_) => return Err(unsupported("a nested filter")),
        ConditionOneOf::Slice(_) => return Err(unsupported("a slice filter")),
    })
}

fn field(field: FieldCondition) -> Result<edge::FieldCondition, Status> {
    if field.geo_bounding_box.is_some() || field.geo_radius.is_some() || field.geo_polygon.is_some()
    {
        return Err(unsupported("geometry"));
    }
    let range = match (field.range, field.datetime_range) {
        (Some(_), Some(_)) => return Err(wrong("a field has two ranges")),
        (Some(range), None) => Some(RangeInterface::Float(numbers(&range))),
        (None, Some(range)) => Some(RangeInterface::DateTime(times(&range)?)),
        (None, None) => None,
    };
    let values_count = field.values_count.map(|count| {
        let number = |n: Option<u64>| n.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        edge::ValuesCount {
            lt: number(count.lt),
            gt: number(count.gt),
            gte: number(count.gte),
            lte: number(count.lte),
        }
    });
    Ok(edge::FieldCondition {
        key: path(&field.key)?,
        r#match: field.r#match.map(matching).transpose()?,
        range,
        geo_bounding_box: None,
        geo_radius: None,
        geo_polygon: None,
        values_count,
        is_empty: field.is_empty,
        is_null: field.is_null,
    })
}

fn matching(wish: Match) -> Result<edge::Match, Status> {
    let value = wish
        .match_value
        .ok_or_else(|| Status::invalid_argument("Malformed Match condition"))?;
    Ok(match value {
        MatchValue::Keyword(text) => edge::Match::new_value(ValueVariants::String(text)),
        MatchValue::Integer(number) => edge::Match::new_value(ValueVariants::Integer(number)),
        MatchValue::Boolean(flag) => edge::Match::new_value(ValueVariants::Bool(flag)),
        MatchValue::Text(text) => edge::Match::new_text(&text),
        MatchValue::Keywords(any) => edge::Match::new_any(strings(any.strings)),
        MatchValue::Integers(any) => edge::Match::new_any(integers(any.integers)),
        MatchValue::ExceptKeywords(any) => edge::Match::Except(edge::MatchExcept {
            except: strings(any.strings),
        }),
        MatchValue::ExceptIntegers(any) => edge::Match::Except(edge::MatchExcept {
            except: integers(any.integers),
        }),
        MatchValue::Phrase(_)
        | MatchValue::TextAny(_)
        | MatchValue::Prefix(_)
        | MatchValue::Substring(_) => return Err(unsupported("this kind of text match")),
    })
}

fn strings(items: Vec<String>) -> AnyVariants {
    AnyVariants::Strings(items.into_iter().collect())
}

fn integers(items: Vec<i64>) -> AnyVariants {
    AnyVariants::Integers(items.into_iter().collect())
}

fn numbers(range: &Range) -> edge::Range<OrderedFloat<f64>> {
    edge::Range {
        lt: range.lt.map(OrderedFloat),
        gt: range.gt.map(OrderedFloat),
        gte: range.gte.map(OrderedFloat),
        lte: range.lte.map(OrderedFloat),
    }
}

fn times(range: &DatetimeRange) -> Result<edge::Range<DateTimeWrapper>, Status> {
    Ok(edge::Range {
        lt: range
            .lt
            .map(|at| instant(at.seconds, at.nanos))
            .transpose()?,
        gt: range
            .gt
            .map(|at| instant(at.seconds, at.nanos))
            .transpose()?,
        gte: range
            .gte
            .map(|at| instant(at.seconds, at.nanos))
            .transpose()?,
        lte: range
            .lte
            .map(|at| instant(at.seconds, at.nanos))
            .transpose()?,
    })
}

/// Microseconds are what the engine keeps.
fn instant(seconds: i64, nanos: i32) -> Result<DateTimeWrapper, Status> {
    seconds
        .checked_mul(1_000_000)
        .and_then(|micros| micros.checked_add(i64::from(nanos) / 1_000))
        .and_then(DateTimeWrapper::from_timestamp)
        .ok_or_else(|| wrong("a time is out of range"))
}
