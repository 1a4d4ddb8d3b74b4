//! Measures fanout against the raw drivers and the usual worker: ratios inside one run.
//!
//! `scripts/bench` starts the servers and calls this. Every measurement is a process of its
//! own (`child`), sides of a comparison take turns, and the median of the rounds counts.

mod child;
mod dead_letters;
mod event;
mod gateway;
mod local;
mod ours;
mod plans;
mod product;
mod publish;
mod raw_consume;
mod raw_qdrant;
mod raw_writer;
mod report;
mod suite;
mod table;
mod usage;
mod usual_worker;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// All comparisons; prints a table and writes JSON.
    Suite(suite::Suite),
    /// One measurement in this process; prints it as JSON.
    Child(child::Child),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Suite(suite) => suite.run().await,
        Command::Child(child) => {
            println!("{}", serde_json::to_string(&child.run().await?)?);
            Ok(())
        }
    }
}
