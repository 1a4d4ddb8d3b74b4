//! `fanout status`: queues, workers, dead letters and what is wrong, once or as it goes on.

mod keys;
mod letters;
mod look;
mod screen;
mod text;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use fanout::broker::Broker;
use fanout::broker::amqp::AmqpBroker;
use fanout::config::{Config, Loaded};
use fanout::operate::dlq::{Filter, Workbench};
use ratatui::DefaultTerminal;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::exit::{CommandError, Exit};
use crate::output::{self, OutputArgs};
use crate::{connect, dlq, stores, who};
use fanout::operate::queues::{self, Pause};
use keys::Wish;
use letters::Asks;
use letters::desk::Desk;
use screen::Screen;

const HELP: &str = "\
Queues come from the broker; rates and unacknowledged messages need RABBITMQ_MANAGEMENT_URL.
Lanes and breakers come from the workers' own health: name each with --worker.

Keys: up and down choose a queue, p pauses it, r resumes it, q ends.

Dead letters: g reads them by group, tab goes between them and the queues. There enter shows
one of the chosen group, r counts what a replay of it would do and asks; y replays, c replays
in growing steps that stop when some come back, n leaves it, esc stops what is under way. What
was replayed stands in the audit log. Each reading counts a delivery of every dead letter, so
that they are read when asked for, and after a replay, never by themselves.

Examples:
  fanout status
  fanout status --once --groups
  fanout status --worker http://localhost:8081 --worker http://localhost:8082
  fanout status --once --json";

/// What goes on: queues, lanes, breakers, dead letters
#[derive(Clone, Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct StatusArgs {
    /// Look once and end, as where the output is no terminal
    #[arg(long)]
    once: bool,

    /// The dead letters by group, too; in the live view at once. Counts a delivery of each
    #[arg(long)]
    groups: bool,

    /// Address of a worker or gateway, to ask for its health; may be repeated
    #[arg(
        long = "worker",
        value_name = "URL",
        default_value = "http://127.0.0.1:8081"
    )]
    workers: Vec<String>,

    /// Between two looks
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = pause)]
    every: Duration,

    #[command(flatten)]
    output: OutputArgs,
}

/// Each look asks the broker about every queue.
const SHORTEST: Duration = Duration::from_millis(200);

fn pause(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(every) if every >= SHORTEST => Ok(every),
        Ok(_) => Err("at least 200ms".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

pub(crate) async fn run(args: StatusArgs, loaded: Loaded) -> Result<Exit, CommandError> {
    let broker = Arc::new(connect::operator(&loaded.config).await?);
    let bench = Workbench::new(broker.clone(), &loaded.config, who::am_i());
    let ended = if args.once || args.output.is_json() || !io::stdout().is_terminal() {
        once(&args, &loaded.config, &broker, &bench).await
    } else {
        let desk = Desk::new(bench, stores::of(&loaded), &loaded.config);
        live(&args, &loaded.config, &broker, desk).await
    };
    broker.close().await;
    ended.map(|()| Exit::Done)
}

async fn once(
    args: &StatusArgs,
    config: &Config,
    broker: &AmqpBroker,
    bench: &Workbench,
) -> Result<(), CommandError> {
    let seen = look::look(config, broker, &args.workers).await;
    let mut seen = seen.map_err(connect::failed)?;
    if args.groups {
        let groups = bench.group(&Filter::default(), &mut ()).await;
        seen.dead_letter_groups = Some(groups.map_err(dlq::failed)?);
    }
    args.output.print(&seen, text::render)
}

async fn live(
    args: &StatusArgs,
    config: &Config,
    broker: &AmqpBroker,
    desk: Desk,
) -> Result<(), CommandError> {
    let mut terminal = ratatui::try_init()?;
    let ended = turn(args, config, broker, desk, &mut terminal).await;
    ratatui::restore();
    match ended? {
        Some(last_word) => output::print(&last_word),
        None => Ok(()),
    }
}

/// Until somebody ends it; the last word is what a replay came to that was ended with it.
async fn turn(
    args: &StatusArgs,
    config: &Config,
    broker: &AmqpBroker,
    mut desk: Desk,
    terminal: &mut DefaultTerminal,
) -> Result<Option<String>, CommandError> {
    let mut screen = Screen::default();
    let mut wishes = keys::listen();
    let mut ticks = interval(args.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asks = match args.groups {
        true => screen.press(Wish::Groups),
        false => Asks::Nothing,
    };
    loop {
        match asks {
            Asks::Nothing => {}
            Asks::Do(task) => desk.begin(task),
            Asks::Stop => desk.stop(),
            Asks::End => return Ok(screen.letters.parting().map(str::to_owned)),
            Asks::Pause(queue) => {
                screen.say(pause_it(broker, &queue).await);
                ticks.reset_immediately();
            }
            Asks::Resume(queue) => {
                screen.say(resume_it(broker, &queue).await);
                ticks.reset_immediately();
            }
        }
        terminal.draw(|frame| screen.draw(frame))?;
        asks = tokio::select! {
            _ = ticks.tick() => {
                let seen = look::look(config, broker, &args.workers).await;
                screen.show(seen.map_err(|error| error.to_string()));
                Asks::Nothing
            }
            wish = next(&mut wishes) => screen.press(wish),
            answer = desk.answer() => screen.letters.take(answer),
        };
    }
}

/// A keyboard that is gone ends the view.
async fn next(wishes: &mut mpsc::Receiver<Wish>) -> Wish {
    wishes.recv().await.unwrap_or(Wish::End)
}

async fn pause_it(broker: &AmqpBroker, queue: &str) -> String {
    let pause = Pause::now(who::am_i(), None);
    match queues::pause(broker, queue, &pause).await {
        Ok(()) => format!("{queue} is paused"),
        Err(error) => format!("{queue} was not paused: {error}"),
    }
}

async fn resume_it(broker: &AmqpBroker, queue: &str) -> String {
    match queues::resume(broker, queue).await {
        Ok(Some(true)) => format!("{queue} goes on"),
        Ok(Some(false)) => format!("{queue} was not paused"),
        Ok(None) => "the topology is not declared: fanout topology apply".to_owned(),
        Err(error) => format!("{queue} was not resumed: {error}"),
    }
}
