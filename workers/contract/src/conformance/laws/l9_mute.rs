use bytes::Bytes;

use super::corpus;
use crate::conformance::check::Check;
use crate::conformance::harness::Harness;
use crate::conformance::law::{Law, LawViolation, Passed};
use crate::event::{Event, EventBuilder, EventId};

/// Events in one batch of nasty payloads, beside two good ones.
const BATCH: usize = 16;

/// No payload makes it panic, and none keeps a good event from being applied: not empty, not
/// binary, not deep, not huge, not with any field of the wrong type.
///
/// # Errors
/// [`LawViolation`] with the panic, or the good event that suffered.
pub async fn l9_mute(harness: &dyn Harness) -> Result<Passed, LawViolation> {
    let mut check = Check::new(harness, Law::L9Mute);
    let processor = check.restart().await?;
    let (alone, beside, nasty) = (check.scope(), check.scope(), check.scope());
    let model = harness.good(nasty, 0);
    let mut payloads = corpus::payloads();
    payloads.extend(corpus::mutations(model.payload()));

    for (lot, chunk) in payloads.chunks(BATCH).enumerate() {
        let mut batch = check.good(beside, 2);
        for (place, payload) in chunk.iter().enumerate() {
            let id = format!("{nasty}-nasty-{lot}-{place}");
            batch.insert(1, with_payload(&model, id, payload.clone()));
        }
        let outcomes = check.settle(&*processor, &batch).await?;
        for slot in [0, batch.len() - 1] {
            if let Some(crate::Outcome::Failed(failure)) = outcomes.get(slot) {
                return Err(check.violated(format!(
                    "a good event beside nasty payloads of lot {lot} failed: {failure}"
                )));
            }
        }
    }
    check.exercised("nasty payloads, and good ones with each field gone wrong");
    check.apply(&*processor, &check.good(alone, 2)).await?;
    let (want, got) = (check.probe(alone).await, check.probe(beside).await);
    check.same("good events beside nasty payloads", &want, &got)?;
    check.exercised("good events beside them");
    check.done()
}

/// The model with another id and payload. What can be given stays the model's.
fn with_payload(model: &Event, id: String, payload: Bytes) -> Event {
    let mut event = EventBuilder::new(EventId::new(id), model.kind(), payload);
    if let Some(at) = model.occurred_at() {
        event = event.occurred_at(at);
    }
    if let Some(subject) = model.subject() {
        event = event.subject(subject);
    }
    event.build()
}
