//! A dead letter with another body, on its way to its queue of origin.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use similar::TextDiff;

use super::bench::{Progress, Workbench, run_id};
use super::error::DlqError;
use super::filter::Filter;
use super::fingerprint::digest;
use super::letter::DeadLetter;
use super::walk::Walk;
use crate::broker::Message;
use crate::recovery;

/// Holds payloads of a kind to their schema; the problem where one does not fit.
pub type SchemaCheck<'a> = &'a (dyn Fn(&str, &[u8]) -> Result<(), String> + Send + Sync);

/// A mended dead letter, ready to be published.
#[derive(Debug, Serialize)]
pub struct Mended {
    /// The id it had.
    pub id: String,
    /// The id it has now; other than before where the body says so.
    pub new_id: String,
    /// The queue it goes to.
    pub queue: String,
    /// What has changed, line by line.
    pub diff: String,
    /// SHA-256 of the body before.
    pub before: String,
    /// SHA-256 of the body now.
    pub after: String,
    #[serde(skip)]
    dlq: String,
    #[serde(skip)]
    body: Bytes,
}

impl Workbench {
    /// Holds a new body of a dead letter to the codec and the schema of its kind. Changes
    /// nothing.
    ///
    /// # Errors
    /// It is the same, no event, does not fit its schema, or its origin is not known.
    pub fn mend(
        &self,
        letter: &DeadLetter,
        body: Bytes,
        schema: SchemaCheck<'_>,
    ) -> Result<Mended, DlqError> {
        if body == letter.message.body {
            return Err(DlqError::Refused("nothing was changed".to_owned()));
        }
        let message = Message {
            body: body.clone(),
            ..letter.message.clone()
        };
        let decoded = self.codec.decode(&message).map_err(|undecodable| {
            let (code, failure) = (undecodable.failure.code(), undecodable.failure.message());
            DlqError::Refused(format!("this is no event ({code}): {failure}"))
        })?;
        let event = decoded.event;
        schema(event.kind(), event.payload()).map_err(|problem| {
            DlqError::Refused(format!(
                "it does not fit the schema of {}: {problem}",
                event.kind()
            ))
        })?;
        let origin = letter
            .origin
            .as_deref()
            .filter(|queue| self.takes_events(queue));
        let queue = origin.ok_or_else(|| {
            DlqError::Refused("its queue of origin is none of the configuration".to_owned())
        })?;
        Ok(Mended {
            id: letter.id.clone(),
            new_id: event.id().to_string(),
            queue: queue.to_owned(),
            diff: difference(&letter.message.body, &body),
            before: digest(&letter.message.body),
            after: digest(&body),
            dlq: letter.dlq.clone(),
            body,
        })
    }

    /// Publishes a mended dead letter to its queue of origin, then takes the old one out of
    /// the dead-letter queue. Answers the id of the run.
    ///
    /// # Errors
    /// Nothing was changed: somebody else has taken or changed it, the audit log cannot be
    /// written, the broker refuses.
    pub async fn publish_mended(
        &self,
        mended: &Mended,
        progress: &mut dyn Progress,
    ) -> Result<String, DlqError> {
        let run = run_id();
        let what = json!({
            "dlq": mended.dlq, "id": mended.id, "new_id": mended.new_id, "to": mended.queue,
            "before": mended.before, "after": mended.after,
        });
        self.audit.begin(&run, "edit", what.clone()).await?;
        let done = self.exchange(mended, &run, progress).await;
        let end = match &done {
            Ok(()) => (1, "done".to_owned()),
            Err(error) => (0, format!("failed: {error}")),
        };
        self.audit.end(&run, "edit", what, end).await?;
        done.map(|()| run)
    }

    async fn exchange(
        &self,
        mended: &Mended,
        run: &str,
        progress: &mut dyn Progress,
    ) -> Result<(), DlqError> {
        let filter = Filter::id(&mended.id);
        let mut walk = Walk::begin(self.broker.clone(), &mended.dlq).await?;
        let mut done = Err(DlqError::NotFound(mended.id.clone()));
        while let Some(held) = walk.next().await? {
            progress.at(walk.seen(), walk.ready(), 0);
            let tag = held.tag();
            let letter = self.read(&mended.dlq, held.delivery.message);
            if filter.matches(&letter) && digest(&letter.message.body) == mended.before {
                let message = self.with_body(&letter, mended, run);
                done = self.broker.publish(message).await.map_err(DlqError::from);
                if done.is_ok() {
                    done = walk.ack(tag).await;
                }
                break;
            }
        }
        done.and(walk.close().await)
    }

    fn with_body(&self, letter: &DeadLetter, mended: &Mended, run: &str) -> Message {
        let mut original = letter.message.clone();
        original.body = mended.body.clone();
        if mended.id != mended.new_id {
            original.properties.message_id = Some(mended.new_id.clone());
        }
        let (queue, note) = (mended.queue.clone(), letter.note());
        let mut message = recovery::replay(
            &original,
            letter.event_id.as_ref(),
            queue,
            run,
            note.as_ref(),
        );
        if let (Some(kind), Ok(decoded)) =
            (&mut message.properties.kind, self.codec.decode(&original))
        {
            decoded.event.kind().clone_into(kind);
        }
        message
    }
}

