//! All comparisons of one run.

use std::error::Error;
use std::path::PathBuf;
use std::process::Stdio;

use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::process::Command;

use crate::child::Task;
use crate::plans::{self, Plan};
use crate::report::{Measured, median};
use crate::table::{self, Row};

/// All comparisons.
#[derive(Args, Clone, Debug)]
pub struct Suite {
    /// Rounds; the sides of a comparison take turns in each.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Events of a round.
    #[arg(long, default_value_t = 100_000)]
    events: usize,
    /// Events of the long run; 0 leaves it out.
    #[arg(long, default_value_t = 1_000_000)]
    long: usize,
    /// Only comparisons whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// JSON with every measurement.
    #[arg(long, default_value = "target/bench.json")]
    out: PathBuf,
}

/// One side of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// What was measured.
    pub name: String,
    /// Its rounds.
    pub rounds: Vec<Measured>,
}

/// Sides that took turns; the first is what the others are compared with.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// What is compared.
    pub name: String,
    /// The sides.
    pub sides: Vec<Side>,
}

impl Suite {
    /// Runs everything, prints the table and writes the JSON.
    pub async fn run(&self) -> Result<(), Box<dyn Error>> {
        let mut all = Vec::new();
        for (name, rounds, plans) in plans::all(self.events, self.rounds, self.long) {
            if !self.wants(&name) {
                continue;
            }
            let comparison = self.compare(name, rounds, &plans).await?;
            println!("{}", table::render(&rows(&comparison)));
            all.push(comparison);
        }
        std::fs::write(&self.out, serde_json::to_vec_pretty(&all)?)?;
        println!("every measurement: {}", self.out.display());
        Ok(())
    }

    /// The warm-up, which also makes the constraints, belongs to all that use Neo4j.
    fn wants(&self, name: &str) -> bool {
        let Some(only) = &self.only else {
            return true;
        };
        name.contains(only.as_str()) || (name == plans::WARM_UP && only.contains("neo4j"))
    }

    async fn compare(
        &self,
        name: String,
        rounds: usize,
        plans: &[Plan],
    ) -> Result<Comparison, Box<dyn Error>> {
        let side = |plan: &Plan| Side {
            name: plan.name.clone(),
            rounds: Vec::new(),
        };
        let mut sides: Vec<_> = plans.iter().map(side).collect();
        let mut calls = None;
        for round in 0..rounds {
            for (plan, side) in plans.iter().zip(&mut sides) {
                let seed = fastrand::u64(1..u64::MAX / 2);
                eprintln!("{name}: round {}, {}", round + 1, plan.name);
                if plan.queued {
                    self.child(Task::Fill, plan.events, seed, &plan.arguments)
                        .await?;
                }
                let mut arguments = plan.arguments.clone();
                if let (Task::RawConsume, Some(every)) = (plan.task, &calls) {
                    arguments.extend(["--ack-every".to_owned(), String::clone(every)]);
                }
                let measured = self.measure(plan, seed, &arguments).await?;
                if let Some(per_call) = plan.events.checked_div(measured.calls) {
                    calls = Some(per_call.max(1).to_string());
                }
                side.rounds.push(measured);
            }
        }
        Ok(Comparison { name, sides })
    }

    async fn measure(
        &self,
        plan: &Plan,
        seed: u64,
        arguments: &[String],
    ) -> Result<Measured, Box<dyn Error>> {
        let children =
            (0..plan.processes).map(|_| self.child(plan.task, plan.events, seed, arguments));
        let all = futures::future::try_join_all(children).await?;
        let first = all
            .iter()
            .map(|m| m.ended_at - m.seconds)
            .fold(f64::INFINITY, f64::min);
        let last = all.iter().map(|m| m.ended_at).fold(0.0, f64::max);
        let mut sum = all.first().cloned().unwrap_or_default();
        if all.len() > 1 {
            sum.events = all.iter().map(|m| m.events).sum();
            sum.seconds = last - first;
            sum.cpu_seconds = all.iter().map(|m| m.cpu_seconds).sum();
            sum.calls = all.iter().map(|m| m.calls).sum();
        }
        if sum.events < plan.events {
            return Err(format!("{}: {} of {} events", plan.name, sum.events, plan.events).into());
        }
        Ok(sum)
    }

    async fn child(
        &self,
        task: Task,
        events: usize,
        seed: u64,
        arguments: &[String],
    ) -> Result<Measured, Box<dyn Error>> {
        let task = task
            .to_possible_value()
            .map(|v| v.get_name().to_owned())
            .unwrap_or_default();
        let output = Command::new(std::env::current_exe()?)
            .args([
                "child",
                &task,
                "--events",
                &events.to_string(),
                "--seed",
                &seed.to_string(),
            ])
            .args(arguments)
            .stderr(Stdio::inherit())
            .output()
            .await?;
        if !output.status.success() {
            return Err(format!("{task} failed: {}", output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Medians of the sides, and the ratio to the first, round by round.
fn rows(comparison: &Comparison) -> Vec<Row> {
    let first: Vec<f64> = comparison
        .sides
        .first()
        .map(|s| s.rounds.iter().map(Measured::rate).collect())
        .unwrap_or_default();
    let row = |side: &Side| {
        let all = |f: fn(&Measured) -> f64| median(side.rounds.iter().map(f).collect());
        let ratios = side
            .rounds
            .iter()
            .zip(&first)
            .map(|(m, base)| m.rate() / base);
        Row {
            comparison: comparison.name.clone(),
            side: side.name.clone(),
            rate: all(Measured::rate),
            ratio: median(ratios.collect()),
            cpu_per_100k: all(Measured::cpu_per_100k),
            rss_mib: all(|m| m.rss_mib),
            events_per_call: all(|m| {
                if m.calls == 0 {
                    f64::NAN
                } else {
                    m.events as f64 / m.calls as f64
                }
            }),
            p99_ms: all(|m| m.latency_ms.get(2).copied().unwrap_or(f64::NAN)),
            last_tenth: all(|m| match m.tenths.as_slice() {
                // the first tenth warms up
                [_, second, .., last] => last / second,
                _ => f64::NAN,
            }),
        }
    };
    comparison.sides.iter().map(row).collect()
}
