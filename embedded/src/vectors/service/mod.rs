//! The protocol's services. Each call is moved to a thread that may block, and waits for one
//! of a bounded number of slots.

mod change;
mod collections;
mod health;
mod look_up;
mod points;
mod search;

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::convert::unsupported;
use super::store::Store;

/// Calls at work at once. More would only wait for the same locks and cores; each holds a
/// message of bounded size.
const SLOTS: usize = 16;

/// All three services over one store.
#[derive(Clone)]
pub(super) struct Service {
    store: Arc<Store>,
    slots: Arc<Semaphore>,
}

impl Service {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            slots: Arc::new(Semaphore::new(SLOTS)),
        }
    }

    /// Does blocking work, and says how many seconds it took.
    ///
    /// *Cancellation*: work that has begun is finished all the same.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, Status> + Send + 'static,
    ) -> Result<(T, f64), Status> {
        let began = Instant::now();
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        let slot = slot.map_err(|_| Status::unavailable("the server is stopping"))?;
        let store = Arc::clone(&self.store);
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&store);
            drop(slot);
            done
        });
        let done = done.await.map_err(|error| {
            tracing::error!(%error, "the vector engine panicked");
            Status::internal("Service internal error: the engine panicked")
        })??;
        Ok((done, began.elapsed().as_secs_f64()))
    }
}

/// What a call without implementation answers.
fn refuse<'a, T, U: Send + 'a>(
    _: Request<T>,
    call: &'static str,
) -> BoxFuture<'a, Result<Response<U>, Status>> {
    Box::pin(async move { Err(unsupported(call)) })
}

/// The calls of a service that it refuses, in the form that `async_trait` gives the others.
macro_rules! refused {
    ($($name:ident: $request:ident => $response:ident;)*) => {$(
        fn $name<'s, 'f>(
            &'s self,
            request: tonic::Request<qdrant_client::qdrant::$request>,
        ) -> futures::future::BoxFuture<
            'f,
            Result<tonic::Response<qdrant_client::qdrant::$response>, tonic::Status>,
        >
        where
            's: 'f,
            Self: 'f,
        {
            crate::vectors::service::refuse(request, stringify!($name))
        }
    )*};
}
use refused;
