//! Who owns the file: a thread of its own, so that no disk ever blocks the async runtime.

use tokio::sync::{mpsc, oneshot, watch};

use super::record::SetAside;
use super::store::{Batch, Found, Page, Store};
use crate::redb_file::{StoreError, guarded};

/// Who wants to see what was set aside, and how much of it.
pub(in super::super) type AsideQuestion = (usize, oneshot::Sender<Result<Vec<SetAside>, String>>);

/// What is asked of the file in one go.
#[derive(Debug, Default)]
pub(in super::super) struct Job {
    /// Written and synchronised, also where it is empty.
    pub(in super::super) batch: Batch,
    /// Read before it.
    pub(in super::super) page: Option<Page>,
    pub(in super::super) aside: Vec<AsideQuestion>,
}

/// What came of a job.
#[derive(Debug)]
pub(in super::super) struct Answer {
    /// The batch comes back: what failed is tried again.
    pub(in super::super) batch: Batch,
    pub(in super::super) written: Result<(), StoreError>,
    pub(in super::super) page: Option<Result<Vec<Found>, StoreError>>,
}

/// Takes one job after the other.
pub(in super::super) enum Storage {
    /// In its thread.
    Thread {
        jobs: std::sync::mpsc::Sender<Job>,
        ended: watch::Receiver<bool>,
    },
    /// In the caller: for tests on a paused clock, which must not wait for another thread.
    #[cfg(test)]
    Inline {
        store: Option<Store>,
        answers: mpsc::UnboundedSender<Answer>,
    },
}

impl Storage {
    /// Starts the thread; `keep` is dropped once the file is closed.
    pub(super) fn spawn(
        mut store: Store,
        keep: impl Send + 'static,
    ) -> std::io::Result<(Self, mpsc::UnboundedReceiver<Answer>)> {
        let (jobs, queue) = std::sync::mpsc::channel::<Job>();
        let (answers, received) = mpsc::unbounded_channel();
        let (end, ended) = watch::channel(false);
        std::thread::Builder::new()
            .name("fanout-spool".to_owned())
            .spawn(move || {
                while let Ok(job) = queue.recv() {
                    // Nobody listens where the publisher was dropped.
                    let _ = answers.send(serve(&mut store, job));
                }
                store.close();
                drop(keep);
                let _ = end.send(true);
            })?;
        Ok((Self::Thread { jobs, ended }, received))
    }

    #[cfg(test)]
    pub(super) fn inline(store: Store) -> (Self, mpsc::UnboundedReceiver<Answer>) {
        let (answers, received) = mpsc::unbounded_channel();
        let store = Some(store);
        (Self::Inline { store, answers }, received)
    }

    /// `false` where the thread is gone.
    pub(in super::super) fn submit(&mut self, job: Job) -> bool {
        match self {
            Self::Thread { jobs, .. } => jobs.send(job).is_ok(),
            #[cfg(test)]
            Self::Inline { store, answers } => match store {
                Some(store) => answers.send(serve(store, job)).is_ok(),
                None => false,
            },
        }
    }

    /// Ends it; resolves once the file is closed.
    pub(in super::super) async fn close(self) {
        match self {
            Self::Thread { jobs, mut ended } => {
                drop(jobs);
                // An error means that the thread has ended.
                let _ = ended.wait_for(|ended| *ended).await;
            }
            #[cfg(test)]
            Self::Inline { store, .. } => {
                if let Some(store) = store {
                    store.close();
                }
            }
        }
    }
}

fn serve(store: &mut Store, job: Job) -> Answer {
    let page = job.page.map(|page| guarded(|| store.page(page)));
    for (limit, reply) in job.aside {
        let found = guarded(|| store.aside(limit)).map_err(|e| e.to_string());
        // The asker may have gone.
        let _ = reply.send(found);
    }
    let written = if job.batch.is_empty() && page.is_some() {
        Ok(())
    } else {
        guarded(|| store.write(&job.batch))
    };
    Answer {
        batch: job.batch,
        written,
        page,
    }
}
