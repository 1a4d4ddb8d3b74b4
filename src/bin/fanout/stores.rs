//! The stores of the configured queues, to be asked: built like a worker's, connected when they
//! are first used.

use fanout::config::Loaded;
use fanout::operate::whereabouts::Stores;
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
            tracing::info!(queue, %problem, "the store of this queue cannot be asked");
        });
        stores.with(queue, processor.ok())
    })
}
