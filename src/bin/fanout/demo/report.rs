//! What came of the day: for a newcomer to read, or as JSON.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use fanout::engine::Counts;
use fanout::topology::names::delay_label;
use fanout_qdrant::store::QdrantStore;
use serde::Serialize;

use super::DemoArgs;
use super::day::{Day, Facts};
use super::findings::{self, DeadLetters, Graph, Ranked, Sample, Vectors};
use super::pipeline::RETRY_DELAYS;
use super::stores::Stores;
use crate::exit::{CommandError, Exit};
use crate::output::{figure, table, text};

/// What the run itself tells.
pub(super) struct Run {
    pub(super) interrupted: bool,
    pub(super) took: Duration,
    /// How long the graph was away.
    pub(super) away: Duration,
    /// Events in the ledger at the start.
    pub(super) applied_before: u64,
    pub(super) graph: Counts,
    pub(super) vectors: Counts,
}

/// How the events of one queue ended.
#[derive(Debug, Serialize)]
struct Ends {
    applied: u64,
    skipped: u64,
    dead_lettered: u64,
    /// Given back without spending an attempt: the destination was away.
    given_back: u64,
}

impl From<Counts> for Ends {
    fn from(counts: Counts) -> Self {
        Self {
            applied: counts.applied,
            skipped: counts.skipped,
            dead_lettered: counts.dead_lettered,
            given_back: counts.given_back,
        }
    }
}

/// What came of the day.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    seed: u64,
    day: Facts,
    interrupted: bool,
    seconds: f64,
    /// Through both projections, from the first publish to the last settlement.
    events_per_second: f64,
    /// Peak of this process, embedded stores and broker included; null where unknown.
    peak_rss_mib: Option<u64>,
    outage_seconds: f64,
    graph_queue: Ends,
    vector_queue: Ends,
    graph: Graph,
    /// Events that were new to the graph's ledger.
    newly_applied: u64,
    vectors: Vectors,
    bestsellers: Vec<Ranked>,
    sample: Option<Sample>,
    dead_letters: Vec<DeadLetters>,
    /// The folder, where it is kept.
    kept: Option<PathBuf>,
    /// Whether the folder had been used before.
    again: bool,
}

