//! Settings of what there are several of: queues, exchanges, bindings, routes, kinds.

use std::time::Duration;

use super::super::form::Form;
use super::super::value::{EXCHANGE_KINDS, QUEUE_TYPES};
use super::super::{Binding, ExchangeConfig, FollowUpRoute, QueueConfig};
use super::{Field, HOUR, LONGEST_TTL, MS, SHORTEST_CALL};

/// Below `queues.KEY`.
pub(in crate::config) static QUEUE: &[Field<QueueConfig>] = &[
    Field::<QueueConfig>::new("name", Form::Text, |q| &mut q.name, "name at the broker"),
    Field::<QueueConfig>::new(
        "processor",
        Form::Text,
        |q| &mut q.processor,
        "name of the registered processor",
    ),
    Field::<QueueConfig>::new(
        "dead_letter",
        Form::Text,
        |q| &mut q.dead_letter,
        "dead-letter queue; several queues may share one",
    ),
    Field::<QueueConfig>::new(
        "retry_delays",
        Form::List(&Form::Time(Duration::ZERO, LONGEST_TTL)),
        |q| &mut q.retry_delays,
        "delay of each retry stage; 0s = straight to the end of the queue; a delay may stand \
         twice, the two stages then share a queue; none = no retries",
    )
    .variable("FANOUT_RETRY_DELAYS"),
    Field::<QueueConfig>::new(
        "type",
        Form::Word(QUEUE_TYPES),
        |q| &mut q.queue_type,
        "queue type; classic does not count deliveries, so crash suspects cannot be told",
    ),
    Field::<QueueConfig>::new(
        "message_ttl",
        Form::OrWord(&Form::Time(MS, LONGEST_TTL), "never"),
        |q| &mut q.message_ttl,
        "what waits longer expires and is dead-lettered",
    ),
    Field::<QueueConfig>::new(
        "max_length_bytes",
        Form::OrWord(&Form::Size(1 << 20, 1 << 50), "unlimited"),
        |q| &mut q.max_length_bytes,
        "what goes beyond is refused to the publisher",
    ),
    Field::<QueueConfig>::new(
        "in_flight",
        Form::Whole(1, 64),
        |q| &mut q.in_flight,
        "batches of a lane between dispatch and acknowledgement",
    ),
    Field::<QueueConfig>::new(
        "prefetch",
        Form::OrWord(&Form::Whole(1, 65_535), "auto"),
        |q| &mut q.prefetch,
        "unacknowledged deliveries a lane holds; auto = 2 x batch.max_events x in_flight; below \
         batch.max_events it lowers the batch; flag --prefetch",
    ),
    Field::<QueueConfig>::new(
        "deadline",
        Form::Time(SHORTEST_CALL, HOUR),
        |q| &mut q.deadline,
        "deadline of one call of the processor, at most a third of worker.consumer_timeout",
    ),
    Field::<QueueConfig>::new(
        "suspect_after",
        Form::Whole(2, 100_000),
        |q| &mut q.suspect_after,
        "deliveries of one message after which it is a crash suspect",
    ),
    Field::<QueueConfig>::new(
        "suspect_limit",
        Form::Whole(1, 100_000),
        |q| &mut q.suspect_limit,
        "deliveries from the suspect queue after which it is dead-lettered",
    ),
    Field::<QueueConfig>::new(
        "batch.max_events",
        Form::Whole(1, 50_000),
        |q| &mut q.batch.max_events,
        "events of a batch at most",
    ),
    Field::<QueueConfig>::new(
        "batch.max_bytes",
        Form::Size(1 << 10, 512 << 20),
        |q| &mut q.batch.max_bytes,
        "bytes of all bodies of a batch at most; a larger event is a batch of its own",
    ),
    Field::<QueueConfig>::new(
        "batch.max_wait",
        Form::Time(Duration::ZERO, Duration::from_secs(60)),
        |q| &mut q.batch.max_wait,
        "longest wait for more events; the runtime waits less when idle, and five times as long while a batch of the lane is under way",
    ),
];

/// Each of `exchanges`.
pub(in crate::config) static EXCHANGE: &[Field<ExchangeConfig>] = &[
    Field::<ExchangeConfig>::new("name", Form::Text, |e| &mut e.name, "name at the broker")
        .required(),
    Field::<ExchangeConfig>::new(
        "kind",
        Form::Word(EXCHANGE_KINDS),
        |e| &mut e.kind,
        "fanout: every bound queue gets every message; topic: what matches its patterns",
    ),
];

pub(in crate::config) const BINDINGS_DOC: &str = "exchanges the queue is bound to, with routing \
     keys or patterns; a fanout exchange ignores them; unset = the first exchange, all keys";
pub(in crate::config) const BINDINGS_RULE: &str = "a list of tables of exchange and keys";

/// Each of `queues.KEY.bindings`.
pub(in crate::config) static BINDING: &[Field<Binding>] = &[
    Field::<Binding>::new(
        "exchange",
        Form::Text,
        |b| &mut b.exchange,
        "one of the configured exchanges",
    )
    .required(),
    Field::<Binding>::new(
        "keys",
        Form::List(&Form::Text),
        |b| &mut b.keys,
        "routing keys or patterns (*.created, payment.*); a fanout exchange ignores them",
    ),
];

/// Below `follow_ups.KIND`.
pub(in crate::config) static FOLLOW_UP: &[Field<FollowUpRoute>] = &[
    Field::<FollowUpRoute>::new(
        "exchange",
        Form::Text,
        |r| &mut r.exchange,
        "exchange that follow-up events of this kind go to",
    )
    .required(),
    Field::<FollowUpRoute>::new(
        "routing_key",
        Form::Text,
        |r| &mut r.routing_key,
        "their routing key; unset = the kind",
    ),
];

/// Below `codec.kinds.KIND`.
pub(in crate::config) static KIND: &[Field<Vec<String>>] = &[Field::<Vec<String>>::new(
    "id_fields",
    Form::List(&Form::Text),
    |fields| fields,
    "like codec.id_fields, for events of this kind: a business key such as order_id",
)
.required()];
