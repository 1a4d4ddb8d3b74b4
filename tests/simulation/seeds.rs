//! Random worlds: every seed is a configuration, a load, a life full of faults and an end.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fanout::broker::local::{Fault, FaultPlan};
use fanout::broker::{Broker, PublishError};
use fanout::config::{Config, QueueType};

use super::events::{ALWAYS, Deed, Form, Spec};
use super::oracle::Findings;
use super::store::{Chances, Outage};
use super::world::{DEAD, Process, World, config, on_paused_time};

/// Simulated time after which a healed world must have come to rest.
const PATIENCE: Duration = Duration::from_secs(6 * 3_600);

/// How one world ended.
struct Ended {
    findings: Findings,
    when: &'static str,
    duplicates: usize,
    repeats: u64,
    story: String,
}

#[test]
fn every_accepted_event_is_conserved_under_faults_at_every_step() {
    let worlds = env("FANOUT_SIM_SEEDS");
    let seeds: Vec<u64> = match env("FANOUT_SIM_SEED") {
        Some(seed) => (0..worlds.unwrap_or(1)).map(|_| seed).collect(),
        None => (0..worlds.unwrap_or(1_000)).collect(),
    };
    let (next, failures) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let (duplicates, repeats) = (AtomicU64::new(0), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::SeqCst) as usize) {
                    let ended = on_paused_time(*seed, live(*seed));
                    duplicates.fetch_add(ended.duplicates as u64, Ordering::SeqCst);
                    repeats.fetch_add(ended.repeats, Ordering::SeqCst);
                    if !ended.findings.none() {
                        failures.lock().unwrap().push((*seed, ended));
                    }
                }
            });
        }
    });
    println!(
        "{} worlds, {duplicates:?} duplicate dead letters, {repeats:?} repeats absorbed",
        seeds.len()
    );
    let failures = failures.into_inner().unwrap();
    for (seed, ended) in failures.iter().take(5) {
        println!("--- FANOUT_SIM_SEED={seed}, {}", ended.when);
        println!("{}\n{}", ended.findings, ended.story);
    }
    let seeds: Vec<_> = failures.iter().map(|(seed, _)| seed).collect();
    assert!(
        failures.is_empty(),
        "{} worlds went wrong: {seeds:?}",
        seeds.len()
    );
}

fn env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A world with its fate.
struct Fate {
    rng: fastrand::Rng,
    world: World,
    processes: Vec<Process>,
    story: String,
    next_number: u64,
}

async fn live(seed: u64) -> Ended {
    let mut rng = fastrand::Rng::with_seed(seed);
    let config = random_config(&mut rng);
    let mut fate = Fate {
        world: World::new(config, seed),
        rng,
        processes: Vec::new(),
        story: String::new(),
        next_number: 0,
    };
    let timeout = fate.world.config.worker.consumer_timeout;
    fate.world.server.consumer_timeout(timeout);
    fate.break_things();
    fate.processes.push(fate.world.start());
    for _ in 0..fate.rng.u32(6..14) {
        fate.publish_some().await;
        fate.happen().await;
        fate.let_time_pass().await;
        let findings = fate.world.conserved();
        if !findings.none() {
            return fate.ended(findings, "under way");
        }
    }
    let findings = fate.come_to_rest().await;
    fate.ended(findings, "at the end")
}

fn random_config(rng: &mut fastrand::Rng) -> Config {
    let mut config = config();
    let millis = |plan: &[u64]| plan.iter().map(|ms| Duration::from_millis(*ms)).collect();
    let plans: [&[u64]; 4] = [&[5_000, 30_000], &[0, 1_000, 4_000], &[500], &[]];
    let queue = config.queues.get_mut("sim").unwrap();
    queue.retry_delays = millis(plans[rng.usize(..plans.len())]);
    queue.batch.max_events = rng.usize(1..=16);
    queue.in_flight = rng.usize(1..=3);
    queue.deadline = Duration::from_secs(2);
    if rng.u8(..5) == 0 {
        queue.queue_type = QueueType::Classic;
    }
    if rng.bool() {
        queue.prefetch = Some(rng.u16(1..40));
    }
    queue.suspect_after = *rng.choice(&[2, 10, 1_000]).unwrap();
    config.worker.lanes = rng.usize(1..=3);
    config.worker.drain_deadline = Duration::from_secs(rng.u64(1..30));
    config.worker.consumer_timeout = Duration::from_secs(rng.u64(120..1_800));
    config.worker.overtake_after = Duration::from_millis(rng.u64(50..5_000));
    config.breaker.failures = rng.u32(1..6);
    config.breaker.open_for = Duration::from_secs(rng.u64(1..10));
    config.flood_guard.enabled = rng.bool();
    config.flood_guard.window = 20;
    config.flood_guard.share = 0.9;
    config.flood_guard.pause = Duration::from_secs(20);
    config
}

