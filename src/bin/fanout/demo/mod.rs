//! `fanout demo`: a shop's day through both projections, in this process and with no server.
//!
//! `day` makes the events, `stores` opens what keeps them, `pipeline` runs what a deployment
//! runs as several processes, `findings` reads the stores afterwards, `report` tells it.

mod catalogue;
mod day;
mod findings;
mod pipeline;
mod progress;
mod report;
mod stores;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, value_parser};
use fanout::config::Origins;
use fanout::engine::Shutdown;
use fanout::topology::Topology;
use fanout::worker::{Direct, DirectQueue, Worker};
use fanout_neo4j::mapping::Interactions;
use fanout_neo4j::{Neo4jConfig, Neo4jProcessor};
use fanout_qdrant::store::QdrantStore;
use fanout_qdrant::{QdrantConfig, QdrantProcessor};
use tokio::time::Instant;

use self::day::Day;
use self::findings::failed;
use self::progress::Progress;
use self::report::{Report, Run};
use self::stores::Stores;
pub(crate) use self::stores::{graph_in, vectors_in};
use crate::exit::{CommandError, Exit};
use crate::output::OutputArgs;
use crate::runtime::block_on;
use crate::{log, signals};

/// Keys of the two queues and names of their processors.
const GRAPH: &str = "neo4j";
const VECTORS: &str = "qdrant";

/// Show the whole of it in one process, with no server: a shop's day into graph and vectors
///
/// Generates a day of events (some twice, some late, some malformed; the graph goes away in the
/// middle), publishes them to an embedded broker, runs both workers on it, and tells what came
/// of it. Needs no configuration and writes to a temporary folder, or to the one of --keep.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArgs {
    /// How many events the day has
    #[arg(long, default_value_t = 10_000, value_name = "N",
          value_parser = value_parser!(u32).range(100..=10_000_000))]
    events: u32,

    /// Seed of the day: the same seed and number of events, the same day
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,

    /// Keep broker, graph and vectors in this folder; a second run over it changes nothing
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,

    #[command(flatten)]
    output: OutputArgs,
}

/// The demonstration has a configuration of its own, whatever stands in the folder.
pub(crate) fn start(args: DemoArgs, verbose: u8) -> Result<Exit, CommandError> {
    // What happens on purpose is no warning; the report tells it.
    log::start_with("error", verbose, &fanout::config::Config::default())?;
    block_on(run(args))
}

/// Runs the day and tells what came of it.
pub(crate) async fn run(args: DemoArgs) -> Result<Exit, CommandError> {
    let config = pipeline::config();
    let exchange = config.exchanges.first().map_or("", |e| e.name.as_str());
    let day = Day::new(args.seed, args.events as usize, exchange);
    let stores = Stores::open(args.keep.clone(), Topology::from_config(&config)).await?;
    let told = project(&args, &config, &day, &stores).await;
    let closed = stores.close().await;
    let report = told?;
    closed?;
    args.output.print(&report, Report::text)?;
    Ok(report.exit())
}

async fn project(
    args: &DemoArgs,
    config: &fanout::config::Config,
    day: &Day,
    stores: &Stores,
) -> Result<Report, CommandError> {
    let qdrant = QdrantConfig {
        url: stores.vectors.url(),
        dimension: NonZeroUsize::new(catalogue::DIMENSION),
        ..QdrantConfig::default()
    };
    let reader = QdrantStore::new(&qdrant).map_err(|p| failed(format!("{p:?}")))?;
    let vectors = QdrantProcessor::new(qdrant).map_err(|p| failed(format!("{p:?}")))?;
    let before = findings::graph(&stores.graph).await?.applied;
    let (shutdown, stop) = (Shutdown::new(), signals::stop());
    let broker = &stores.broker;
    let direct = worker(stores, vectors)
        .direct(config, &Origins::default(), broker, &shutdown)
        .map_err(failed)?;
    let progress = Progress::new(day.facts.published, args.output.is_json());
    let start = Instant::now();
    let work = async {
        let published = pipeline::publish(day, broker, &direct, &progress);
        let switch = |on| stores.graph.set_available(on);
        let away = graph(&direct).map(|graph| pipeline::outage(graph, day.facts.published, switch));
        let away = async {
            match away {
                Some(away) => away.await,
                None => std::time::Duration::ZERO,
            }
        };
        let (published, away) = tokio::join!(published, away);
        published?;
        direct.done().await;
        Ok::<_, CommandError>(away)
    };
    let away = tokio::select! {
        away = work => away?,
        () = progress.watch(broker, &direct) => std::time::Duration::ZERO,
        () = stop.cancelled() => {
            stores.graph.set_available(true);
            std::time::Duration::ZERO
        }
    };
    let took = start.elapsed();
    progress.finish();
    shutdown.drain();
    let mut counts = direct.ended().await.map_err(failed)?;
    let mut of = |key: &str| counts.remove(key).unwrap_or_default();
    let run = Run {
        interrupted: stop.is_cancelled(),
        took,
        away,
        applied_before: before,
        graph: of(GRAPH),
        vectors: of(VECTORS),
    };
    Report::read(args, day, stores, &reader, dead_letter_queue(config), run).await
}

/// Both processors on the stores of the folder.
fn worker(stores: &Stores, vectors: QdrantProcessor) -> Worker {
    let (graph, vectors) = (stores.graph.clone(), Arc::new(vectors));
    Worker::new("fanout demo")
        .processor(GRAPH, move |_| {
            let settings = Neo4jConfig::default();
            let graph = Neo4jProcessor::with_store(graph.clone(), &settings, Interactions);
            Ok(Arc::new(graph))
        })
        .processor(VECTORS, move |_| Ok(vectors.clone()))
}

fn graph(direct: &Direct) -> Option<&DirectQueue> {
    direct.queues().iter().find(|queue| queue.key() == GRAPH)
}

fn dead_letter_queue(config: &fanout::config::Config) -> &str {
    let queue = config.queues.values().next();
    queue.map_or("events.dlq", |queue| queue.dead_letter.as_str())
}
