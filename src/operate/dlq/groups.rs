//! Dead letters counted by what they have in common.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

use super::fingerprint::{group_id, normalised};
use super::letter::DeadLetter;

/// Groups kept; what belongs to further ones is counted together.
const MOST: usize = 1000;

/// Dead letters of one origin, reason, kind and error.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// Short id that other commands take.
    pub id: String,
    /// How many.
    pub count: u64,
    /// Queue of origin.
    pub queue: Option<String>,
    /// Reason code.
    pub reason: String,
    /// Kind of the events.
    pub kind: Option<String>,
    /// The error, numbers, ids and quoted texts left out.
    pub error: String,
    /// When the first of them was dead-lettered.
    #[serde(serialize_with = "super::stamp::option::serialize")]
    pub oldest: Option<Timestamp>,
    /// When the last of them was dead-lettered.
    #[serde(serialize_with = "super::stamp::option::serialize")]
    pub newest: Option<Timestamp>,
    /// Id of one of them.
    pub example: String,
    /// How many came back from a replay.
    pub replayed: u64,
}

/// All groups, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Groups {
    /// Dead letters ready in the queues looked into.
    pub ready: u64,
    /// Dead letters read.
    pub looked_at: u64,
    /// Somebody else held some of them, so that they could not be read.
    pub incomplete: bool,
    /// The groups.
    pub groups: Vec<Group>,
    /// Dead letters of further groups, beyond the 1,000 that are kept.
    pub other: u64,
}

type Key = (Option<String>, String, Option<String>, String);

/// Groups in the making.
#[derive(Debug, Default)]
pub(super) struct Grouping {
    groups: HashMap<Key, Group>,
    other: u64,
}

impl Grouping {
    pub(super) fn add(&mut self, letter: DeadLetter) {
        let error = normalised(&letter.error);
        let key = (letter.origin, letter.reason, letter.kind, error);
        let at = letter.dead_lettered_at;
        if self.groups.len() >= MOST && !self.groups.contains_key(&key) {
            self.other += 1;
            return;
        }
        let group = self
            .groups
            .entry(key)
            .or_insert_with_key(|key| Group::new(key, letter.id));
        group.count += 1;
        group.replayed += u64::from(letter.replayed_by.is_some());
        group.oldest = group.oldest.into_iter().chain(at).min();
        group.newest = group.newest.into_iter().chain(at).max();
    }

    pub(super) fn finish(self) -> (Vec<Group>, u64) {
        let mut groups: Vec<_> = self.groups.into_values().collect();
        groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.id.cmp(&b.id)));
        (groups, self.other)
    }
}

impl Group {
    fn new((queue, reason, kind, error): &Key, example: String) -> Self {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        Self {
            id: group_id(&text(queue), reason, &text(kind), error),
            count: 0,
            queue: queue.clone(),
            reason: reason.clone(),
            kind: kind.clone(),
            error: error.clone(),
            oldest: None,
            newest: None,
            example,
            replayed: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Message;
    use crate::codec::Codec;
    use crate::config::Config;

    fn letter(error: &str, second: i64) -> DeadLetter {
        let config = Config::default();
        let codec = Codec::from_config(&config);
        let mut letter = DeadLetter::read("events.dlq", Message::default(), &codec, &config);
        letter.error = error.to_owned();
        letter.dead_lettered_at = Timestamp::from_second(second).ok();
        letter
    }

    #[test]
    fn what_differs_in_numbers_only_is_one_group_with_its_span() {
        let mut grouping = Grouping::default();
        for (error, second) in [("user 1 is bad", 5), ("user 22 is bad", 9), ("other", 7)] {
            grouping.add(letter(error, second));
        }
        let (groups, other) = grouping.finish();
        assert_eq!((groups.len(), other), (2, 0));
        let first = &groups[0];
        assert_eq!((first.count, first.error.as_str()), (2, "user # is bad"));
        assert_eq!(first.id, letter("user 7 is bad", 1).group());
        let span = (first.oldest.unwrap(), first.newest.unwrap());
        assert_eq!((span.0.as_second(), span.1.as_second()), (5, 9));
    }

    #[test]
    fn groups_are_bounded_and_the_rest_is_counted() {
        let mut grouping = Grouping::default();
        for n in 0..MOST + 10 {
            let word: String = n.to_string().bytes().map(|b| char::from(b + 49)).collect();
            grouping.add(letter(&word, 1));
        }
        grouping.add(letter("b", 1));
        let (groups, other) = grouping.finish();
        assert_eq!((groups.len(), other), (MOST, 10));
        assert_eq!(groups.iter().map(|g| g.count).sum::<u64>() + other, 1011);
    }
}
