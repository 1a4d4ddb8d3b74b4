//! Filters, pages, counts, facets.

use qdrant_client::qdrant::{
    Condition, CountPointsBuilder, FacetCountsBuilder, Filter, PointId, Range, ScrollPointsBuilder,
    facet_value::Variant,
};

use crate::support::{matching, number, numbered, upsert, with_collection};

#[tokio::test]
async fn a_filter_selects_what_it_says() {
    let store = with_collection("c").await;
    upsert(&store.client, "c", numbered(9)).await;
    let any = |users: [&str; 2]| Condition::matches("user", users.map(str::to_owned).to_vec());
    let range = |from: f64, below: f64| Range {
        gte: Some(from),
        lt: Some(below),
        ..Range::default()
    };
    let ids = |ids: [u64; 3]| Condition::has_id(ids.map(PointId::from));
    let all = || Filter::must([any(["u0", "u1"])]);
    let cases = [
        ("any of two users", all(), vec![1, 3, 4, 6, 7, 9]),
        (
            "any with the empty text",
            Filter::must([any(["", "u2"])]),
            vec![2, 5, 8],
        ),
        (
            "one user",
            Filter::must([Condition::matches("user", "u1".to_owned())]),
            vec![1, 4, 7],
        ),
        ("not", Filter::must_not([any(["u0", "u1"])]), vec![2, 5, 8]),
        (
            "a range",
            Filter::must([Condition::range("size", range(3.0, 5.0))]),
            vec![3, 4],
        ),
        ("these ids", Filter::must([ids([2, 3, 88])]), vec![2, 3]),
        (
            "all but these",
            Filter {
                must_not: vec![ids([1, 3, 4])],
                ..all()
            },
            vec![6, 7, 9],
        ),
        (
            "either",
            Filter::should([
                Condition::matches("size", 1_i64),
                Condition::matches("size", 2_i64),
            ]),
            vec![1, 2],
        ),
        (
            "a filter within",
            Filter::must([
                Condition::from(Filter::must_not([any(["u0", "u2"])])),
                any(["u1", "u2"]),
            ]),
            vec![1, 4, 7],
        ),
        (
            "empty payload",
            Filter::must([Condition::is_empty("nothing")]),
            (1..=9).collect(),
        ),
    ];
    for (name, filter, expected) in cases {
        assert_eq!(
            matching(&store.client, "c", filter).await,
            expected,
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_number_and_its_text_are_different_values() {
    use crate::support::point;
    let store = with_collection("c").await;
    let points = vec![
        point(1, vec![1.0, 0.0, 0.0], [("key", 1_i64.into())]),
        point(2, vec![1.0, 0.0, 0.0], [("key", "1".into())]),
    ];
    upsert(&store.client, "c", points).await;
    let number = Filter::must([Condition::matches("key", 1_i64)]);
    let text = Filter::must([Condition::matches("key", "1".to_owned())]);
    assert_eq!(matching(&store.client, "c", number).await, [1]);
    assert_eq!(matching(&store.client, "c", text).await, [2]);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let store = with_collection("c").await;
    upsert(&store.client, "c", numbered(25)).await;
    let (mut seen, mut offset, mut pages) = (Vec::new(), None::<PointId>, 0);
    loop {
        let mut scroll = ScrollPointsBuilder::new("c").limit(10);
        if let Some(offset) = offset.take() {
            scroll = scroll.offset(offset);
        }
        let page = store.client.scroll(scroll).await.unwrap();
        seen.extend(page.result.into_iter().map(|p| number(p.id.unwrap())));
        pages += 1;
        offset = page.next_page_offset;
        if offset.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=25).collect::<Vec<_>>());
    assert_eq!(pages, 3);
}

#[tokio::test]
async fn payload_is_answered_as_far_as_it_is_asked_for() {
    use qdrant_client::qdrant::{PayloadIncludeSelector, with_payload_selector::SelectorOptions};
    let store = with_collection("c").await;
    upsert(&store.client, "c", numbered(1)).await;
    let keys = async |options: Option<SelectorOptions>| {
        let mut scroll = ScrollPointsBuilder::new("c");
        if let Some(options) = options {
            scroll = scroll.with_payload(options);
        }
        let mut page = store.client.scroll(scroll).await.unwrap().result;
        let mut keys: Vec<_> = page.pop().unwrap().payload.into_keys().collect();
        keys.sort();
        keys
    };
    let include = PayloadIncludeSelector {
        fields: vec!["size".into()],
    };
    assert_eq!(
        keys(Some(SelectorOptions::Include(include))).await,
        ["size"]
    );
    assert_eq!(
        keys(Some(SelectorOptions::Enable(true))).await,
        ["size", "user"]
    );
    assert!(keys(Some(SelectorOptions::Enable(false))).await.is_empty());
}

#[tokio::test]
async fn counts_and_facets_are_exact() {
    let store = with_collection("c").await;
    upsert(&store.client, "c", numbered(10)).await;
    let filter = Filter::must([Condition::matches("user", "u1".to_owned())]);
    let count = CountPointsBuilder::new("c").filter(filter).exact(true);
    let count = store
        .client
        .count(count)
        .await
        .unwrap()
        .result
        .unwrap()
        .count;
    assert_eq!(count, 4);
    let facet = FacetCountsBuilder::new("c", "user").limit(2).exact(true);
    let hits = store.client.facet(facet).await.unwrap().hits;
    let first = &hits[0];
    let value = first.value.as_ref().unwrap().variant.as_ref().unwrap();
    assert_eq!(value, &Variant::StringValue("u1".into()));
    assert_eq!((first.count, hits.len()), (4, 2));
}
