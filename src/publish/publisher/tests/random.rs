//! Faults by chance: whatever happens, what was accepted arrives, in order per subject.

use std::collections::{BTreeMap, BTreeSet};

use super::fake::Mood;
use super::*;

const SEEDS: u64 = 60;
const KILLS: u64 = 15;
const SUBJECTS: u64 = 5;
const MESSAGES: u64 = 40;

/// A caller per subject begins one message after the other and remembers what was taken.
async fn caller(publisher: Arc<Publisher>, subject: u64, seed: u64) -> Vec<(u64, Answer)> {
    let mut random = fastrand::Rng::with_seed(seed ^ (subject << 32));
    let mut tasks = Vec::new();
    for number in 1..=MESSAGES {
        let publisher = Arc::clone(&publisher);
        let message = message(&format!("{subject}.{number}"));
        let task = tokio::spawn(async move { publisher.accept(message).await });
        tasks.push((number, task));
        tokio::task::yield_now().await;
        if random.bool() {
            // sleep: the clock is paused; callers come at any time
            sleep(Duration::from_millis(random.u64(0..200))).await;
        }
    }
    let mut answers = Vec::new();
    for (number, task) in tasks {
        answers.push((number, task.await.unwrap()));
    }
    answers
}

/// One thing after the other goes wrong, and comes right in the end.
async fn trouble(rig: &Rig, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..random.u64(1..8) {
        match random.u8(0..6) {
            0 => rig.broker.leave(),
            1 => rig.broker.come_back(),
            2 => rig.broker.block(random.bool()),
            3 => rig.disk.set_full(random.bool()),
            4 => rig.broker.mood(Mood::Fails(random.f64())),
            _ => rig.broker.mood(
                *random
                    .choice(&[Mood::Hangs, Mood::Takes, Mood::Refuses])
                    .unwrap(),
            ),
        }
        rig.broker.state().latency = Duration::from_millis(random.u64(0..50));
        // sleep: the clock is paused; it lasts so long
        sleep(Duration::from_millis(random.u64(0..3_000))).await;
    }
    rig.broker.mood(Mood::Takes);
    rig.disk.set_full(false);
    rig.broker.block(false);
    rig.broker.come_back();
}

/// The numbers that arrived about each subject, in their order.
fn arrivals(ids: &[String]) -> BTreeMap<u64, Vec<u64>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for id in ids {
        let (subject, number) = id.split_once('.').unwrap();
        let numbers = found.entry(subject.parse().unwrap()).or_default();
        numbers.push(number.parse().unwrap());
    }
    found
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_what_was_accepted_arrives_in_order_per_subject() {
    let (mut spooled, mut repeated) = (0, 0);
    for seed in 0..SEEDS {
        let rig = Rig::with(|c| {
            c.broker.confirm_window = 1 + usize::try_from(seed % 9).unwrap();
            c.spool.max_messages = 20 + seed % 200;
        });
        rig.broker.state().random = fastrand::Rng::with_seed(seed);
        let callers = (0..SUBJECTS)
            .map(|subject| tokio::spawn(caller(Arc::clone(&rig.publisher), subject, seed)));
        let callers: Vec<_> = callers.collect();
        trouble(&rig, seed).await;
        let mut accepted = Vec::new();
        for task in callers {
            accepted.push(task.await.unwrap());
        }
        rig.drained().await;
        let arrived = arrivals(&rig.broker.arrived());
        for (subject, answers) in (0..).zip(accepted) {
            let numbers = arrived.get(&subject).cloned().unwrap_or_default();
            assert!(
                numbers.is_sorted(),
                "seed {seed}, subject {subject}: {numbers:?}"
            );
            let there: BTreeSet<_> = numbers.iter().copied().collect();
            repeated += numbers.len() - there.len();
            for (number, answer) in answers {
                spooled += u32::from(answer == SPOOLED);
                let safe = answer.is_err() || there.contains(&number);
                assert!(safe, "seed {seed}: {subject}.{number} is lost, {answer:?}");
            }
        }
    }
    // The faults struck.
    assert!(spooled > 300 && repeated > 30, "{spooled} {repeated}");
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_any_moment_loses_nothing_that_was_accepted() {
    for seed in 0..KILLS {
        let rig = Rig::new();
        let mut random = fastrand::Rng::with_seed(seed);
        rig.broker.leave();
        let mut tasks = Vec::new();
        for number in 1..=MESSAGES {
            tasks.push((number, rig.begin(message(&format!("1.{number}"))).await));
            if number == seed % MESSAGES {
                rig.broker.state().latency = Duration::from_millis(random.u64(0..5));
                rig.broker.come_back();
            }
            // sleep: the clock is paused; the kill comes at any moment
            sleep(Duration::from_millis(random.u64(0..4))).await;
        }
        let mut taken = Vec::new();
        for (number, task) in &mut tasks {
            if task.is_finished() && task.await.unwrap().is_ok() {
                taken.push(*number);
            }
        }
        let before = arrivals(&rig.broker.arrived());
        let again = rig.after_kill();
        again.drained().await;
        let after = arrivals(&again.broker.arrived());
        let (before, after) = (before.get(&1), after.get(&1));
        let all: BTreeSet<_> = before.into_iter().chain(after).flatten().copied().collect();
        assert!(
            after.is_none_or(|numbers| numbers.is_sorted()),
            "seed {seed}"
        );
        for number in taken {
            assert!(all.contains(&number), "seed {seed}: {number} is lost");
        }
    }
}
