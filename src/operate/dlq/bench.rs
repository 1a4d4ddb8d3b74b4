//! The workbench itself: what is looked into, and by whom.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use jiff::Timestamp;

use super::applied::InStores;
use super::audit::Audit;
use super::error::DlqError;
use super::filter::Filter;
use super::groups::{Grouping, Groups};
use super::letter::DeadLetter;
use super::looked::Looked;
use super::page::{Listing, Page};
use super::walk::Walk;
use crate::broker::{Broker, Message};
use crate::codec::Codec;
use crate::config::Config;
use crate::operate::whereabouts::Stores;

/// Dead letters whose ids are asked for in one go.
pub(super) const CHUNK: usize = 100;

/// Told how far a long run is.
pub trait Progress: Send {
    /// `looked_at` of `ready` dead letters were read, `done` replayed, redirected or purged.
    fn at(&mut self, looked_at: u64, ready: u64, done: u64);
}

impl Progress for () {
    fn at(&mut self, _: u64, _: u64, _: u64) {}
}

/// Knows which dead letters are applied in their projection all the same.
pub trait Applied: Send + Sync {
    /// For each dead letter, whether its event is applied where it was bound for; `false`
    /// where that cannot be known. At most 100 at once.
    ///
    /// # Errors
    /// The projection cannot be asked, for people.
    fn applied<'a>(
        &'a self,
        letters: &'a [&'a DeadLetter],
    ) -> BoxFuture<'a, Result<Vec<bool>, String>>;
}

/// Looks into the dead-letter queues of a configuration, and mends what lies in them.
///
/// Looking consumes nothing: what is read goes back in its order. While a call reads, others
/// see less of the queue. At a quorum queue each look counts one delivery of the million that
/// its limit allows.
#[derive(Clone)]
pub struct Workbench {
    pub(super) broker: Arc<dyn Broker>,
    pub(super) config: Arc<Config>,
    pub(super) codec: Arc<Codec>,
    pub(super) queues: Vec<String>,
    pub(super) audit: Audit,
    pub(super) applied: Option<Arc<dyn Applied>>,
}

impl std::fmt::Debug for Workbench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workbench")
            .field("queues", &self.queues)
            .finish_non_exhaustive()
    }
}

impl Workbench {
    /// A workbench over all dead-letter queues of the configuration. `who` stands in the
    /// audit log, which is the file `dlq.audit_file`.
    pub fn new(broker: Arc<dyn Broker>, config: &Config, who: impl Into<String>) -> Self {
        let queues: BTreeSet<_> = config
            .queues
            .values()
            .map(|q| q.dead_letter.clone())
            .collect();
        Self {
            broker,
            codec: Arc::new(Codec::from_config(config)),
            queues: queues.into_iter().collect(),
            audit: Audit::new(&config.dlq.audit_file, who),
            config: Arc::new(config.clone()),
            applied: None,
        }
    }

    /// The same for one dead-letter queue.
    ///
    /// # Errors
    /// It is none of the configuration.
    pub fn only(mut self, dlq: &str) -> Result<Self, DlqError> {
        self.queues.retain(|queue| queue == dlq);
        match self.queues.is_empty() {
            true => Err(DlqError::NoSuchQueue(dlq.to_owned())),
            false => Ok(self),
        }
    }

    /// The same for somebody else.
    #[must_use]
    pub fn by(&self, who: &str) -> Self {
        Self {
            audit: self.audit.by(who),
            ..self.clone()
        }
    }

    /// Leaves out of a replay what is applied already.
    #[must_use]
    pub fn with_applied(self, applied: Arc<dyn Applied>) -> Self {
        Self {
            applied: Some(applied),
            ..self
        }
    }

    /// The same, with these stores as those that know.
    #[must_use]
    pub fn with_stores(self, stores: Stores) -> Self {
        let applied = InStores::new(stores, &self.config);
        self.with_applied(Arc::new(applied))
    }

    /// The audit log.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The dead-letter queues looked into.
    pub fn queues(&self) -> &[String] {
        &self.queues
    }

    /// The filter with the keys of queues replaced by their names at the broker.
    #[must_use]
    pub fn resolved(&self, mut filter: Filter) -> Filter {
        for queue in &mut filter.queue {
            if let Some(known) = self.config.queues.get(queue) {
                queue.clone_from(&known.name);
            }
        }
        filter
    }

