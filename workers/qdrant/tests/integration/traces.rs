//! Which events are told as applied.

use fanout_contract::{Applied, EventId, Processor, Trace};
use fanout_qdrant::Collection;
use fanout_qdrant::store::QdrantStore;

use crate::support::events::{batch, upserted, user_deleted, viewed};
use crate::support::lines::Lines;
use crate::support::{Server, ready};

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn what_is_applied_is_told_and_what_left_no_trace_is_unknown() {
    let processor = ready(Server::shared().await.config()).await;
    let ids = ["p1", "p2", "v1", "end", "never"].map(EventId::new);
    let unknown = processor.applied(&ids).await.unwrap().into_traces(5);
    assert_eq!(unknown, [Trace::Unknown; 5], "nothing is there at all");
    let events = [
        upserted("p1", "p", 1, &[1.0, 0.0, 0.0, 0.0]),
        upserted("p2", "p", 2, &[0.0, 1.0, 0.0, 0.0]),
        viewed("v1", "u", "p", 3),
        user_deleted("end", "other", 4),
    ];
    for event in events {
        processor.process(&batch([event])).await.unwrap();
    }
    let told = processor.applied(&ids).await.unwrap().into_traces(5);
    let there = Trace::Applied { at: None };
    let gone = Trace::Unknown;
    assert_eq!(told, [gone, there, there, gone, gone]);
    assert_eq!(
        processor.applied(&[]).await.unwrap(),
        Applied::Told(Vec::new())
    );
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn what_is_taken_otherwise_than_it_was_given_is_told() {
    let (lines, _guard) = Lines::capture();
    let processor = ready(Server::shared().await.config()).await;
    let in_2096 = 4_000_000_000;
    let odd = [
        viewed("a", 1, 2, 3),
        viewed("a", 1, 5, 4),
        viewed("b", 1, 2, in_2096),
    ];
    processor.process(&batch(odd)).await.unwrap();
    let clamped = lines.told("event times beyond tomorrow count as tomorrow");
    assert_eq!(clamped.number("events"), 1.0);
    let twice = lines.told("one id with two bodies; the first counts");
    assert_eq!(twice.fields["event.id"], "a");
}

/// Whoever reads what it has written finds the profile, too.
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn an_interaction_is_told_as_applied_once_the_profile_has_it() {
    let config = Server::shared().await.config();
    let processor = ready(config.clone()).await;
    let asking = ready(config.clone()).await;
    let store = QdrantStore::new(&config).unwrap();
    let product = upserted("p1", "p", 1, &[1.0, 0.0, 0.0, 0.0]);
    processor.process(&batch([product])).await.unwrap();
    for n in 0..20 {
        let user = format!("u{}", n % 3);
        let id = EventId::new(format!("v{n}"));
        let event = batch([viewed(id.as_str(), user.as_str(), "p", n)]);
        let writing = processor.process(&event);
        let asked = async {
            let ids = [id.clone()];
            while !asking.applied(&ids).await.unwrap().into_traces(1)[0].is_applied() {}
            let profile = store
                .point(Collection::Profiles, &user.as_str().into())
                .await;
            profile
                .unwrap()
                .and_then(|profile| profile.number("interactions"))
        };
        let (written, counted) = tokio::join!(writing, asked);
        written.unwrap();
        let seen = f64::from(u32::try_from(n / 3 + 1).unwrap());
        assert_eq!(counted, Some(seen), "event {n}");
    }
}
