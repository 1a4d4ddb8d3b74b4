//! The laws every broker behind the seam (`fanout::broker::Broker`) keeps.
//!
//! RabbitMQ is the measure; the broker inside the process runs the same laws, so that what a
//! simulation proves holds for the real one. To join, a test binary names how a subject is
//! made and what a test looks like, and hands that to `broker_laws!`:
//!
//! ```ignore
//! async fn subject(topology: Topology) -> Subject { … }   // fresh, isolated, connected
//!
//! macro_rules! tests {
//!     ($($law:ident)*) => { $(
//!         #[tokio::test(start_paused = true)]
//!         async fn $law() {
//!             laws::$law(&subject(laws::topology()).await).await;
//!         }
//!     )* };
//! }
//! broker_laws!(tests);
//! ```
//!
//! Laws wait on tokio's clock only. Each gets a subject of its own.

mod consuming;
mod expiry;
mod publishing;
mod settling;
mod subject;

pub use consuming::*;
pub use expiry::*;
pub use publishing::*;
pub use settling::*;
pub use subject::{Operator, Subject, topology};

/// Calls `$tests!` with the names of all laws.
macro_rules! broker_laws {
    ($tests:ident) => {
        $tests! {
            a_confirmed_message_is_in_its_queue
            a_message_no_queue_takes_is_returned_and_its_neighbours_are_confirmed
            a_missing_exchange_is_told_and_harms_no_neighbour
            a_full_queue_refuses_the_publisher
            a_refusal_by_one_queue_of_a_fanout_leaves_the_message_with_the_others
            a_fanout_exchange_reaches_every_bound_queue_once
            a_topic_exchange_reaches_what_matches_and_returns_the_rest
            properties_headers_and_body_arrive_as_they_were_sent
            what_would_close_the_channel_is_invalid
            a_closed_broker_neither_publishes_nor_consumes
            deliveries_come_in_order_with_tags_from_one
            prefetch_bounds_what_is_unsettled
            a_queue_that_is_not_there_is_told
            after_cancel_the_stream_ends_and_what_is_unsettled_can_be_settled
            deleting_a_queue_ends_the_stream_and_consuming_again_declares_it
            a_multiple_ack_settles_everything_up_to_its_tag
            a_single_ack_leaves_what_is_below_its_tag
            a_requeued_message_comes_next_redelivered_and_counted
            a_classic_queue_counts_no_deliveries
            a_closed_channel_gives_back_in_order
            a_dropped_subscription_gives_back
            an_unknown_tag_closes_the_channel_and_gives_back
            acknowledging_twice_closes_the_channel
            an_expired_message_comes_back_to_the_queue_it_is_routed_to
            expiry_happens_at_the_head_only
            what_was_only_looked_at_begins_anew_in_the_queue_it_expires_to
            what_is_handed_out_does_not_expire
        }
    };
}
pub(crate) use broker_laws;
