//! Builder of a commit group: assigns seqs to its commands and resolves their series.
//!
//! The builder works on copies of the newest seq and of the series index, so that the version does not change before
//! the group is in the WAL. A command that it accepts can fail only in storage.

use super::batch_resolver::{BatchRejection, ResolvedBatch, resolve_batch};
use super::group_commit::{CommitGroup, PendingReply, PreparedCommand};
use super::messages::{DeleteRequest, QueuedCommand, WriteRequest, WriterCommand};
use crate::state::metric_metadata::{MetadataChange, MetadataMap};
use crate::state::series_index::{NewSeriesSettings, SeriesIndex, SeriesLookup};
use crate::state::tombstone::Tombstone;
use crate::state::version::{Cutoffs, Version};
use crate::sync::{Arc, Permit};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::options::Durability;
use crate::types::point::{Batch, Timestamp, ValueType};
use crate::types::rejected_point::RejectReason;
use crate::types::series::{SeriesId, SeriesInfo, SeriesKey, SeriesSet};

/// Options that apply to the commands of a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupSettings {
    pub(super) max_series: u32,
    /// Maximum number of tags of a new series.
    pub(super) max_tags: usize,
    /// Maximum length of the texts of all series keys, in bytes.
    pub(super) max_series_key_bytes: u64,
    /// Duplicate policy of series that are created without one.
    pub(super) duplicates: DuplicatePolicy,
    /// Durability of deletes and of created series.
    pub(super) durability: Durability,
    /// Reject batches with a point that a cutoff would hide at once.
    pub(super) reject_behind_cutoff: bool,
}

/// Command that the builder rejected, and the error.
type RejectedCommand = (QueuedCommand, Error);

/// Builder of one group: the newest seq, the series index and the metadata after the commands prepared so far.
#[derive(Debug)]
pub(super) struct CommitGroupBuilder {
    seq: u64,
    series: SeriesIndex,
    metadata: MetadataMap,
    cutoffs: Cutoffs,
    settings: GroupSettings,
}

/// Series that a creation found or created, and the index that contains them.
#[derive(Debug)]
struct CreatedSeries {
    ids: Vec<SeriesId>,
    definitions: Vec<Arc<SeriesInfo>>,
    index: SeriesIndex,
}

impl CommitGroupBuilder {
    pub(super) fn new(version: &Version, settings: GroupSettings) -> Self {
        let (series, metadata) = (version.series.clone(), version.metadata.clone());
        Self { seq: version.seq, series, metadata, cutoffs: version.cutoffs.clone(), settings }
    }

    /// Builds the group of these commands. Returns it with the commands that were rejected.
    pub(super) fn build(mut self, commands: Vec<QueuedCommand>) -> (CommitGroup, Vec<RejectedCommand>) {
        let first_seq = self.seq;
        let mut rejected = Vec::new();
        let prepare = |command| self.prepare(command, &mut rejected);
        let commands: Vec<PreparedCommand> = commands.into_iter().filter_map(prepare).collect();
        (CommitGroup::new(commands, self.seq, self.seq > first_seq, self.series, self.metadata), rejected)
    }

    /// Checks a command against the series as of the commands before it, and assigns its seq.
    ///
    /// Returns `None` if the command was added to `rejected`.
    fn prepare(
        &mut self,
        QueuedCommand { command, caller, permit }: QueuedCommand,
        rejected: &mut Vec<RejectedCommand>,
    ) -> Option<PreparedCommand> {
        let mut reject = |command, permit, error| {
            rejected.push((QueuedCommand { command, caller, permit }, error));
            None
        };
        match command {
            WriterCommand::Write(write) => match self.resolve_batch(&write.batch) {
                Err(BatchRejection { error, series }) => {
                    let mut write = write;
                    write.batch.set_rejections(series);
                    reject(WriterCommand::Write(write), permit, error)
                }
                Ok((ResolvedBatch { series, ids, definitions, index }, points_behind_cutoff)) => {
                    self.series = index;
                    let WriteRequest { mut batch, durability, reply, .. } = *write;
                    batch.set_cached_ids(&ids);
                    let reply = PendingReply::Write { reply, durability };
                    let prepared = self.assign_seq(definitions, series, batch, reply, permit);
                    Some(PreparedCommand { points_behind_cutoff, ..prepared })
                }
            },
            WriterCommand::Delete(delete) => Some(self.prepare_delete(*delete, permit)),
            WriterCommand::CreateSeries { keys, duplicates, reply } => match self.create_all(&keys, duplicates) {
                Err(error) => reject(WriterCommand::CreateSeries { keys, duplicates, reply }, permit, error),
                Ok(CreatedSeries { ids, definitions, index }) => {
                    self.series = index;
                    let reply = PendingReply::Series { reply, ids, durability: self.settings.durability };
                    Some(self.assign_seq(definitions, Vec::new(), Batch::new(), reply, permit))
                }
            },
            WriterCommand::SetMetadata { change, reply } => {
                if let Err(error) = self.metadata.check_room(&change) {
                    return reject(WriterCommand::SetMetadata { change, reply }, permit, error);
                }
                let reply = PendingReply::Ack { reply: Some(reply), durability: self.settings.durability };
                Some(self.prepare_metadata(change, reply, permit))
            }
            WriterCommand::Sync { reply } => {
                Some(self.assign_seq(Vec::new(), Vec::new(), Batch::new(), PendingReply::Sync { reply }, permit))
            }
            // No other command is groupable; see `WriterCommand::is_groupable`.
            command => reject(command, permit, Error::Closed),
        }
    }

