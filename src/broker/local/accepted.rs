//! What the broker takes from a client at all, whatever its queues say.

use crate::broker::wire::{self, Limits};
use crate::broker::{Message, PublishError};

const LIMITS: Limits<'static> = Limits {
    // Every client is this user; RabbitMQ closes the channel on any other `user_id`.
    user: "guest",
    // RabbitMQ 4's own default.
    body: 16 * 1024 * 1024,
    // The `frame_max` RabbitMQ negotiates, less what dead-lettering may add.
    headers: (128 - 8) * 1024,
};

pub(super) fn check(message: &Message) -> Result<(), PublishError> {
    wire::check(message, LIMITS)
}
