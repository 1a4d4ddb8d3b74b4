//! `fanout publish`

mod direct;
mod input;
mod note;
mod progress;
mod report;

use clap::Args;
use fanout::broker::Broker;
use fanout::codec::Codec;
use fanout::config::{Config, Loaded, UseRabbitmq};
use fanout::publish::{
    HeaderError, Notice, ReadEnd, ReadOptions, RetryPlan, Stamper, Tally, paced, read, send,
};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::connect;
use crate::exit::{CommandError, Exit};
use crate::output::OutputArgs;
use crate::signals;
use input::Input;
use note::Note;
use progress::Progress;
use report::{Summary, WentOn};

const HELP: &str = "\
Every line is one event: a v1 envelope, a bare event or a structured CloudEvent. A line that
is no event is reported with its number and not published; all others are. Empty lines are
skipped. What the broker cannot take now is tried again; when it is given up, the report says
which line to go on with.

CSV: the header names the fields. Cells that are plain decimal numbers become JSON numbers
(0042, 1e5 and whole numbers beyond 64 bits stay text), empty cells are absent.

A gzip file is unpacked on the way; its ids are those of the file inside.

Ids: the id in the body, else a UUIDv5 of the file's SHA-256 and the line number, so that
publishing the same file twice counts once. A changed file has other ids: after mending bad
lines publish only those. The end of standard input is not known in advance: there it is the
SHA-256 of everything up to the line. Equal inputs that are different events need ids of
their own.

How far a file has come is noted beside it, in FILE.progress, until all of it is published: a
run that was killed goes on from there, for the same content, exchange and broker.
--from-line 1 begins anew.

With USE_RABBITMQ=false the events are projected by this program itself, through a broker in
broker.local_dir, with the same retries and dead letters; it ends when nothing waits. With
USE_RABBITMQ=parallel they go to RabbitMQ as well.

Examples:
  fanout publish events.ndjson
  fanout publish 2019-Oct.csv --routing-key shop
  fanout publish 2019-Oct.csv.gz --rate 2000
  zcat *.ndjson.gz | fanout publish - --json
  fanout publish events.ndjson --from-line 120001

Exit codes:
  0 all published · 1 some lines refused, or stopped by a signal · 4 broker absent ·
  5 given up while running";

/// Publish events from a file or standard input
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct PublishArgs {
    /// The file; `-` or nothing = standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// Form of the input [default: by the file's extension, else ndjson]
    #[arg(long, value_enum)]
    format: Option<input::FormatArg>,

    /// Exchange to publish to [default: the first one configured]
    #[arg(long, value_name = "NAME")]
    exchange: Option<String>,

    /// Routing key of every message [default: the kind of each event]
    #[arg(long, value_name = "KEY")]
    routing_key: Option<String>,

    /// Pass over the lines before this one, counted from 1; ids stay the same [default: as the
    /// progress note says, else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    from_line: Option<u64>,

    /// Neither read nor keep a progress note beside the file
    #[arg(long)]
    no_note: bool,

    /// Events a second at most [default: as many as the broker confirms]
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU32>,

    /// How long one message is tried before the run stops
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    give_up_after: Duration,

    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) async fn run(args: PublishArgs, loaded: Loaded) -> Result<Exit, CommandError> {
    let input = input::open(args.file.as_deref(), args.format)?;
    let exchange = exchange(&args, &loaded.config)?;
    match loaded.config.broker.use_rabbitmq {
        UseRabbitmq::False | UseRabbitmq::Parallel => {
            direct::run(&args, input, exchange, &loaded).await
        }
        UseRabbitmq::True => through_rabbitmq(&args, input, exchange, &loaded.config).await,
    }
}

async fn through_rabbitmq(
    args: &PublishArgs,
    input: Input,
    exchange: String,
    config: &Config,
) -> Result<Exit, CommandError> {
    let broker = connect::publisher(config).await?;
    let fed = feed(args, config, &broker, input, &exchange, &signals::stop()).await;
    broker.close().await;
    let fed = fed?;
    let summary = Summary::new(exchange, fed.tally, fed.took, fed.went_on);
    summary.print(args.output)?;
    match fed.read_error {
        Some(error) => Err(input_error(&error)),
        None => Ok(summary.exit()),
    }
}

