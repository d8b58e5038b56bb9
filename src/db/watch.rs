//! Watch on an open database. It does not keep the database open.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Weak};

use crate::engine::store::ReadContext;
use crate::engine::threads::block_on;
use crate::platform::env::OwnerProcess;
use crate::query::{Runtime, Snapshot};
use crate::state::version::Version;
use crate::state::watch::Watch;

/// Watch on a database, which waits for newer snapshots; made by [`Db::watch`](crate::Db::watch).
///
/// Changes between two calls are skipped: each call returns the newest state. A watch does not keep the database open.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use timestrata::{Batch, Db, SeriesKey, Timestamp};
///
/// let db = Db::open_blocking(dir.path().join("db"))?;
/// let mut watch = db.watch();
/// let mut batch = Batch::new();
/// batch.push_key(&SeriesKey::new("load"), Timestamp::from_secs(1), 0.5);
/// let ack = db.write_blocking(batch)?;
/// assert_eq!(watch.next_blocking().map(|snapshot| snapshot.seq()), Some(ack.seq));
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug)]
pub struct SnapshotWatch {
    latest: Arc<Watch<Version>>,
    read_context: Weak<ReadContext>,
    opening_id: u64,
    seen_revision: u64,
    owner: OwnerProcess,
    runtime: Runtime,
}

// See `Db`: a watch only loads whole versions.
impl UnwindSafe for SnapshotWatch {}
impl RefUnwindSafe for SnapshotWatch {}

impl SnapshotWatch {
    pub(super) fn new(
        latest: Arc<Watch<Version>>,
        read_context: Weak<ReadContext>,
        opening_id: u64,
        owner: OwnerProcess,
        runtime: Runtime,
    ) -> Self {
        // In a forked child no lock may be taken, and nothing is published.
        let seen_revision = if owner.is_current() { latest.revision() } else { 0 };
        Self { latest, read_context, opening_id, seen_revision, owner, runtime }
    }

    /// Waits for a change since the last call and returns the newest snapshot.
    ///
    /// The first call waits for a change since the watch was created. Returns `None` once the database is closed.
    /// Dropping the future loses no change.
    pub async fn next(&mut self) -> Option<Snapshot> {
        // In a forked child nothing is published.
        self.owner.check().ok()?;
        let (revision, version) = self.latest.changed(self.seen_revision).await?;
        self.seen_revision = revision;
        // Without the context the database was closed meanwhile, and its files cannot be read.
        let read_context = self.read_context.upgrade()?;
        Some(Snapshot::new(version, Some(read_context), self.opening_id, self.owner, self.runtime.clone()))
    }

    /// Blocking variant of [`next`](Self::next).
    pub fn next_blocking(&mut self) -> Option<Snapshot> {
        block_on(self.next())
    }
}