impl Fate {
    /// A fault plan of this world: some faults, each at a rate of its own.
    fn break_things(&mut self) {
        let seed = self.rng.u64(..);
        let mut plan = FaultPlan::seeded(seed)
            .max_delay(Duration::from_millis(self.rng.u64(1..4_000)))
            .max_downtime(Duration::from_millis(self.rng.u64(1..6_000)));
        for fault in [
            Fault::PublishLost,
            Fault::ConfirmLost,
            Fault::PublishRefused,
            Fault::ConfirmDelayed,
            Fault::SettleLost,
            Fault::ClosedAfterSettle,
            Fault::ConnectionLost,
            Fault::ConsumerCancelled,
            Fault::DeliveryDelayed,
            Fault::ConsumeFailed,
            Fault::DeadLetterDuplicated,
        ] {
            if self.rng.bool() {
                let rate = *self.rng.choice(&[0.01, 0.05, 0.2]).unwrap();
                plan = plan.rate(fault, rate);
                let _ = write!(self.story, "{fault:?} {rate}, ");
            }
        }
        self.world.server.set_faults(plan);
        let mut chance = || *self.rng.choice(&[0.0, 0.0, 0.05, 0.2]).unwrap();
        let (crash, lost_answer) = (chance(), chance());
        self.world.store.inner().chances = Chances {
            crash,
            lost_answer,
            ..Chances::default()
        };
        self.tell(&format!("crash {crash}, lost answer {lost_answer}"));
    }

    fn tell(&mut self, what: &str) {
        let _ = writeln!(self.story, "{what}");
    }