/// What became of the lines.
struct Fed {
    tally: Tally,
    took: Duration,
    /// The line it went on with, where a note said so, and what was refused before it.
    went_on: Option<WentOn>,
    /// Why the input could not be read.
    read_error: Option<HeaderError>,
}

/// Publishes the input to a broker.
async fn feed(
    args: &PublishArgs,
    config: &Config,
    broker: &dyn Broker,
    input: Input,
    exchange: &str,
    stop: &CancellationToken,
) -> Result<Fed, CommandError> {
    let mut progress = Progress::new(input.length);
    let mut note = note(args, config, &input, exchange);
    let went_on = match args.from_line {
        None => note.as_mut().and_then(WentOn::read),
        Some(_) => None,
    };
    let first = args.from_line.or(went_on.map(|at| at.line));
    let (mut items, end) = start(args, config, exchange, input, first.unwrap_or(1))?;
    if let Some(rate) = args.rate {
        items = paced(items, rate);
    }
    let plan = RetryPlan {
        give_up_after: args.give_up_after,
        ..RetryPlan::default()
    };
    let window = config.broker.confirm_window;
    let started = Instant::now();
    let mut notify = |notice: Notice<'_>| {
        progress.notice(&notice);
        if let Some(note) = &mut note {
            note.notice(&notice);
        }
    };
    let tally = send(broker, items, window, plan, stop, &mut notify).await;
    progress.finish();
    let read_error = read_error(&tally, end).await;
    if let Some(note) = note {
        let open = tally.resume_from().or(read_error.as_ref().map(|_| 1));
        note.end(open);
    }
    Ok(Fed {
        tally,
        took: started.elapsed(),
        went_on,
        read_error,
    })
}

fn note(args: &PublishArgs, config: &Config, input: &Input, exchange: &str) -> Option<Note> {
    if args.no_note {
        return None;
    }
    let routing_key = args.routing_key.as_deref();
    Note::of(
        args.file.as_deref(),
        input.ids,
        config,
        exchange,
        routing_key,
    )
}

fn exchange(args: &PublishArgs, config: &Config) -> Result<String, CommandError> {
    let first = config.exchanges.first().map(|exchange| &exchange.name);
    args.exchange.as_ref().or(first).cloned().ok_or_else(|| {
        CommandError::new(Exit::Usage, "no exchange is configured").hint("name one with --exchange")
    })
}

fn start(
    args: &PublishArgs,
    config: &Config,
    exchange: &str,
    input: Input,
    from_line: u64,
) -> Result<(tokio::sync::mpsc::Receiver<fanout::publish::Item>, ReadEnd), CommandError> {
    let options = ReadOptions {
        format: input.format,
        limit: config.broker.max_message_bytes,
        ids: input.ids,
        from_line,
    };
    let stamper = Stamper {
        codec: Codec::from_config(config),
        limit: config.broker.max_message_bytes,
        exchange: exchange.to_owned(),
        routing_key: args.routing_key.clone(),
        app_id: "fanout-publish".to_owned(),
    };
    read(input.reader, options, stamper)
        .map_err(|error| CommandError::new(Exit::RunTime, format!("cannot read: {error}")))
}

/// The reader's own error. Where the run was stopped it may still wait for its input.
async fn read_error(tally: &Tally, end: ReadEnd) -> Option<HeaderError> {
    match tally.ended {
        true => end.await.ok()?.err(),
        false => None,
    }
}

fn input_error(error: &HeaderError) -> CommandError {
    match error {
        HeaderError::Input(error) => {
            CommandError::new(Exit::RunTime, format!("cannot read on: {error}"))
                .hint("publish again: lines already published count once")
        }
        header => CommandError::new(Exit::Findings, header)
            .hint("the first line of a CSV file names its columns"),
    }
}
