//! The stores of the configured queues, to be asked: built like a worker's, connected when they
//! are first used.

use fanout::config::Loaded;
use fanout::operate::whereabouts::Stores;
use fanout::telemetry::log;
use fanout::worker::Worker;

use crate::registry;

/// The stores. One that cannot be built, such as that of a processor in another program, is
/// there and cannot tell; why stands in the log.
pub(crate) fn of(loaded: &Loaded) -> Stores {
    let worker = registry::processors(Worker::new("fanout"));
    let keys = loaded.config.queues.keys();
    keys.fold(Stores::new(), |stores, queue| {
        let built = worker.build(&loaded.config, &loaded.origins, queue);
        let processor = built.inspect_err(|problem| {
            log::store_cannot_be_asked(queue, problem);
        });
        stores.with(queue, processor.ok())
    })
}