    /// Publishes like any client: again and again until it is confirmed.
    async fn publish_some(&mut self) {
        let publisher = self.world.server.connect();
        for _ in 0..self.rng.u32(0..10) {
            let spec = self.random_event();
            let foreign = spec.form == Form::Foreign;
            self.world
                .oracle
                .attempted
                .insert(spec.token(), spec.clone());
            loop {
                let sent = match foreign {
                    true => self.world.server.deposit(&spec.message()),
                    false => publisher.publish(spec.message()).await,
                };
                match sent {
                    Ok(()) => break,
                    Err(PublishError::NotConnected(_) | PublishError::Refused) => {
                        // sleep: paused clock; time passes in the simulated world.
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            self.world.oracle.accepted.insert(spec.token(), spec);
        }
    }

    fn random_event(&mut self) -> Spec {
        self.next_number += 1;
        let rng = &mut self.rng;
        let times = *rng.choice(&[1, 2, ALWAYS]).unwrap();
        let few = rng.u32(1..3);
        let deed = match rng.u8(..32) {
            0..12 => Deed::Apply,
            12..16 => Deed::FollowUps {
                count: rng.u8(1..3),
            },
            16 => Deed::Skip,
            17..19 => Deed::Permanent,
            19 => Deed::PermanentForAll,
            20..23 => Deed::Transient { times },
            23..25 => Deed::TransientForAll { times },
            25 => Deed::Unsettled { times },
            26..28 => Deed::Panic { times },
            28 => Deed::Contention { times: few },
            29 => Deed::Stall { times: few },
            30 => Deed::Crash { times: few },
            _ => Deed::Apply,
        };
        let form = match rng.u8(..16) {
            0 => Form::Malformed,
            1 => Form::Foreign,
            2 => Form::Derived,
            _ => Form::Envelope,
        };
        let number = self.next_number;
        Spec { number, form, deed }
    }

    /// One thing that happens to the world.
    async fn happen(&mut self) {
        let lasts = Duration::from_millis(self.rng.u64(100..40_000));
        let event = self.rng.u8(..12);
        match event {
            0 | 1 => self.kill_one(),
            2 => self.drain_one().await,
            3 => self.world.server.restart(lasts / 10),
            4 => self.world.store.outage(Outage::Refuses, lasts),
            5 => self.world.store.outage(Outage::Stalls, lasts),
            // An event that stalls ten times alone is to blame, at a deadline of 2 s.
            6 => self.world.store.outage(Outage::Crawls, lasts / 4),
            7 => self.limit(Some(0)),
            8 => self.limit(None),
            9 if self.processes.len() < 3 => self.processes.push(self.world.start()),
            _ => {}
        }
        self.tell(&format!("event {event} for {lasts:?}"));
        if self.processes.is_empty() {
            self.processes.push(self.world.start());
        }
    }

    /// An operator's policy on one of the queues republished into.
    fn limit(&mut self, max: Option<u64>) {
        let queues = self.world.server.queues();
        let targets: Vec<_> = queues
            .iter()
            .filter(|q| q.contains(".retry.") || *q == DEAD)
            .collect();
        match max {
            Some(_) => {
                let target = self.rng.choice(&targets).unwrap();
                self.world.server.limit_bytes(target, max);
            }
            None => targets
                .iter()
                .for_each(|q| self.world.server.limit_bytes(q, None)),
        }
    }

    fn kill_one(&mut self) {
        if !self.processes.is_empty() {
            let at = self.rng.usize(..self.processes.len());
            self.processes.swap_remove(at).kill();
        }
    }

    async fn drain_one(&mut self) {
        if self.processes.is_empty() {
            return;
        }
        let at = self.rng.usize(..self.processes.len());
        let process = self.processes.swap_remove(at);
        let ended = process.drain().await;
        self.tell(&format!("drained: {ended:?}"));
    }

    /// Time passes; processes that have killed themselves are buried and replaced.
    async fn let_time_pass(&mut self) {
        for _ in 0..self.rng.u32(1..8) {
            // sleep: paused clock; time passes in the simulated world.
            tokio::time::sleep(Duration::from_millis(self.rng.u64(1..3_000))).await;
            self.replace_the_dead();
        }
    }

    fn replace_the_dead(&mut self) {
        let (dead, alive): (Vec<_>, Vec<_>) =
            self.processes.drain(..).partition(|p| p.life.is_over());
        self.processes = alive;
        for process in dead {
            process.kill();
            self.processes.push(self.world.start());
        }
    }

    /// Heals everything and waits for the end.
    async fn come_to_rest(&mut self) -> Findings {
        self.world.server.set_faults(FaultPlan::seeded(0));
        self.world.store.heal();
        self.limit(None);
        // What is left may be bad events only: an operator who has looked lets them go.
        self.world.config.flood_guard.enabled = false;
        for process in self.processes.drain(..) {
            let _ = process.drain().await;
        }
        self.processes.push(self.world.start());
        self.tell("healed");
        let start = tokio::time::Instant::now();
        while start.elapsed() < PATIENCE {
            while !self.world.is_quiet() && start.elapsed() < PATIENCE {
                // sleep: paused clock; time passes in the simulated world.
                tokio::time::sleep(Duration::from_secs(1)).await;
                self.replace_the_dead();
            }
            for process in self.processes.drain(..) {
                let _ = writeln!(self.story, "{:?}", process.monitor.snapshot());
                let _ = writeln!(self.story, "{:?}", process.drain().await);
            }
            // A lane that had lost its channel while it waited for a confirm may still have
            // published a second copy of what another one had settled.
            if self.world.is_quiet() {
                break;
            }
            self.processes.push(self.world.start());
        }
        self.tell(&format!("at rest after {:?}", start.elapsed()));
        let mut findings = self.world.settled();
        for error in self.world.server.protocol_errors() {
            findings.wrong.insert("protocol".to_owned(), error);
        }
        findings
    }

    fn ended(mut self, findings: Findings, when: &'static str) -> Ended {
        let struck = self.world.server.struck();
        let config = format!("{:?}", self.world.config.queues["sim"]);
        self.tell(&format!("struck {struck:?}\n{config}"));
        Ended {
            findings,
            when,
            duplicates: self.world.census().duplicates(),
            repeats: self.world.store.inner().repeats,
            story: self.story,
        }
    }
}