    /// Returns the series of a batch, and the number of its points behind the cutoffs.
    ///
    /// # Errors
    /// Those of the series; `RejectedPoints` if points behind the cutoffs are rejected.
    fn resolve_batch(&self, batch: &Batch) -> Result<(ResolvedBatch, u64), BatchRejection> {
        let resolved = resolve_batch(self.series.clone(), batch, self.new_series_settings())?;
        let behind = self.points_behind_cutoffs(batch, &resolved.series, &resolved.index);
        if self.settings.reject_behind_cutoff && !behind.is_empty() {
            let reason = |cutoff| RejectReason::BehindCutoff { cutoff: Timestamp::from_nanos(cutoff) };
            let rejected = behind.into_iter().map(|(at, cutoff)| (at, reason(cutoff)));
            let points = batch.rejected_points(rejected, |id| resolved.index.key_text(id));
            return Err(Error::RejectedPoints { points }.into());
        }
        Ok((resolved, behind.len() as u64))
    }

    /// Returns the index and the cutoff of each point that a cutoff hides.
    fn points_behind_cutoffs(&self, batch: &Batch, series: &[SeriesId], index: &SeriesIndex) -> Vec<(usize, i64)> {
        let Some(latest) = self.cutoffs.latest() else { return Vec::new() };
        // One pass over the column of timestamps: usually no point is behind any cutoff.
        if batch.timestamps().iter().fold(i64::MAX, |oldest, nanos| oldest.min(*nanos)) >= latest {
            return Vec::new();
        }
        // A selector is evaluated once for consecutive points of a series.
        let mut last: Option<(SeriesId, Option<i64>)> = None;
        let old = batch.timestamps().iter().zip(series).enumerate().filter(|(_, (nanos, _))| **nanos < latest);
        let behind = old.filter_map(|(at, (nanos, id))| {
            let cutoff = match last {
                Some((known, cutoff)) if known == *id => cutoff,
                _ => index.get(*id).and_then(|def| self.cutoffs.for_series(def)),
            };
            last = Some((*id, cutoff));
            cutoff.filter(|cutoff| nanos < cutoff).map(|cutoff| (at, cutoff))
        });
        behind.collect()
    }

    /// Assigns the next seq to a command if it creates series or has points.
    fn assign_seq(
        &mut self,
        definitions: Vec<Arc<SeriesInfo>>,
        series: Vec<SeriesId>,
        batch: Batch,
        reply: PendingReply,
        permit: Option<Permit>,
    ) -> PreparedCommand {
        let has_record = !definitions.is_empty() || !batch.is_empty();
        self.seq += u64::from(has_record);
        PreparedCommand {
            seq: has_record.then_some(self.seq),
            definitions,
            series,
            batch,
            points_behind_cutoff: 0,
            delete: None,
            metadata: None,
            reply,
            permit,
        }
    }

    /// Assigns the next seq to a delete.
    ///
    /// Adds the matching series that were created after its selection was resolved.
    fn prepare_delete(&mut self, delete: DeleteRequest, permit: Option<Permit>) -> PreparedCommand {
        let DeleteRequest { selected, resolved_end, predicate, range, reply } = delete;
        let created = self.series.created_from(resolved_end);
        let created = created.filter(|def| predicate.matches(&def.key)).map(|def| def.id);
        // Nothing names ids whose definitions were dropped since the selection was resolved. Superseded series may have
        // points that only a cutoff hides: the delete that allows to take this cutoff back must name them.
        let selected = selected.iter().filter(|id| self.series.get(*id).is_some());
        let series = SeriesSet::from_sorted(selected.chain(created));
        let reply = PendingReply::Ack { reply, durability: self.settings.durability };
        let mut prepared = self.assign_seq(Vec::new(), Vec::new(), Batch::new(), reply, permit);
        // A delete without series, or of an empty range, has no record, like an empty batch.
        if !series.is_empty() && !range.is_empty() {
            self.seq += 1;
            prepared.seq = Some(self.seq);
            let tombstone = Tombstone { seq: self.seq, series, range };
            self.series.apply_delete(&tombstone);
            prepared.delete = Some(Arc::new(tombstone));
        }
        prepared
    }

    /// Assigns the next seq to a change of metadata, unless it changes nothing.
    fn prepare_metadata(
        &mut self,
        change: MetadataChange,
        reply: PendingReply,
        permit: Option<Permit>,
    ) -> PreparedCommand {
        let mut prepared = self.assign_seq(Vec::new(), Vec::new(), Batch::new(), reply, permit);
        if !self.metadata.contains(&change) {
            self.seq += 1;
            prepared.seq = Some(self.seq);
            self.metadata.apply(&change);
            prepared.metadata = Some(change);
        }
        prepared
    }

    fn new_series_settings(&self) -> NewSeriesSettings {
        let GroupSettings { max_series, max_tags, max_series_key_bytes, duplicates, .. } = self.settings;
        let (seq, cap, key_bytes_cap) = (self.seq + 1, max_series, max_series_key_bytes);
        NewSeriesSettings { seq, cap, max_tags, key_bytes_cap, duplicates }
    }

    /// Finds or creates series that are listed from then on, in a copy of the index.
    fn create_all(
        &self,
        keys: &[(SeriesKey, ValueType)],
        duplicates: Option<DuplicatePolicy>,
    ) -> Result<CreatedSeries> {
        let mut index = self.series.clone();
        let mut definitions = Vec::new();
        let mut ids = Vec::with_capacity(keys.len());
        for (key, ty) in keys {
            key.validate()?;
            let found = index.create(key, *ty, duplicates, self.new_series_settings())?;
            ids.push(found.id());
            if let SeriesLookup::Created(def) = found {
                definitions.push(def);
            }
        }
        index.seal();
        Ok(CreatedSeries { ids, definitions, index })
    }
}
