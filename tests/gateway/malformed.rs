//! Whatever is posted gets a clear answer, and the gateway goes on.

use fastrand::Rng;
use futures::{StreamExt, stream};

use crate::client::{Answer, Request};
use crate::rig::{Rig, event};

const SEEDS: [&str; 4] = [
    r#"{"user_id":1,"product_id":100,"event_type":"view","event_time":"2026-01-01T00:00:00Z"}"#,
    r#"{"eventId":"e","version":"v1","eventType":"product.viewed","payload":{"a":[1,{"b":"c"}]}}"#,
    r#"[{"event_type":"view","event_id":1},{"event_type":"cart","x":"\u00e9\\\""}]"#,
    r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"AAEC"}"#,
];
const TYPES: [&str; 4] = [
    "application/json",
    "application/x-ndjson",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
];

/// A body that once was an event.
fn mutated(rng: &mut Rng) -> Vec<u8> {
    let mut body = SEEDS[rng.usize(..SEEDS.len())].as_bytes().to_vec();
    for _ in 0..rng.usize(1..6) {
        let at = rng.usize(..=body.len());
        match rng.u8(..6) {
            0 => body.truncate(at),
            1 => body.insert(at, rng.u8(..)),
            2 if at < body.len() => body[at] = rng.u8(..),
            3 if at < body.len() => drop(body.remove(at)),
            4 => body
                .splice(at..at, [b"[{\"\n"[rng.usize(..4)]; 300])
                .for_each(drop),
            _ => {
                let end = rng.usize(at..=body.len());
                let copy = body[at..end].to_vec();
                body.splice(at..at, copy).for_each(drop);
            }
        }
    }
    body
}

fn check(body: &[u8], answer: &Answer) {
    let shown = String::from_utf8_lossy(body);
    match answer.status {
        202 => assert!(answer.json()["accepted"].as_u64().unwrap() > 0, "{shown}"),
        413 | 422 => drop(answer.problem(answer.status)),
        _ => panic!("{shown}: {answer:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_mutations_of_events_are_taken_or_refused_clearly() {
    let rig = Rig::start().await;
    let seed = 20_261_121;
    let mut rng = Rng::with_seed(seed);
    let requests = (0..10_000).map(|_| {
        let body = mutated(&mut rng);
        let media = TYPES[rng.usize(..TYPES.len())];
        let request = Request::events(body.clone()).header("content-type", media);
        let addr = rig.addr;
        async move { (body, request.send(addr).await) }
    });
    let mut answers = stream::iter(requests).buffer_unordered(32);
    let (mut taken, mut refused) = (0, 0);
    while let Some((body, answer)) = answers.next().await {
        check(&body, &answer);
        *(if answer.status == 202 {
            &mut taken
        } else {
            &mut refused
        }) += 1;
    }
    assert!(
        taken > 100 && refused > 1000,
        "seed {seed}: {taken} taken, {refused} refused"
    );
    rig.post(&event("view", "after")).await.ids();
    assert_eq!(rig.get("/health").await.status, 200);
}

#[tokio::test]
async fn a_body_in_latin_1_is_refused_with_the_place() {
    let rig = Rig::start().await;
    let latin = b"{\"event_type\":\"view\",\"brand\":\"caf\xe9\"}".to_vec();
    let problem = rig.send(Request::events(latin.clone())).await.problem(422);
    assert_eq!(problem["code"], "body-not-utf8");
    let array = [b"[", latin.as_slice(), b"]"].concat();
    let problem = rig.send(Request::events(array)).await.problem(422);
    assert_eq!(problem["code"], "body-not-utf8");
    let lines = [latin.as_slice(), b"\n", event("view", "a").as_bytes()].concat();
    let answer = rig.send(Request::lines(lines)).await.with_status(202);
    assert_eq!(answer["rejected"][0]["problem"]["code"], "body-not-utf8");
}

#[tokio::test]
async fn bodies_nested_a_million_deep_are_refused() {
    let rig = Rig::start().await;
    let deep = "[".repeat(1_000_000);
    rig.post(&deep).await.problem(422);
    let closed = format!("{deep}{}", "]".repeat(1_000_000));
    let problem = rig.post(&closed).await.problem(422);
    assert_eq!(problem["rejected"][0]["problem"]["code"], "body-not-object");
    let inside = format!("{{\"event_type\":\"view\",\"x\":{closed}}}");
    let problem = rig.post(&inside).await.problem(422);
    assert_eq!(problem["code"], "body-too-deep");
}

#[tokio::test]
async fn a_truncated_or_empty_body_is_refused_and_nothing_of_it_is_taken() {
    let rig = Rig::start().await;
    let array = format!("[{},{}]", event("view", "a"), event("view", "b"));
    for end in 0..array.len() {
        let answer = rig.post(&array[..end]).await;
        let problem = answer.problem(422);
        assert_eq!(problem["code"], "body-not-json", "{problem}");
    }
    assert!(rig.queued().is_empty());
}