impl Report {
    /// Reads the stores.
    pub(super) async fn read(
        args: &DemoArgs,
        day: &Day,
        stores: &Stores,
        reader: &QdrantStore,
        dead: &str,
        run: Run,
    ) -> Result<Self, CommandError> {
        let graph = findings::graph(&stores.graph).await?;
        let seconds = run.took.as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "events of a demonstration")]
        let rate = day.facts.published as f64 / seconds;
        Ok(Self {
            seed: args.seed,
            day: day.facts,
            interrupted: run.interrupted,
            seconds,
            events_per_second: rate.round(),
            peak_rss_mib: peak_rss_mib(),
            outage_seconds: run.away.as_secs_f64(),
            graph_queue: run.graph.into(),
            vector_queue: run.vectors.into(),
            newly_applied: graph.applied.saturating_sub(run.applied_before),
            graph,
            vectors: findings::vectors(reader).await?,
            bestsellers: findings::bestsellers(&stores.graph, day).await?,
            sample: findings::sample(&stores.graph, reader, day).await?,
            dead_letters: findings::dead_letters(&stores.broker, dead),
            kept: stores.kept().map(ToOwned::to_owned),
            again: stores.existed,
        })
    }

    /// 1 where it was stopped early, or where a fresh folder does not hold what it must.
    pub(super) fn exit(&self) -> Exit {
        if self.interrupted || !self.is_exact() {
            Exit::Findings
        } else {
            Exit::Done
        }
    }

    /// Whether each event is in both stores, once. A folder that was used before holds other
    /// days, too.
    fn is_exact(&self) -> bool {
        let day = self.day;
        let fresh = [
            (self.graph.applied, day.events),
            (self.graph.interactions, day.interactions),
            (self.vectors.interactions, day.interactions),
        ];
        self.again || fresh.iter().all(|(found, want)| *found == *want as u64)
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        // writing to a string does not fail
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        self.write_day(out)?;
        self.write_stores(out)?;
        self.write_people(out)?;
        self.write_dead_letters(out)?;
        self.write_next(out)
    }

    fn write_day(&self, out: &mut String) -> std::fmt::Result {
        let day = self.day;
        if self.interrupted {
            writeln!(out, "Stopped early: what follows is a part of the day.\n")?;
        }
        writeln!(
            out,
            "{} messages in {:.1} s through both projections: {} a second, peak memory {} MiB",
            day.published,
            self.seconds,
            self.events_per_second,
            figure(self.peak_rss_mib)
        )?;
        writeln!(
            out,
            "  {} events ({} came late), {} of them sent twice, {} malformed",
            day.events, day.late, day.repeated, day.malformed
        )?;
        let delays = RETRY_DELAYS.map(delay_label);
        writeln!(
            out,
            "  the graph was away for {:.1} s: {} deliveries given back, none dead-lettered for it",
            self.outage_seconds, self.graph_queue.given_back
        )?;
        writeln!(
            out,
            "  retry plan of the demonstration: {}\n",
            delays.join(", ")
        )
    }

    fn write_stores(&self, out: &mut String) -> std::fmt::Result {
        let graph = &self.graph;
        let kinds = graph.relationships.iter();
        let kinds: Vec<_> = kinds.map(|(kind, n)| format!("{n} {kind}")).collect();
        writeln!(
            out,
            "Graph    {} users, {} products; relationships: {}",
            graph.users,
            graph.products,
            kinds.join(", ")
        )?;
        writeln!(
            out,
            "         they stand for {} interactions; {} events in the ledger, {} of them new",
            graph.interactions, graph.applied, self.newly_applied
        )?;
        let vectors = &self.vectors;
        writeln!(
            out,
            "Vectors  {} products, {} interactions, {} profiles",
            vectors.products, vectors.interactions, vectors.profiles
        )?;
        let verdict = match (self.again, self.interrupted, self.is_exact()) {
            (true, _, _) => "this folder was used before: what was there counts once still",
            (_, true, _) => "the day was not over",
            (_, _, true) => "every event is in both stores exactly once",
            _ => "NOT what the day holds: please report this with the seed",
        };
        writeln!(out, "Check    {verdict}\n")
    }

    fn write_people(&self, out: &mut String) -> std::fmt::Result {
        let mut best = table(&["BESTSELLERS", "CATEGORY", "BOUGHT"]);
        for product in &self.bestsellers {
            best.add_row([
                product.name.clone(),
                product.category.clone(),
                product.score.to_string(),
            ]);
        }
        writeln!(out, "{}\n", text(&best))?;
        let Some(sample) = &self.sample else {
            return Ok(());
        };
        let mut did = table(&["WHAT USER DID", "PRODUCT", "CATEGORY", "TIMES"]);
        for relation in &sample.relations {
            did.add_row([
                relation.relationship.to_owned(),
                relation.product.clone(),
                relation.category.clone(),
                relation.count.to_string(),
            ]);
        }
        let mut near = table(&["RECOMMENDED", "CATEGORY", "NEARNESS"]);
        for product in &sample.recommended {
            near.add_row([
                product.name.clone(),
                product.category.clone(),
                format!("{:.3}", product.score),
            ]);
        }
        writeln!(out, "User {}\n{}\n", sample.user, text(&did))?;
        writeln!(out, "{}\n  why: {}\n", text(&near), sample.reason)
    }

    fn write_dead_letters(&self, out: &mut String) -> std::fmt::Result {
        let mut dead = table(&["DEAD LETTERS OF", "REASON", "COUNT", "THE LAST SAYS"]);
        for group in &self.dead_letters {
            dead.add_row([
                group.queue.clone(),
                group.reason.clone(),
                group.count.to_string(),
                group.error.clone(),
            ]);
        }
        writeln!(out, "{}", text(&dead))?;
        writeln!(out, "  each reason has a page in docs/errors\n")
    }

    fn write_next(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "What next")?;
        match &self.kept {
            Some(folder) => writeln!(
                out,
                "  fanout demo --keep {}   once more over the same folder: nothing counts twice",
                folder.display()
            )?,
            None => writeln!(
                out,
                "  fanout demo --keep DIR     keep it, and run it again over the same"
            )?,
        }
        writeln!(out, "  fanout demo --events 100000 --seed 2")?;
        writeln!(
            out,
            "  docker compose up          the same on RabbitMQ, Neo4j and Qdrant"
        )
    }
}

/// Peak of resident memory, as Linux tells it.
fn peak_rss_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024)
}
