//! How bytes become events.

use std::collections::BTreeMap;

/// What happens to an event without any id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingId {
    /// Each delivery is an event of its own; a redelivery after a crash may count twice.
    Assign,
    /// Dead-lettered as `missing-id`.
    Reject,
}

/// What happens to an event whose kind no projection knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownKind {
    /// Acknowledged and counted.
    Skip,
    /// Dead-lettered as `unknown-kind`.
    DeadLetter,
}

/// How bytes become events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecConfig {
    /// Top-level body fields that may hold the id, in order.
    /// Default `eventId`, `event_id`, `id`.
    pub id_fields: Vec<String>,
    /// The same for single kinds, where a business key such as `order_id` is the id.
    pub id_fields_by_kind: BTreeMap<String, Vec<String>>,
    /// Default assign.
    pub missing_id: MissingId,
    /// Default skip.
    pub unknown_kind: UnknownKind,
}

impl Default for CodecConfig {
    fn default() -> Self {
        Self {
            id_fields: ["eventId", "event_id", "id"].map(str::to_owned).to_vec(),
            id_fields_by_kind: BTreeMap::new(),
            missing_id: MissingId::Assign,
            unknown_kind: UnknownKind::Skip,
        }
    }
}