/// The body with these values at these JSON pointers; a value is JSON, or else a text.
///
/// # Errors
/// The body is no JSON, has a number that would be rounded, or lacks the place.
pub fn with_values(body: &[u8], values: &[(String, String)]) -> Result<Bytes, DlqError> {
    let refused = |problem: String| DlqError::Refused(problem);
    let mut json: Value = serde_json::from_slice(body)
        .map_err(|error| refused(format!("the body is no JSON: {error}")))?;
    if rounds(body) {
        let problem = "the body has a number that would be rounded: edit it as a text";
        return Err(refused(problem.to_owned()));
    }
    for (pointer, text) in values {
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()));
        put(&mut json, pointer, value)
            .ok_or_else(|| refused(format!("there is no place '{pointer}' in the body")))?;
    }
    let bytes = serde_json::to_vec(&json).map_err(|error| refused(error.to_string()))?;
    Ok(bytes.into())
}

fn put(json: &mut Value, pointer: &str, value: Value) -> Option<()> {
    if let Some(place) = json.pointer_mut(pointer) {
        *place = value;
        return Some(());
    }
    let (parent, name) = pointer.rsplit_once('/')?;
    let name = name.replace("~1", "/").replace("~0", "~");
    json.pointer_mut(parent)?
        .as_object_mut()?
        .insert(name, value);
    Some(())
}

/// Whether a JSON text has a number that a double does not hold to its last digit.
fn rounds(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let (mut quoted, mut escaped) = (false, false);
    let unquoted: String = text
        .chars()
        .map(|c| {
            let inside = quoted;
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = quoted,
                '"' => quoted = !quoted,
                _ => {}
            }
            if inside || c == '"' { ' ' } else { c }
        })
        .collect();
    let numbers = unquoted.split(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c)));
    numbers
        .filter(|number| number.parse::<i64>().is_err() && number.parse::<u64>().is_err())
        .any(|number| number.bytes().filter(u8::is_ascii_digit).count() > 15)
}

/// Line by line; JSON is laid out first, where that hides nothing.
fn difference(before: &[u8], after: &[u8]) -> String {
    let (one, other) = match (laid_out(before), laid_out(after)) {
        (Some(one), Some(other)) if one != other => (one, other),
        _ => (
            String::from_utf8_lossy(before).into_owned(),
            String::from_utf8_lossy(after).into_owned(),
        ),
    };
    let diff = TextDiff::from_lines(&one, &other);
    diff.unified_diff()
        .context_radius(3)
        .header("before", "after")
        .to_string()
}

/// JSON over several lines, as people edit it; `None` where it is none, or a number of it
/// would be rounded.
pub fn laid_out(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body)
        .ok()
        .filter(|_| !rounds(body))?;
    let text = serde_json::to_string_pretty(&value).ok()?;
    Some(format!("{text}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(body: &str, pointer: &str, value: &str) -> Result<String, String> {
        let values = [(pointer.to_owned(), value.to_owned())];
        let mended = with_values(body.as_bytes(), &values).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(mended.to_vec()).unwrap())
    }

    #[test]
    fn values_are_put_where_a_pointer_leads() {
        let body = r#"{"payload":{"n":1}}"#;
        assert_eq!(
            set(body, "/payload/n", "2").unwrap(),
            r#"{"payload":{"n":2}}"#
        );
        // The order of keys is that of the JSON library as it is built.
        let mended: Value =
            serde_json::from_str(&set(body, "/payload/m", "text").unwrap()).unwrap();
        assert_eq!(
            mended,
            serde_json::json!({"payload": {"m": "text", "n": 1}})
        );
        assert_eq!(
            set(body, "/payload", "null").unwrap(),
            r#"{"payload":null}"#
        );
        assert!(
            set(body, "/missing/m", "1")
                .unwrap_err()
                .contains("no place")
        );
        assert!(set("no json", "/a", "1").unwrap_err().contains("no JSON"));
    }

    #[test]
    fn a_number_that_would_be_rounded_is_refused() {
        for exact in [
            r#"{"n":18446744073709551615}"#,
            r#"{"n":-1.5e3,"t":"1234567890123456789012"}"#,
        ] {
            assert!(set(exact, "/m", "1").is_ok(), "{exact}");
        }
        for rounded in [
            r#"{"n":123456789012345678901234}"#,
            r#"{"n":0.12345678901234567}"#,
        ] {
            assert!(
                set(rounded, "/m", "1").unwrap_err().contains("rounded"),
                "{rounded}"
            );
        }
    }

    #[test]
    fn a_diff_shows_the_lines_that_differ() {
        let diff = difference(br#"{"a":1,"b":2}"#, br#"{"a":1,"b":3}"#);
        assert!(diff.contains("-  \"b\": 2\n+  \"b\": 3"), "{diff}");
        let diff = difference(b"{\"a\":1}", b"{ \"a\":1}");
        assert!(diff.contains("+{ \"a\":1}"), "{diff}");
    }
}
