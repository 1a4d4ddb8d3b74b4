//! `fanout status`: queues, workers and what is wrong, once or as it goes on.

mod keys;
mod look;
mod screen;
mod text;

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Args;
use fanout::broker::Broker;
use fanout::broker::amqp::AmqpBroker;
use fanout::config::Config;
use ratatui::DefaultTerminal;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::connect;
use crate::exit::{CommandError, Exit};
use crate::output::OutputArgs;
use crate::who;
use fanout::operate::queues::{self, Pause};
use keys::Wish;
use screen::Screen;

const HELP: &str = "\
Queues come from the broker; rates and unacknowledged messages need RABBITMQ_MANAGEMENT_URL.
Lanes and breakers come from the workers' own health: name each with --worker.

Keys: up and down choose a queue, p pauses it, r resumes it, q ends.

Examples:
  fanout status
  fanout status --worker http://localhost:8081 --worker http://localhost:8082
  fanout status --once --json";

/// What goes on: queues, lanes, breakers, dead letters
#[derive(Clone, Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct StatusArgs {
    /// Look once and end, as where the output is no terminal
    #[arg(long)]
    once: bool,

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

pub(crate) async fn run(args: StatusArgs, config: Config) -> Result<Exit, CommandError> {
    let broker = connect::operator(&config).await?;
    let ended = if args.once || args.output.is_json() || !io::stdout().is_terminal() {
        once(&args, &config, &broker).await
    } else {
        live(&args, &config, &broker).await
    };
    broker.close().await;
    ended.map(|()| Exit::Done)
}

async fn once(args: &StatusArgs, config: &Config, broker: &AmqpBroker) -> Result<(), CommandError> {
    let seen = look::look(config, broker, &args.workers).await;
    let seen = seen.map_err(connect::failed)?;
    args.output.print(&seen, text::render)
}

async fn live(args: &StatusArgs, config: &Config, broker: &AmqpBroker) -> Result<(), CommandError> {
    let mut terminal = ratatui::try_init()?;
    let ended = turn(args, config, broker, &mut terminal).await;
    ratatui::restore();
    ended
}

async fn turn(
    args: &StatusArgs,
    config: &Config,
    broker: &AmqpBroker,
    terminal: &mut DefaultTerminal,
) -> Result<(), CommandError> {
    let mut screen = Screen::default();
    let mut wishes = keys::listen();
    let mut ticks = interval(args.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        terminal.draw(|frame| screen.draw(frame))?;
        tokio::select! {
            _ = ticks.tick() => {
                let seen = look::look(config, broker, &args.workers).await;
                screen.show(seen.map_err(|error| error.to_string()));
            }
            wish = next(&mut wishes) => match wish {
                Wish::End => return Ok(()),
                Wish::Up => screen.up(),
                Wish::Down => screen.down(),
                Wish::Redraw => {}
                Wish::Pause | Wish::Resume => {
                    let said = change(broker, screen.chosen(), wish).await;
                    screen.say(said);
                    ticks.reset_immediately();
                }
            },
        }
    }
}

/// A keyboard that is gone ends the view.
async fn next(wishes: &mut mpsc::Receiver<Wish>) -> Wish {
    wishes.recv().await.unwrap_or(Wish::End)
}

async fn change(broker: &AmqpBroker, queue: Option<String>, wish: Wish) -> String {
    let Some(queue) = queue else {
        return "no queue is chosen".to_owned();
    };
    if wish == Wish::Pause {
        let pause = Pause::now(who::am_i(), None);
        return match queues::pause(broker, &queue, &pause).await {
            Ok(()) => format!("{queue} is paused"),
            Err(error) => format!("{queue} was not paused: {error}"),
        };
    }
    match queues::resume(broker, &queue).await {
        Ok(Some(true)) => format!("{queue} goes on"),
        Ok(Some(false)) => format!("{queue} was not paused"),
        Ok(None) => "the topology is not declared: fanout topology apply".to_owned(),
        Err(error) => format!("{queue} was not resumed: {error}"),
    }
}
