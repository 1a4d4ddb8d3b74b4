//! Profiles: a function of what is there, whatever way it came.

use fanout_contract::{Event, Outcome, Processor};
use fanout_qdrant::diagnose::diagnose;
use fanout_qdrant::store::QdrantStore;
use fanout_qdrant::{Collection, QdrantConfig, Weights};
use futures::future::join_all;
use serde_json::json;
use std::collections::BTreeMap;

use crate::support::events::{batch, deleted, event, upserted, viewed};
use crate::support::proxy::Proxy;
use crate::support::{Server, ready};

/// Vector, count and newest time of every profile, by user.
async fn profiles(store: &QdrantStore) -> BTreeMap<String, (Vec<u32>, String)> {
    let (page, next) = store.page(Collection::Profiles, None, 1000).await.unwrap();
    assert_eq!(next, None);
    let read = |point: &fanout_qdrant::store::Point| {
        let mut payload = point.json();
        let version = payload.as_object_mut().unwrap().remove("_version");
        assert!(version.is_some());
        let bits = point
            .vector()
            .unwrap()
            .iter()
            .map(|x| x.to_bits())
            .collect();
        (payload["user_id"].to_string(), (bits, payload.to_string()))
    };
    page.iter().map(read).collect()
}

/// A little shop: 12 products, 30 users with up to 15 interactions each.
fn shop() -> Vec<Event> {
    let mut events = Vec::new();
    for p in 0..12_u8 {
        let vector = [
            1.0,
            f32::from(p),
            f32::from(p % 3) - 1.0,
            0.5 * f32::from(p % 5),
        ];
        events.push(upserted(&format!("p{p}"), p, 0, &vector));
    }
    // newer vectors for some, one gone, one that is never known
    events.push(upserted("p3b", 3, 50, &[0.0, 0.0, 1.0, 0.0]));
    events.push(deleted("p5d", 5, 50));
    let kinds = ["view", "cart", "remove_from_cart", "purchase"];
    for u in 0..30_i64 {
        for i in 0..=(u % 15) {
            let payload = json!({"user_id": u, "product_id": (u * 7 + i * 5) % 13});
            let kind = kinds[usize::try_from((u + i) % 4).unwrap()];
            events.push(event(&format!("u{u}-{i}"), kind, i * 86_400 + u, &payload));
        }
    }
    events
}

