//! `fanout graph`: what a user did.

use std::time::Duration;

use clap::Args;
use fanout::config::Loaded;
use fanout_neo4j::mapping::Key;
use fanout_neo4j::store::{BoltStore, GraphStore};
use fanout_neo4j::{Neo4jConfig, Relation, relations_of_user};
use serde::Serialize;

use super::id::TypedId;
use super::{PATIENCE, failed};
use crate::exit::{CommandError, Exit};
use crate::output::{OutputArgs, figure, table, text};
use crate::registry::{self, neo4j};

const HELP: &str = "\
An id keeps its JSON type: 17 is a number; '\"17\"' and u-17 are texts.

Examples:
  fanout graph 17
  fanout graph u-17 --limit 5 --json
  fanout demo --keep shop && fanout graph 17 --from shop

Exit codes:
  0 found · 1 not known · 3 configuration · 4 cannot connect · 5 failed";

/// What a user did with which products, the latest first
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct GraphArgs {
    /// Id of the user
    #[arg(value_name = "USER", allow_hyphen_values = true)]
    user: TypedId,

    /// How many relationships at most
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,

    #[command(flatten)]
    from: FromArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Which graph is meant.
#[derive(Debug, Args)]
pub(crate) struct FromArgs {
    /// Ask the folder that `fanout demo --keep DIR` has left, instead of the configured Neo4j
    #[cfg(feature = "embedded")]
    #[arg(long, value_name = "DIR")]
    from: Option<std::path::PathBuf>,
}

/// The answer for programs.
#[derive(Debug, Serialize)]
struct Answer {
    user_id: Key,
    relations: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    relationship: String,
    product_id: Key,
    name: Option<String>,
    count: i64,
    first_at: Option<String>,
    last_at: Option<String>,
    last_session: Option<String>,
}

pub(crate) async fn run(args: GraphArgs, loaded: Loaded) -> Result<Exit, CommandError> {
    let store = store(&args.from, &loaded, PATIENCE).await?;
    let user = key(&args.user);
    let answer = ask(store.as_ref(), &user, args.limit).await;
    let other = match (&answer, args.user.other()) {
        (Ok(None), Some(other)) => ask(store.as_ref(), &key(&other), 1).await?.map(|_| other),
        _ => None,
    };
    store.close().await;
    let Some(relations) = answer? else {
        return Err(unknown(&args.user, other.as_ref()));
    };
    let answer = Answer {
        user_id: user,
        relations: relations.into_iter().map(Line::from).collect(),
    };
    args.output.print(&answer, render)?;
    Ok(Exit::Done)
}

/// The graph that is meant; a question to it takes at most `patience`.
pub(crate) async fn store(
    from: &FromArgs,
    loaded: &Loaded,
    patience: Duration,
) -> Result<Box<dyn GraphStore>, CommandError> {
    #[cfg(feature = "embedded")]
    if let Some(folder) = &from.from {
        return Ok(Box::new(super::folder::graph(folder).await?));
    }
    #[cfg(not(feature = "embedded"))]
    let _ = from;
    let config = Neo4jConfig {
        query_timeout: patience,
        ..neo4j::settings(&loaded.config.neo4j)
    };
    let store = BoltStore::new(&config).map_err(|problems| {
        let origin = |key: &str| loaded.origins.of(key);
        CommandError::new(Exit::Configuration, registry::errors(&origin, problems))
    })?;
    Ok(Box::new(store))
}

fn key(id: &TypedId) -> Key {
    match id {
        TypedId::Int(number) => Key::Int(*number),
        TypedId::Text(text) => Key::Text(text.clone()),
    }
}

async fn ask(
    store: &dyn GraphStore,
    user: &Key,
    limit: u32,
) -> Result<Option<Vec<Relation>>, CommandError> {
    let answer = relations_of_user(store, user, limit, PATIENCE).await;
    answer.map_err(|failure| failed("Neo4j", "NEO4J_URI", &failure))
}

fn unknown(user: &TypedId, other: Option<&TypedId>) -> CommandError {
    let hint = match other {
        Some(other) => format!("there is {other}"),
        None => "was an event of this user applied? fanout queue list shows what waits".to_owned(),
    };
    CommandError::new(Exit::Findings, format!("user {user} is not in the graph")).hint(hint)
}

impl From<Relation> for Line {
    fn from(relation: Relation) -> Self {
        Self {
            relationship: relation.relationship,
            product_id: relation.product,
            name: relation.name,
            count: relation.count,
            first_at: relation.first_at.map(|at| at.to_string()),
            last_at: relation.last_at.map(|at| at.to_string()),
            last_session: relation.last_session,
        }
    }
}

fn render(answer: &Answer) -> String {
    if answer.relations.is_empty() {
        return "known, and did nothing yet".to_owned();
    }
    let mut table = table(&["RELATIONSHIP", "PRODUCT", "NAME", "COUNT", "FIRST", "LAST"]);
    for line in &answer.relations {
        let product = match &line.product_id {
            Key::Int(number) => number.to_string(),
            Key::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
        };
        table.add_row([
            line.relationship.clone(),
            product,
            figure(line.name.as_ref()),
            line.count.to_string(),
            figure(line.first_at.as_ref()),
            figure(line.last_at.as_ref()),
        ]);
    }
    text(&table)
}
