//! Waiting for what is newer than the last look. It keeps no handle alive.

use std::sync::{Arc, Weak};

use crate::engine::{Engine, block_on};
use crate::latest::Latest;
use crate::query::Snapshot;
use crate::store::Readers;
use crate::version::Version;

/// Snapshots as the database changes; made by [`Db::changes`](crate::Db::changes).
///
/// Changes that come while nobody asks are passed over: each call gives the newest state. It does not keep the
/// database open.
#[derive(Debug)]
pub struct Changes {
    latest: Arc<Latest<Version>>,
    readers: Weak<Readers>,
    nonce: u64,
    seen: u64,
}

impl Changes {
    pub(super) fn new(engine: &Engine) -> Self {
        let latest = Arc::clone(engine.latest());
        let readers = engine.readers().map_or_else(Weak::new, |readers| Arc::downgrade(&readers));
        Self { seen: latest.number(), latest, readers, nonce: engine.nonce }
    }

    /// Waits for a change since the last call, or since this was made: the newest snapshot, or `None` once the
    /// database is closed.
    pub async fn next(&mut self) -> Option<Snapshot> {
        let (number, version) = self.latest.changed(self.seen).await?;
        self.seen = number;
        // Without them it was closed meanwhile: a snapshot that cannot read would be no answer.
        let readers = self.readers.upgrade()?;
        Some(Snapshot::new(version, Some(readers), self.nonce))
    }

    /// The blocking twin of [`next`](Self::next).
    pub fn next_blocking(&mut self) -> Option<Snapshot> {
        block_on(self.next())
    }
}
