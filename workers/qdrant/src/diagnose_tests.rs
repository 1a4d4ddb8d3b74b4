use super::*;
use std::num::NonZeroUsize;

type Collections = Vec<(Collection, Option<Found>)>;

fn found(size: Option<u64>) -> Option<Found> {
    Some(Found {
        size,
        ..Found::default()
    })
}

fn healthy() -> Collections {
    vec![
        (Collection::Products, found(Some(4))),
        (Collection::Interactions, found(None)),
        (Collection::Profiles, found(Some(4))),
        (Collection::Tombstones, found(None)),
    ]
}

fn symptoms(found: &Collections) -> Vec<(&'static str, String)> {
    let diagnosis = judge(&QdrantConfig::default(), found, Ok(()));
    let symptoms = diagnosis.symptoms.into_iter();
    symptoms.map(|s| (s.check.id, s.subject)).collect()
}

#[test]
fn a_healthy_server_has_no_symptoms() {
    assert_eq!(symptoms(&healthy()), []);
    let mut optimising = healthy();
    optimising[0].1.as_mut().unwrap().health = Health::Yellow;
    optimising[1].1.as_mut().unwrap().health = Health::Grey;
    assert_eq!(symptoms(&optimising), []);
}

#[test]
fn collections_with_vectors_are_missed_once_their_dimension_is_known() {
    let mut before = healthy();
    before[0].1 = None;
    before[2].1 = None;
    assert_eq!(symptoms(&before), []);
    let config = QdrantConfig {
        dimension: NonZeroUsize::new(4),
        ..QdrantConfig::default()
    };
    assert_eq!(judge(&config, &before, Ok(())).symptoms.len(), 2);
    before[0].1 = found(Some(4));
    let missing = ("qdrant-collection-missing", "profiles".to_owned());
    assert_eq!(symptoms(&before), [missing]);
}

#[test]
fn another_dimension_or_distance_is_found() {
    let mut other = healthy();
    other[0].1 = found(None);
    let differs = |name: &str| ("qdrant-collection-differs", name.to_owned());
    assert_eq!(symptoms(&other), [differs("products")]);
    let mut other = healthy();
    other[2].1 = found(Some(5));
    assert_eq!(symptoms(&other), [differs("profiles")]);
}

#[test]
fn a_red_collection_a_failed_optimiser_and_a_missing_index_are_found() {
    let mut ill = healthy();
    ill[1].1 = Some(Found {
        size: None,
        health: Health::Red,
        optimizer: Some("no space left".to_owned()),
        unindexed: vec!["user_id"],
        ..Found::default()
    });
    let ids: Vec<_> = symptoms(&ill).into_iter().map(|(id, _)| id).collect();
    assert_eq!(
        ids,
        [
            "qdrant-collection-status",
            "qdrant-collection-status",
            "qdrant-index-missing",
        ]
    );
}

#[test]
fn profiles_of_other_weights_or_another_half_life_are_outdated() {
    let config = QdrantConfig::default();
    let ours = Some(make(&config.weights, config.half_life));
    let with = |makes: &[&Option<String>], config: &QdrantConfig| {
        let mut found = healthy();
        found[2].1.as_mut().unwrap().makes = makes.iter().map(|make| (*make).clone()).collect();
        let symptoms = judge(config, &found, Ok(())).symptoms.into_iter();
        symptoms.map(|s| (s.check.id, s.what)).collect::<Vec<_>>()
    };
    // those from before there was a choice have the default
    assert_eq!(with(&[&ours, &None], &config), []);
    let mut heavier = config.clone();
    heavier.weights.purchased = 8.0;
    let theirs = Some(make(&heavier.weights, heavier.half_life));
    let what = "2 of 3 profiles were folded with other weights or another half life".to_owned();
    let outdated = [("qdrant-profiles-outdated", what)];
    assert_eq!(with(&[&ours, &None, &theirs], &heavier), outdated);
    let longer = QdrantConfig {
        half_life: config.half_life * 2,
        ..config
    };
    assert_eq!(with(&[&ours], &longer).len(), 1);
    let without = QdrantConfig {
        profiles: false,
        ..longer
    };
    assert_eq!(with(&[&ours], &without), []);
}

#[test]
fn a_refused_key_and_an_old_version_have_names_of_their_own() {
    let refused = |error| {
        let diagnosis = judge(&QdrantConfig::default(), &Vec::new(), Err(error));
        diagnosis.symptoms[0].check.id
    };
    assert_eq!(
        refused(StoreError::Version("1.9.0".to_owned())),
        "qdrant-version-old"
    );
    assert_eq!(refused(StoreError::TimedOut), "qdrant-unreachable");
    let unauthenticated = StoreError::from(tonic::Status::unauthenticated("no"));
    assert_eq!(refused(unauthenticated), "qdrant-key-refused");
}

#[test]
fn every_id_begins_with_the_name_of_the_database() {
    assert!(CHECKS.iter().all(|check| check.id.starts_with("qdrant-")));
}
