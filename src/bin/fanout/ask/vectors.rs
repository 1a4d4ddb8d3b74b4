//! `fanout recommend` and `fanout similar`: what lies near in the vectors.

use clap::Args;
use fanout::config::Loaded;
use fanout_qdrant::store::{Near, QdrantStore};
use fanout_qdrant::{Id, QdrantConfig, points};
use serde::Serialize;
use serde_json::{Map, Value};

use super::id::TypedId;
use super::{PATIENCE, failed};
use crate::exit::{CommandError, Exit};
use crate::output::{OutputArgs, table, text};
use crate::registry::{self, qdrant};

const HELP: &str = "\
An id keeps its JSON type: 17 is a number; '\"17\"' and p-17 are texts.

Examples:
  fanout recommend 17
  fanout similar p-17 --limit 3 --json
  fanout demo --keep shop && fanout recommend 17 --from shop

Exit codes:
  0 found · 1 nothing known · 3 configuration · 4 cannot connect · 5 failed";

/// The products nearest to a user's profile, the nearest first
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct RecommendArgs {
    /// Id of the user
    #[arg(value_name = "USER", allow_hyphen_values = true)]
    user: TypedId,

    #[command(flatten)]
    question: Question,
}

/// The products nearest to a product, the nearest first
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct SimilarArgs {
    /// Id of the product
    #[arg(value_name = "PRODUCT", allow_hyphen_values = true)]
    product: TypedId,

    #[command(flatten)]
    question: Question,
}

#[derive(Debug, Args)]
struct Question {
    /// How many products at most
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,

    /// Ask the folder that `fanout demo --keep DIR` has left, instead of the configured Qdrant
    #[cfg(feature = "embedded")]
    #[arg(long, value_name = "DIR")]
    from: Option<std::path::PathBuf>,

    #[command(flatten)]
    output: OutputArgs,
}

/// The answer for programs.
#[derive(Debug, Serialize)]
struct Answer {
    products: Vec<Product>,
}

#[derive(Debug, Serialize)]
struct Product {
    product_id: Value,
    /// Cosine of the angle between the two.
    score: f32,
    /// What is known of it beside the id.
    properties: Map<String, Value>,
}

/// Whose neighbours are asked for.
#[derive(Clone, Copy, Debug)]
enum Subject {
    User,
    Product,
}

pub(crate) async fn recommend(args: RecommendArgs, loaded: Loaded) -> Result<Exit, CommandError> {
    run(Subject::User, &args.user, &args.question, &loaded).await
}

pub(crate) async fn similar(args: SimilarArgs, loaded: Loaded) -> Result<Exit, CommandError> {
    run(Subject::Product, &args.product, &args.question, &loaded).await
}

async fn run(
    subject: Subject,
    id: &TypedId,
    question: &Question,
    loaded: &Loaded,
) -> Result<Exit, CommandError> {
    let vectors = Vectors::open(question, loaded).await?;
    let answer = subject.ask(&vectors.store, id, question.limit).await;
    let other = match (&answer, id.other()) {
        (Ok(None), Some(other)) => subject.ask(&vectors.store, &other, 1).await?.map(|_| other),
        _ => None,
    };
    vectors.close().await?;
    let Some(near) = answer? else {
        return Err(subject.unknown(id, other.as_ref()));
    };
    let answer = Answer {
        products: near.iter().map(Product::of).collect(),
    };
    question.output.print(&answer, render)?;
    Ok(Exit::Done)
}

impl Subject {
    async fn ask(
        self,
        store: &QdrantStore,
        id: &TypedId,
        limit: u32,
    ) -> Result<Option<Vec<Near>>, CommandError> {
        let id = match id {
            TypedId::Int(number) => Id::from(*number),
            TypedId::Text(text) => Id::from(text.as_str()),
        };
        let answer = match self {
            Self::User => store.recommended(&id, limit).await,
            Self::Product => store.similar(&id, limit).await,
        };
        answer.map_err(|failure| failed("Qdrant", "QDRANT_URL", &failure))
    }

    fn unknown(self, id: &TypedId, other: Option<&TypedId>) -> CommandError {
        let (message, hint) = match self {
            Self::User => (
                format!("user {id} has no profile"),
                "a profile is made of interactions with products that are known",
            ),
            Self::Product => (
                format!("product {id} has no vector"),
                "was it published as product.upserted?",
            ),
        };
        let hint = other.map_or_else(|| hint.to_owned(), |other| format!("there is {other}"));
        CommandError::new(Exit::Findings, message).hint(hint)
    }
}

/// A store that can be asked.
struct Vectors {
    store: QdrantStore,
    #[cfg(feature = "embedded")]
    server: Option<fanout_embedded::vectors::VectorServer>,
}

impl Vectors {
    async fn open(question: &Question, loaded: &Loaded) -> Result<Self, CommandError> {
        let configured = QdrantConfig {
            query_timeout: PATIENCE,
            ..qdrant::settings(&loaded.config.qdrant)
        };
        #[cfg(feature = "embedded")]
        if let Some(folder) = &question.from {
            let server = super::folder::vectors(folder).await?;
            let config = QdrantConfig {
                url: server.url(),
                ..QdrantConfig::default()
            };
            let store = Self::store(&config, loaded)?;
            let server = Some(server);
            return Ok(Self { store, server });
        }
        #[cfg(not(feature = "embedded"))]
        let _ = question;
        Ok(Self {
            store: Self::store(&configured, loaded)?,
            #[cfg(feature = "embedded")]
            server: None,
        })
    }

    fn store(config: &QdrantConfig, loaded: &Loaded) -> Result<QdrantStore, CommandError> {
        QdrantStore::new(config).map_err(|problems| {
            let origin = |key: &str| loaded.origins.of(key);
            CommandError::new(Exit::Configuration, registry::errors(&origin, problems))
        })
    }

    async fn close(self) -> Result<(), CommandError> {
        #[cfg(feature = "embedded")]
        if let Some(server) = self.server {
            return super::folder::closed(server.stop().await);
        }
        Ok(())
    }
}

impl Product {
    fn of(near: &Near) -> Self {
        let mut properties = match near.point.json() {
            Value::Object(properties) => properties,
            _ => Map::new(),
        };
        // what begins so is the processor's own
        properties.retain(|key, _| !key.starts_with('_'));
        Self {
            product_id: properties.remove(points::PRODUCT_ID).unwrap_or_default(),
            score: near.score,
            properties,
        }
    }

    fn text(&self, key: &str) -> String {
        match self.properties.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => "-".to_owned(),
        }
    }
}

fn render(answer: &Answer) -> String {
    let mut table = table(&["SCORE", "PRODUCT", "NAME", "CATEGORY"]);
    for product in &answer.products {
        table.add_row([
            format!("{:.3}", product.score),
            product.product_id.to_string(),
            product.text("name"),
            product.text("category"),
        ]);
    }
    text(&table)
}