fn shuffled(mut events: Vec<Event>, mut seed: u64) -> Vec<Event> {
    for i in (1..events.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        events.swap(i, usize::try_from(seed >> 33).unwrap() % (i + 1));
    }
    events
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_profile_is_there_before_the_event_is_answered() {
    let config = Server::shared().await.config();
    let (processor, store) = (
        ready(config.clone()).await,
        QdrantStore::new(&config).unwrap(),
    );
    let profile = async || {
        store
            .point(Collection::Profiles, &"u".into())
            .await
            .unwrap()
    };

    processor
        .process(&batch([viewed("a", "u", "p", 1)]))
        .await
        .unwrap();
    assert!(profile().await.is_none(), "nothing is known of the product");
    processor
        .process(&batch([upserted("b", "p", 2, &[0.0, 0.0, 5.0, 0.0])]))
        .await
        .unwrap();
    let known = profile().await.unwrap();
    assert_eq!(known.vector(), Some(&[0.0, 0.0, 1.0, 0.0][..]));
    assert_eq!(known.number("interactions"), Some(1.0));
    assert_eq!(
        known.text("occurred_at"),
        Some("2026-01-01T00:00:01.000000Z")
    );

    processor
        .process(&batch([upserted("c", "p", 3, &[1.0, 0.0, 0.0, 0.0])]))
        .await
        .unwrap();
    assert_eq!(
        profile().await.unwrap().vector(),
        Some(&[1.0, 0.0, 0.0, 0.0][..])
    );
    processor
        .process(&batch([deleted("d", "p", 4)]))
        .await
        .unwrap();
    assert!(profile().await.is_none(), "nothing is left of the product");
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn whatever_order_batches_repeats_and_writers_the_profiles_are_the_same_bits() {
    let server = Server::shared().await;
    let reference = server.config();
    let (processor, store) = (
        ready(reference.clone()).await,
        QdrantStore::new(&reference).unwrap(),
    );
    for outcome in processor.process(&batch(shop())).await.unwrap().into_vec() {
        assert!(!matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    }
    let want = profiles(&store).await;
    assert!(want.len() > 20, "{}", want.len());

    // the lanes are those of one worker, or workers of their own
    let ways = [
        (1, 1, 1, 1),
        (2, 7, 1, 1),
        (3, 20, 4, 4),
        (4, 400, 2, 2),
        (5, 20, 4, 1),
        (6, 9, 6, 2),
    ];
    for (seed, size, lanes, workers) in ways {
        let config = server.config();
        let store = QdrantStore::new(&config).unwrap();
        let processors = join_all((0..workers).map(|_| ready(config.clone()))).await;
        let mut events = shuffled(shop(), seed);
        events.extend(shuffled(shop(), seed + 100).into_iter().take(60));
        let events = shuffled(events, seed + 200);
        let lane = |lane: usize| {
            let (processor, events) = (&processors[lane % workers], &events);
            async move {
                for part in events.chunks(size).skip(lane).step_by(lanes) {
                    apply(processor, part.to_vec()).await;
                }
            }
        };
        join_all((0..lanes).map(lane)).await;
        assert_eq!(profiles(&store).await, want, "{seed}");
    }
}

/// Who is folded again has the profile that a worker with the new weights alone would have made;
/// the doctor finds the others, and the products, published again, bring them along.
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn other_weights_fold_a_profile_anew_and_never_mix() {
    let server = Server::shared().await;
    let weights = Weights {
        viewed: 2.0,
        uncarted: 0.0,
        ..Weights::default()
    };
    let before = server.config();
    let [changed, reference] =
        [before.clone(), server.config()].map(|config| QdrantConfig { weights, ..config });
    apply(&ready(before.clone()).await, shop()).await;
    apply(&ready(reference.clone()).await, shop()).await;
    let [store, reference] = [&before, &reference].map(|c| QdrantStore::new(c).unwrap());
    let (old, want) = (profiles(&store).await, profiles(&reference).await);
    assert_ne!(old["14"], want["14"]);

    let processor = ready(changed.clone()).await;
    let of_14 = |event: &Event| event.id().as_str() == "u14-3";
    apply(&processor, shop().into_iter().filter(of_14).collect()).await;
    let now = profiles(&store).await;
    assert_eq!(now["14"], want["14"]);
    assert_eq!(now["13"], old["13"]);
    let outdated = async || {
        let diagnosis = diagnose(&changed).await.unwrap();
        let mut symptoms = diagnosis.symptoms.into_iter();
        symptoms.find_map(|s| (s.check.id == "qdrant-profiles-outdated").then_some(s.what))
    };
    let what = outdated().await.unwrap();
    assert!(
        what.starts_with(&format!("{} of {} profiles", now.len() - 1, now.len())),
        "{what}"
    );

    let of_products = |event: &Event| event.kind().starts_with("product.upserted");
    apply(&processor, shop().into_iter().filter(of_products).collect()).await;
    assert_eq!(profiles(&store).await, want);
    assert_eq!(outdated().await, None);
}

/// As the runtime does: what other writers were faster with comes again.
async fn apply(processor: &impl Processor, mut events: Vec<Event>) {
    for _ in 0..50 {
        let outcomes = processor
            .process(&batch(events.clone()))
            .await
            .unwrap()
            .into_vec();
        let again = |(event, outcome): (&Event, &Outcome)| match outcome {
            Outcome::Failed(failure) => {
                assert_eq!(failure.code().as_str(), "contention");
                Some(event.clone())
            }
            _ => None,
        };
        events = events.iter().zip(&outcomes).filter_map(again).collect();
        if events.is_empty() {
            return;
        }
    }
    panic!("50 times in a row other writers were faster");
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_product_with_more_users_than_a_page_is_swept_to_the_end() {
    let config = Server::shared().await.config();
    let (processor, store) = (
        ready(config.clone()).await,
        QdrantStore::new(&config).unwrap(),
    );
    let views = (0..2_500).map(|u| viewed(&format!("e{u}"), u, "hot", 1));
    processor.process(&batch(views)).await.unwrap();
    assert_eq!(store.size(Collection::Profiles).await.unwrap(), 0);
    processor
        .process(&batch([upserted("p", "hot", 2, &[1.0; 4])]))
        .await
        .unwrap();
    assert_eq!(store.size(Collection::Profiles).await.unwrap(), 2_500);
}

/// 30 users know all of 40 products, more than a page. A history is some 5 KB, so that each
/// read once is 0.2 MB, and once for each product 6 MB.
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_catalogue_that_comes_late_reads_the_history_of_each_user_once() {
    let server = Server::shared().await;
    let proxy = Proxy::to(server.port()).await;
    let direct = server.config();
    let config = QdrantConfig {
        url: format!("http://127.0.0.1:{}", proxy.port()),
        ..direct.clone()
    };
    let (processor, store) = (ready(config).await, QdrantStore::new(&direct).unwrap());
    let pairs = (0..30).flat_map(|user| (0..40).map(move |product| (user, product)));
    let views = pairs.map(|(u, p)| viewed(&format!("{u}-{p}"), u, p, 1));
    processor.process(&batch(views)).await.unwrap();
    let before = proxy.answered();
    let products = (0..40_u8).map(|p| upserted(&format!("p{p}"), p, 2, &[1.0, p.into(), 0.0, 0.0]));
    let outcomes = processor.process(&batch(products)).await.unwrap();
    let applied = |outcome: &Outcome| matches!(outcome, Outcome::Applied(_));
    assert!(outcomes.into_vec().iter().all(applied));
    let read = proxy.answered() - before;
    assert!(read < 1_000_000, "{read} bytes");
    assert!(
        read > 100_000,
        "the proxy counts what is read: {read} bytes"
    );
    assert_eq!(store.size(Collection::Profiles).await.unwrap(), 30);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_sweep_that_takes_too_long_goes_on_where_it_was_left() {
    let config = Server::shared().await.config();
    let processor = ready(config.clone()).await;
    let views = (0..2_500).map(|u| viewed(&format!("e{u}"), u, "hot", 1));
    processor.process(&batch(views)).await.unwrap();
    // half of it is the sweep's: no more than a page or two fits
    let hasty = ready(QdrantConfig {
        query_timeout: std::time::Duration::from_millis(1_500),
        ..config.clone()
    })
    .await;
    let store = QdrantStore::new(&config).unwrap();
    let mut interrupted = 0;
    for _ in 0..100 {
        let upsert = batch([upserted("p", "hot", 2, &[1.0; 4])]);
        match hasty.process(&upsert).await {
            Ok(outcomes) => match &outcomes.into_vec()[0] {
                Outcome::Failed(failure) => assert_eq!(failure.code().as_str(), "qdrant-folding"),
                _ => break,
            },
            Err(failure) => assert_eq!(failure.code().as_str(), "deadline-exceeded"),
        }
        interrupted += 1;
    }
    assert_eq!(
        store.size(Collection::Profiles).await.unwrap(),
        2_500,
        "{interrupted}"
    );
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn without_profiles_only_points_are_written_and_deleted_users_stay_away() {
    let config = QdrantConfig {
        profiles: false,
        ..Server::shared().await.config()
    };
    let (processor, store) = (
        ready(config.clone()).await,
        QdrantStore::new(&config).unwrap(),
    );
    processor
        .process(&batch([
            upserted("p", "p", 1, &[1.0; 4]),
            viewed("a", "u", "p", 2),
        ]))
        .await
        .unwrap();
    assert_eq!(store.size(Collection::Profiles).await.unwrap(), 0);
    assert_eq!(store.size(Collection::Interactions).await.unwrap(), 1);
}

/// A worker that ends between writing a product and folding its users leaves old profiles;
/// its event comes again, perhaps behind a newer version that folds nothing.
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn what_a_worker_left_unfolded_is_folded_when_the_event_comes_again() {
    let (east, north) = ([1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]);
    for newer in [false, true] {
        let config = Server::shared().await.config();
        let (processor, store) = (
            ready(config.clone()).await,
            QdrantStore::new(&config).unwrap(),
        );
        let ended_early = ready(QdrantConfig {
            profiles: false,
            ..config
        })
        .await;
        let vector = async || {
            let point = store
                .point(Collection::Profiles, &"u".into())
                .await
                .unwrap();
            point.unwrap().vector().unwrap().to_vec()
        };
        let first = [upserted("a", "p", 1, &east), viewed("v", "u", "p", 1)];
        processor.process(&batch(first)).await.unwrap();
        let moved = upserted("b", "p", 2, &north);
        ended_early.process(&batch([moved.clone()])).await.unwrap();
        if newer {
            let renamed = upserted("c", "p", 3, &north);
            processor.process(&batch([renamed])).await.unwrap();
        }
        assert_eq!(vector().await, east);
        processor.process(&batch([moved])).await.unwrap();
        assert_eq!(vector().await, north, "{newer}");
    }
}
