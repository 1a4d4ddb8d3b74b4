use super::*;
use proptest::prelude::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn known(vectors: &[(&str, &[f32])]) -> HashMap<Id, Known> {
    vectors
        .iter()
        .map(|(id, vector)| {
            let known = Known {
                version: format!("v-{id}").into(),
                vector: Some(Arc::new(vector.to_vec())),
            };
            (Id::from(*id), known)
        })
        .collect()
}

fn day(day: i64) -> Timestamp {
    Timestamp::from_second(day * 24 * 60 * 60).unwrap()
}

/// Interactions as (day, number of the event, product, weight).
fn history(seen: &[(i64, u128, &str, f64)]) -> History {
    let mut history = History::new(100);
    for &(at, event, product, weight) in seen {
        history.add(day(at), Uuid::from_u128(event), product.into(), weight);
    }
    history
}

fn folded(seen: &[(i64, u128, &str, f64)], products: &HashMap<Id, Known>) -> Option<Profile> {
    fold(&"u".into(), &history(seen), products, DAY, "make")
}

#[test]
fn a_profile_is_the_weighted_mean_at_length_one() {
    let products = known(&[("a", &[1.0, 0.0]), ("b", &[0.0, 1.0])]);
    let profile = folded(&[(1, 1, "a", 3.0), (1, 2, "b", 4.0)], &products).unwrap();
    assert_eq!(profile.vector, [0.6, 0.8]);
    assert_eq!((profile.interactions, profile.newest), (2, day(1)));
}

#[test]
fn an_interaction_counts_half_after_a_half_life() {
    let products = known(&[("a", &[1.0, 0.0]), ("b", &[0.0, 1.0])]);
    let aged = folded(&[(1, 1, "a", 8.0), (4, 2, "b", 1.0)], &products).unwrap();
    let even = folded(&[(4, 1, "a", 1.0), (4, 2, "b", 1.0)], &products).unwrap();
    assert_eq!(aged.vector, even.vector);
}

#[test]
fn unknown_products_are_counted_and_have_no_weight() {
    let products = known(&[("a", &[1.0, 0.0])]);
    let profile = folded(&[(1, 1, "a", 1.0), (2, 2, "gone", 9.0)], &products).unwrap();
    assert_eq!((profile.vector, profile.interactions), (vec![1.0, 0.0], 2));
}

#[test]
fn a_sum_of_zero_is_no_profile() {
    let products = known(&[("a", &[0.6, 0.8]), ("b", &[0.1, 0.995])]);
    assert_eq!(folded(&[], &products), None);
    assert_eq!(folded(&[(1, 1, "gone", 1.0)], &products), None);
    let cancelled = [
        (1, 1, "a", 3.0),
        (1, 2, "b", 0.1),
        (1, 3, "b", -0.1),
        (1, 4, "a", -3.0),
    ];
    assert_eq!(folded(&cancelled, &products), None);
}

#[test]
fn only_the_newest_interactions_make_the_profile() {
    let products = known(&[("a", &[1.0, 0.0]), ("b", &[0.0, 1.0])]);
    let mut short = History::new(1);
    short.add(day(1), Uuid::from_u128(1), "a".into(), 100.0);
    short.add(day(2), Uuid::from_u128(2), "b".into(), 1.0);
    short.add(day(0), Uuid::from_u128(3), "a".into(), 100.0);
    let profile = fold(&"u".into(), &short, &products, DAY, "make").unwrap();
    assert_eq!((profile.vector, profile.interactions), (vec![0.0, 1.0], 3));
}

#[test]
fn another_version_of_a_product_is_another_version_of_the_profile() {
    let one = known(&[("a", &[1.0, 0.0])]);
    let mut two = one.clone();
    two.get_mut(&"a".into()).unwrap().version = "newer".into();
    let seen = [(1, 1, "a", 1.0)];
    let (one, two) = (folded(&seen, &one).unwrap(), folded(&seen, &two).unwrap());
    assert_eq!(one.vector, two.vector);
    assert_ne!(one.version, two.version);
}

#[test]
fn a_profile_of_another_make_is_another_version_of_it() {
    let products = known(&[("a", &[1.0, 0.0])]);
    let seen = history(&[(1, 1, "a", 1.0)]);
    let of = |make| fold(&"u".into(), &seen, &products, DAY, make).unwrap();
    assert_eq!(of("one").vector, of("two").vector);
    assert_ne!(of("one").version, of("two").version);
}

#[test]
fn each_weight_and_the_half_life_are_part_of_the_make() {
    let weights = Weights::default();
    let ours = make(&weights, DAY);
    assert_eq!(make(&weights.clone(), DAY), ours);
    let others = [
        make(&weights, 2 * DAY),
        make(
            &Weights {
                viewed: 2.0,
                ..weights
            },
            DAY,
        ),
        make(
            &Weights {
                carted: 2.0,
                ..weights
            },
            DAY,
        ),
        make(
            &Weights {
                uncarted: 2.0,
                ..weights
            },
            DAY,
        ),
        make(
            &Weights {
                purchased: 2.0,
                ..weights
            },
            DAY,
        ),
    ];
    assert!(!others.contains(&ours), "{others:?}");
    let zero = |viewed| make(&Weights { viewed, ..weights }, DAY);
    assert_eq!(zero(0.0), zero(-0.0));
}

proptest! {
    /// The same set in any order, with repeats, gives the same bits.
    #[test]
    fn a_profile_is_a_function_of_the_set(
        seen in prop::collection::vec((0..40_i64, 0..60_u128, 0..8_usize, -5..6_i8), 1..60),
        vectors in prop::collection::vec(prop::collection::vec(-1.0_f32..1.0, 5), 6),
        order in any::<prop::sample::Index>(),
        repeats in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        seed in any::<u64>(),
    ) {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let vectors: Vec<(&str, &[f32])> =
            names.iter().zip(&vectors).map(|(n, v)| (*n, v.as_slice())).collect();
        let products = known(&vectors);
        // an event id has one time, product and weight
        let mut events: BTreeMap<u128, (i64, u128, &str, f64)> = BTreeMap::new();
        for (at, event, product, weight) in seen {
            events.insert(event, (at, event, names[product], f64::from(weight)));
        }
        let events: Vec<_> = events.into_values().collect();
        let want = folded(&events, &products);

        let mut other = events.clone();
        other.extend(repeats.iter().map(|i| events[i.index(events.len())]));
        other.rotate_left(order.index(events.len()));
        // a shuffle of our own, so that the seed alone decides
        let mut state = seed | 1;
        for i in (1..other.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            other.swap(i, usize::try_from(state >> 33).unwrap() % (i + 1));
        }
        prop_assert_eq!(folded(&other, &products), want);
    }
}
