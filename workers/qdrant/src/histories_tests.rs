use super::*;
use fanout_contract::When;
use jiff::Timestamp;

fn seen(event: &str, user: i64, product: i64, given: bool) -> Interaction {
    Interaction {
        event: event.into(),
        user: user.into(),
        product: product.into(),
        kind: "product.viewed",
        weight: 1.0,
        when: When {
            at: Timestamp::UNIX_EPOCH,
            given,
            clamped: false,
        },
    }
}

fn remembered(version: &str, interactions: u128) -> Remembered {
    let mut history = History::new(10_000);
    for n in 0..interactions {
        history.add(Timestamp::UNIX_EPOCH, Uuid::from_u128(n), 1.into(), 1.0);
    }
    let products = Vec::new();
    Remembered {
        version: version.to_owned(),
        history,
        products,
    }
}

fn versions(taken: &HashMap<Id, Option<Recalled>>) -> Vec<Option<&str>> {
    taken
        .values()
        .map(|r| r.as_ref().map(Recalled::version))
        .collect()
}

#[test]
fn a_history_is_taken_out_by_one_batch_only() {
    let histories = Histories::default();
    histories.put(7.into(), remembered("v", 3));
    let (first, second) = (seen("a", 7, 1, true), seen("b", 7, 2, true));
    let taken = histories.take([&first, &second].into_iter());
    assert_eq!(versions(&taken), [Some("v")]);
    assert_eq!(versions(&histories.take([&first].into_iter())), [None]);

    let (history, known, asked) = taken
        .into_values()
        .next()
        .flatten()
        .unwrap()
        .into_parts(&Vectors::default());
    assert_eq!((history.len(), known.len(), asked.len()), (5, 0, 2));
}

#[test]
fn an_interaction_whose_time_is_ours_makes_the_history_be_read_again() {
    let histories = Histories::default();
    histories.put(7.into(), remembered("v", 3));
    let (given, ours) = (seen("a", 7, 1, true), seen("b", 7, 1, false));
    let taken = histories.take([&given, &ours, &given].into_iter());
    assert_eq!(versions(&taken), [None]);
}

#[test]
fn an_event_that_comes_again_with_another_time_stands_once() {
    let histories = Histories::default();
    histories.put(7.into(), remembered("v", 0));
    let first = seen("a", 7, 1, true);
    let mut later = first.clone();
    later.when.at = "2026-01-01T00:00:00Z".parse().unwrap();
    let taken = histories.take([&first, &later].into_iter());
    let (history, ..) = taken
        .into_values()
        .next()
        .flatten()
        .unwrap()
        .into_parts(&Vectors::default());
    assert_eq!((history.len(), history.is_whole()), (1, true));
}

#[test]
fn the_one_that_was_not_needed_for_longest_is_forgotten_first() {
    let histories = Histories::default();
    let each = LONGEST as u128;
    let fit = i64::try_from(LIMIT / LONGEST).unwrap();
    for user in 0..=fit {
        histories.put(user.into(), remembered("v", each));
    }
    let held = |user: i64| histories.take([&seen("a", user, 1, true)].into_iter());
    assert_eq!(versions(&held(0)), [None]);
    assert_eq!(versions(&held(1)), [Some("v")]);
    assert!(histories.0.lock().unwrap().interactions <= LIMIT);
}

#[test]
fn a_history_that_is_too_long_or_not_all_there_is_is_not_remembered() {
    let of = |limit, interactions: usize| {
        let mut history = History::new(limit);
        for n in 0..interactions as u128 {
            history.add(Timestamp::UNIX_EPOCH, Uuid::from_u128(n), 1.into(), 1.0);
        }
        Remembered::new("v".to_owned(), history, &HashMap::new())
    };
    assert!(of(10_000, LONGEST).is_some());
    assert!(of(10_000, LONGEST + 1).is_none());
    assert!(of(10, 11).is_none());
}
