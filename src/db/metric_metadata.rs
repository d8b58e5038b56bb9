//! Changes of the metadata of metrics.

use super::Db;
use crate::engine::actor::{Ack, WriterCommand};
use crate::engine::threads::block_on;
use crate::state::metric_metadata::MetadataChange;
use crate::types::error::Result;
use crate::types::metric_metadata::{MetricMetadata, check_metric_name};

impl Db {
    /// Stores kind, unit and description of a metric, in place of those that it had.
    ///
    /// Empty metadata ([`MetricMetadata::is_empty`]) remove what is stored. The metric needs no series, and metadata stay
    /// when its series go. A change has its place in the order of writes and is as durable as the writes of the database
    /// are; metadata that are stored already write nothing. Snapshots show them:
    /// [`Snapshot::metric_metadata`](crate::Snapshot::metric_metadata).
    ///
    /// # Errors
    /// [`Error::InvalidName`](crate::Error::InvalidName) and [`Error::TooLarge`](crate::Error::TooLarge), of kind
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), for a metric name, unit or description that breaks a rule, and
    /// if the names, units and descriptions of all metrics would exceed 4 MiB; those of [`write`](Self::write) that
    /// concern the database.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Db, MetricKind, MetricMetadata};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let metadata = MetricMetadata::new(MetricKind::Counter).with_unit("bytes").with_description("received");
    /// db.set_metric_metadata_blocking("net_received_bytes", metadata)?;
    /// assert_eq!(db.snapshot().metric_metadata("net_received_bytes").unwrap().unit, "bytes");
    /// db.set_metric_metadata_blocking("net_received_bytes", MetricMetadata::default())?;
    /// assert_eq!(db.snapshot().list_metric_metadata(), []);
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub async fn set_metric_metadata(&self, metric: impl Into<String>, metadata: MetricMetadata) -> Result<Ack> {
        self.engine.check_owner()?;
        let change = MetadataChange { metric: metric.into(), metadata };
        check_metric_name(&change.metric)?;
        change.metadata.validate()?;
        self.request(|reply| WriterCommand::SetMetadata { change, reply }).await
    }

    /// Blocking variant of [`set_metric_metadata`](Self::set_metric_metadata).
    ///
    /// # Errors
    /// As for `set_metric_metadata`.
    pub fn set_metric_metadata_blocking(&self, metric: impl Into<String>, metadata: MetricMetadata) -> Result<Ack> {
        block_on(self.set_metric_metadata(metric, metadata))
    }
}