    /// The name at the broker of a queue given by its key or name.
    pub fn queue_name(&self, queue: &str) -> String {
        let known = self.config.queues.get(queue);
        known.map_or_else(|| queue.to_owned(), |known| known.name.clone())
    }

    pub(super) fn read(&self, dlq: &str, message: Message) -> DeadLetter {
        DeadLetter::read(dlq, message, &self.codec, &self.config)
    }

    /// A page of the dead letters that match, oldest first, without their bodies.
    ///
    /// # Errors
    /// The broker cannot be asked, or has no such queue.
    pub async fn list(
        &self,
        filter: &Filter,
        page: Page,
        progress: &mut dyn Progress,
    ) -> Result<Looked<Listing>, DlqError> {
        let (mut listing, mut walks) = (Listing::default(), Vec::new());
        let mut before = page.offset;
        for dlq in &self.queues {
            let mut walk = Walk::begin(self.broker.clone(), dlq).await?;
            listing.ready += walk.ready();
            listing.more |= walk.ready() > 0 && listing.letters.len() >= page.limit;
            while listing.letters.len() < page.limit
                && let Some(held) = walk.next().await?
            {
                progress.at(walk.seen(), walk.ready(), 0);
                let mut letter = self.read(dlq, held.delivery.message);
                if !filter.matches(&letter) {
                    continue;
                }
                if before > 0 {
                    before -= 1;
                    continue;
                }
                letter.message.body = bytes::Bytes::new();
                listing.letters.push(letter);
            }
            listing.more |= listing.letters.len() >= page.limit && walk.seen() < walk.ready();
            listing.looked_at += walk.seen();
            listing.incomplete |= walk.is_incomplete();
            walks.push(walk);
        }
        Ok(Looked {
            found: listing,
            walks,
        })
    }

    /// The dead letters that match, counted by origin, reason, kind and error.
    ///
    /// # Errors
    /// The broker cannot be asked, or has no such queue.
    pub async fn group(
        &self,
        filter: &Filter,
        progress: &mut dyn Progress,
    ) -> Result<Groups, DlqError> {
        let (mut groups, mut grouping) = (Groups::default(), Grouping::default());
        for dlq in &self.queues {
            let mut walk = Walk::begin(self.broker.clone(), dlq).await?;
            while let Some(held) = walk.next().await? {
                progress.at(walk.seen(), walk.ready(), 0);
                let letter = self.read(dlq, held.delivery.message);
                if filter.matches(&letter) {
                    grouping.add(letter);
                }
            }
            groups.ready += walk.ready();
            groups.looked_at += walk.seen();
            groups.incomplete |= walk.is_incomplete();
            walk.close().await?;
        }
        (groups.groups, groups.other) = grouping.finish();
        Ok(groups)
    }

    /// For each of these whether its event is applied where it was bound for; `None` where
    /// nobody knows.
    pub async fn applied_among(&self, letters: &[DeadLetter]) -> Vec<Option<bool>> {
        let mut known = Vec::new();
        for some in letters.chunks(CHUNK) {
            let asked: Vec<_> = some.iter().collect();
            let answer = match &self.applied {
                Some(applied) => applied.applied(&asked).await.ok(),
                None => None,
            };
            let of = |index| answer.as_ref()?.get(index).copied();
            known.extend((0..some.len()).map(of));
        }
        known
    }

    /// The oldest dead letter of an event, with its body.
    ///
    /// # Errors
    /// There is none; or the broker cannot be asked.
    pub async fn show(
        &self,
        id: &str,
        progress: &mut dyn Progress,
    ) -> Result<Looked<DeadLetter>, DlqError> {
        let (filter, mut walks) = (Filter::id(id), Vec::new());
        for dlq in &self.queues {
            let mut walk = Walk::begin(self.broker.clone(), dlq).await?;
            let mut found = None;
            while found.is_none()
                && let Some(held) = walk.next().await?
            {
                progress.at(walk.seen(), walk.ready(), 0);
                let letter = self.read(dlq, held.delivery.message);
                found = Some(letter).filter(|letter| filter.matches(letter));
            }
            walks.push(walk);
            if let Some(found) = found {
                return Ok(Looked { found, walks });
            }
        }
        let found = ();
        Looked { found, walks }.give_back().await?;
        Err(DlqError::NotFound(id.to_owned()))
    }
}

/// An id for a run: the time, and something at random.
pub(super) fn run_id() -> String {
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    format!("{now}-{:04x}", fastrand::u16(..))
}
