//! What is asked for: queries and bodies.

use axum::http::{StatusCode, Uri};
use jiff::Timestamp;
use serde::Deserialize;
use std::num::NonZeroU32;
use url::form_urlencoded;

use crate::operate::HttpProblem;
use crate::operate::dlq::{Canary, Filter, ReplayPlan, point_in_time};

/// Dead letters of a page, unless asked otherwise, and at most.
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 1000;

/// Conditions and page of a look.
#[derive(Debug, PartialEq)]
pub(super) struct Query {
    pub(super) filter: Filter,
    pub(super) offset: u64,
    pub(super) limit: usize,
}

impl Query {
    /// Names are those of the flags of `fanout dlq`; each may stand several times.
    pub(super) fn read(uri: &Uri) -> Result<Self, HttpProblem> {
        let mut query = Self {
            filter: Filter::default(),
            offset: 0,
            limit: PAGE,
        };
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        for (name, value) in pairs {
            query
                .set(&name, &value)
                .map_err(|rule| bad(format!("the parameter {name} {rule}")))?;
        }
        Ok(query)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let filter = &mut self.filter;
        let list = match name {
            "id" => &mut filter.id,
            "group" => &mut filter.group,
            "kind" => &mut filter.kind,
            "reason" => &mut filter.reason,
            "queue" => &mut filter.queue,
            "key" => &mut filter.key,
            "since" => {
                filter.since = Some(point_in_time(value, Timestamp::now())?);
                return Ok(());
            }
            "until" => {
                filter.until = Some(point_in_time(value, Timestamp::now())?);
                return Ok(());
            }
            "text" => {
                filter.text = Some(value.to_owned());
                return Ok(());
            }
            "offset" => {
                self.offset = value.parse().map_err(|_| "is no whole number")?;
                return Ok(());
            }
            "limit" => {
                let limit = value.parse().ok();
                let limit = limit.filter(|limit| (1..=LARGEST_PAGE).contains(limit));
                self.limit = limit.ok_or("is no whole number from 1 to 1000")?;
                return Ok(());
            }
            _ => return Err("does not exist".to_owned()),
        };
        list.push(value.to_owned());
        Ok(())
    }
}

/// The body of a replay or a purge.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Ask {
    id: OneOrMore,
    group: OneOrMore,
    filter: Filter,
    all: bool,
    limit: Option<u64>,
    rate: Option<NonZeroU32>,
    #[serde(alias = "dryRun")]
    dry_run: bool,
    force: bool,
    to: Option<String>,
    canary: Steps,
}

#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    #[default]
    None,
    One(String),
    More(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Steps {
    Usual(bool),
    These(Vec<u64>),
}

impl Default for Steps {
    fn default() -> Self {
        Self::Usual(false)
    }
}

impl OneOrMore {
    fn into_list(self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::One(one) => vec![one],
            Self::More(more) => more,
        }
    }
}

impl Ask {
    pub(super) fn read(body: &[u8]) -> Result<Self, HttpProblem> {
        serde_json::from_slice(body)
            .map_err(|error| bad(format!("the body cannot be read: {error}")))
    }

    pub(super) fn plan(self) -> ReplayPlan {
        let mut filter = self.filter;
        filter.id.extend(self.id.into_list());
        filter.group.extend(self.group.into_list());
        ReplayPlan {
            filter,
            all: self.all,
            limit: self.limit,
            rate: self.rate,
            dry_run: self.dry_run,
            force: self.force,
            to: self.to,
            canary: match self.canary {
                Steps::Usual(false) => None,
                Steps::Usual(true) => Some(Canary::default()),
                Steps::These(steps) => Some(Canary {
                    steps,
                    ..Canary::default()
                }),
            },
        }
    }
}

fn bad(detail: String) -> HttpProblem {
    HttpProblem::new(StatusCode::BAD_REQUEST, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_the_names_of_the_flags() {
        let uri = "/dlq?kind=view&kind=cart&queue=neo4j&text=a%20b&limit=5&offset=10";
        let query = Query::read(&uri.parse().unwrap()).unwrap();
        assert_eq!(query.filter.kind, ["view", "cart"]);
        assert_eq!(query.filter.text.as_deref(), Some("a b"));
        assert_eq!((query.limit, query.offset), (5, 10));
        for wrong in [
            "/dlq?other=1",
            "/dlq?limit=0",
            "/dlq?limit=1001",
            "/dlq?since=x",
        ] {
            assert!(Query::read(&wrong.parse().unwrap()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_body_names_what_is_meant_and_how() {
        let body = br#"{"id":"a","group":["g"],"filter":{"kind":["view"],"since":"2h"},
            "limit":5,"rate":10,"dryRun":true,"canary":[1,2]}"#;
        let plan = Ask::read(body).unwrap().plan();
        assert_eq!(
            (plan.filter.id, plan.filter.group),
            (vec!["a".to_owned()], vec!["g".to_owned()])
        );
        assert!(plan.filter.since.is_some() && plan.dry_run);
        assert_eq!(plan.canary.unwrap().steps, [1, 2]);
        assert!(Ask::read(br#"{"everything":true}"#).is_err());
        assert!(Ask::read(b"").is_err());
    }
}
