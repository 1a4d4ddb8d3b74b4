//! Which comparisons there are, and how each of their sides is measured.

use crate::child::Task;
use crate::event::PRODUCTS;

/// Makes constraints and warms the JVM, for all comparisons behind it.
pub const WARM_UP: &str = "neo4j, warm-up";

/// How a side is measured.
pub struct Plan {
    /// What the table calls it.
    pub name: String,
    /// What the child process does.
    pub task: Task,
    /// Events of a round.
    pub events: usize,
    /// Further arguments of the child, and of the one that fills the queue.
    pub arguments: Vec<String>,
    /// Needs a backlog of its events in the queue.
    pub queued: bool,
    /// Child processes at once.
    pub processes: usize,
}

/// Name, rounds and sides of a comparison.
pub type Planned = (String, usize, Vec<Plan>);

impl Plan {
    fn new(name: impl Into<String>, task: Task, events: usize) -> Self {
        let queued = matches!(
            task,
            Task::RawConsume
                | Task::Null
                | Task::Neo4j
                | Task::UsualPython
                | Task::Usual
                | Task::Qdrant
        );
        Self {
            name: name.into(),
            task,
            events,
            arguments: Vec::new(),
            queued,
            processes: 1,
        }
    }

    fn lanes(name: &str, task: Task, events: usize, lanes: usize) -> Self {
        let many = if lanes == 1 { "lane" } else { "lanes" };
        Self::new(format!("{name}{lanes} {many}"), task, events).with("--lanes", lanes)
    }

    fn with(mut self, flag: &str, value: impl ToString) -> Self {
        self.arguments.extend([flag.to_owned(), value.to_string()]);
        self
    }

    fn flag(mut self, flag: &str, yes: bool) -> Self {
        self.arguments.extend(yes.then(|| flag.to_owned()));
        self
    }

    fn processes(mut self, processes: usize) -> Self {
        self.processes = processes;
        self
    }
}

/// All comparisons; a `long` of 0 leaves out the long run.
pub fn all(events: usize, rounds: usize, long: usize) -> Vec<Planned> {
    let mut all = consume(events, rounds);
    all.extend(publish(events, rounds));
    all.extend(into_neo4j(events, rounds, long));
    all.extend(into_qdrant(events, rounds));
    all.push(local(events, rounds));
    all.push(dead_letters(events, rounds));
    all
}

fn consume(events: usize, rounds: usize) -> Vec<Planned> {
    let of = |classic: bool| {
        let queue = if classic { "classic" } else { "quorum" };
        let null = |lanes| {
            Plan::lanes("fanout, null processor, ", Task::Null, events, lanes)
                .flag("--classic", classic)
        };
        let raw = Plan::new("raw lapin, batched acks", Task::RawConsume, events)
            .flag("--classic", classic);
        let sides = vec![raw, null(1), null(3), null(5)];
        (format!("consume, {queue} queue"), rounds, sides)
    };
    [false, true].map(of).into()
}

fn publish(events: usize, rounds: usize) -> Vec<Planned> {
    let sides = vec![
        Plan::new("raw lapin, 500 unconfirmed", Task::RawPublish, events),
        Plan::new("fanout publisher", Task::Publish, events),
        Plan::new("fanout spool, broker back", Task::Drain, events),
    ];
    let batches = vec![
        Plan::new("fanout publisher", Task::Publish, events),
        Plan::new("gateway, batches of 100", Task::GatewayBatches, events),
    ];
    let single = |name: &str, task| Plan::new(name, task, 20_000);
    let latency = vec![
        single("gateway, 1,000 events/s", Task::Gateway),
        single("the same, broker away", Task::GatewayAlone),
    ];
    let all = [
        ("publish, fanout to two quorum queues", sides),
        ("publish over HTTP", batches),
        ("publish over HTTP, latency", latency),
    ];
    all.map(|(name, sides)| (name.to_owned(), rounds, sides))
        .into()
}

fn into_neo4j(events: usize, rounds: usize, long: usize) -> Vec<Planned> {
    let neo4j = |lanes| Plan::lanes("fanout, ", Task::Neo4j, events, lanes);
    let warm_up = Plan::new("warm-up", Task::Neo4j, events);
    let raw = Plan::new("raw neo4rs bulk writer, no broker", Task::RawWriter, events);
    let one = Plan::new("fanout, 1 process", Task::Neo4j, events);
    let three = Plan::new("fanout, 3 processes", Task::Neo4j, events).processes(3);
    let usual = Plan::new("in Python: pika, neo4j", Task::UsualPython, 4_000);
    let in_rust = Plan::new("the same in Rust, with our ledger", Task::Usual, 4_000);
    let name = "fanout at 1,000 events/s, end to end";
    let latency = Plan::new(name, Task::Latency, 20_000);
    let mut all = vec![
        (WARM_UP.to_owned(), 1, vec![warm_up]),
        (
            "neo4j, against a raw writer".to_owned(),
            rounds,
            vec![raw, neo4j(1), neo4j(3), neo4j(5)],
        ),
        (
            "neo4j, processes on one queue".to_owned(),
            rounds,
            vec![one, three],
        ),
        (
            "neo4j, against the usual worker".to_owned(),
            rounds,
            vec![usual, in_rust, neo4j(3)],
        ),
        ("neo4j, latency".to_owned(), rounds, vec![latency]),
    ];
    if long > 0 {
        let name = "neo4j, backlog at the start".to_owned();
        let run = Plan::lanes("fanout, ", Task::Neo4j, long, 3);
        all.push((name, 1, vec![run]));
    }
    all
}

fn into_qdrant(events: usize, rounds: usize) -> Vec<Planned> {
    let products = events / 5;
    let ours = |events, lanes| Plan::lanes("fanout, ", Task::Qdrant, events, lanes);
    let of_products = |lanes| ours(products, lanes).flag("--products", true);
    let raw = Plan::new(
        "parse and bulk upserts, no broker",
        Task::RawProducts,
        products,
    );
    let points = Plan::new("bulk upserts, no broker", Task::RawInteractions, events);
    let profiles = format!("fanout, profiles on, {PRODUCTS} products, 1 lane");
    let profiles = Plan::new(profiles, Task::Profiles, events);
    vec![
        (
            "qdrant, products with 384 dimensions".to_owned(),
            rounds,
            vec![raw, of_products(1), of_products(3)],
        ),
        (
            "qdrant, interactions".to_owned(),
            rounds,
            vec![points, ours(events, 1), ours(events, 3)],
        ),
        (
            "qdrant, interactions with profiles".to_owned(),
            rounds,
            vec![profiles],
        ),
    ]
}

fn dead_letters(events: usize, rounds: usize) -> Planned {
    let sides = vec![
        Plan::new("by group", Task::DeadGroup, events),
        Plan::new("the first page, ms", Task::DeadList, events),
        Plan::new(
            "half of them at 2,000/s, killed 3 times",
            Task::DeadReplay,
            events,
        ),
    ];
    ("dead letters".to_owned(), rounds, sides)
}

fn local(events: usize, rounds: usize) -> Planned {
    let run = |name: &str| Plan::new(name, Task::Local, events);
    let durable = run("on disk").with("--dir", "target");
    let name = "local broker, publish, consume, ack".to_owned();
    (name, rounds, vec![run("in memory"), durable])
}
