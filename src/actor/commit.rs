//! Group commit: what waits together is appended together, synced once, made visible in one store, then answered.
//! Preparing a request cannot change anything; whatever fails after it fails for the whole group.

use super::message::{Ack, Command, Delete, Work, Write};
use super::storage::{AppendError, LogRecord, Storage, Timer, Timers};
use super::writer::Writer;
use crate::error::{Error, Result};
use crate::options::{Duplicates, Durability};
use crate::point::{Batch, PointColumns, Target, ValueType};
use crate::series::{SeriesDef, SeriesId, SeriesKey, SeriesSet};
use crate::sync::bounds::{GROUP_BYTES, GROUP_REQUESTS};
use crate::sync::{Arc, Permit, Reply};
use crate::version::{Made, Making, SeriesIndex, Tombstone};

/// A request that nothing but storage can make fail any more.
#[derive(Debug)]
pub(super) struct Prepared {
    /// Its place in the order, if it has a record.
    seq: Option<u64>,
    definitions: Vec<Arc<SeriesDef>>,
    /// Of each point of the batch.
    series: Vec<SeriesId>,
    batch: Batch,
    delete: Option<Arc<Tombstone>>,
    reply: Waiting,
    /// Held until the points are in the memtable, which then counts them.
    permit: Option<Permit>,
}

/// Who waits for a prepared request, and for what.
#[derive(Debug)]
enum Waiting {
    Write { reply: Reply<Result<Ack>>, durability: Durability },
    Series { reply: Reply<Result<Vec<SeriesId>>>, ids: Vec<SeriesId>, durability: Durability },
    Sync { reply: Reply<Result<()>> },
    Delete { reply: Option<Reply<Result<Ack>>>, durability: Durability },
}

/// The group's own view of what the order and the series will be.
struct Ahead {
    seq: u64,
    series: SeriesIndex,
    max_series: u32,
    duplicates: Duplicates,
    durability: Durability,
}

/// The series that a request names, found or made, and the index once they are.
#[derive(Debug)]
struct MadeSeries {
    ids: Vec<SeriesId>,
    definitions: Vec<Arc<SeriesDef>>,
    index: SeriesIndex,
}

impl Prepared {
    fn record(&self) -> Option<LogRecord<'_>> {
        let points =
            PointColumns { series: &self.series, timestamps: self.batch.timestamps(), bits: self.batch.bits() };
        let delete = self.delete.as_deref();
        #[cfg(feature = "mutant_delete_is_not_in_the_wal")]
        let delete = delete.filter(|_| false);
        // 4: its place in the order is logged, and what it deletes is not.
        #[cfg(feature = "planted")]
        let delete = delete.filter(|_| !crate::planted::is("delete_is_not_logged"));
        self.seq.map(|seq| LogRecord { seq, definitions: &self.definitions, points, delete })
    }

    fn durability(&self) -> Durability {
        match &self.reply {
            Waiting::Write { durability, .. }
            | Waiting::Series { durability, .. }
            | Waiting::Delete { durability, .. } => *durability,
            Waiting::Sync { .. } => Durability::Sync,
        }
    }

    pub(super) fn acknowledge(self, newest: u64, synced: bool) {
        // Before the answer: whoever has it finds the memory free.
        #[cfg(not(feature = "mutant_permit_outlives_the_answer"))]
        drop(self.permit);
        match self.reply {
            Waiting::Write { reply, durability } | Waiting::Delete { reply: Some(reply), durability } => {
                let durability = if synced { Durability::Sync } else { durability };
                reply.send(Ok(Ack { seq: self.seq.unwrap_or(newest), durability }));
            }
            Waiting::Delete { reply: None, .. } => {}
            Waiting::Series { reply, ids, .. } => reply.send(Ok(ids)),
            Waiting::Sync { reply } => reply.send(Ok(())),
        }
    }

    /// Whether whoever wrote it has given up.
    #[cfg(feature = "planted")]
    fn is_abandoned(&self) -> bool {
        matches!(&self.reply, Waiting::Write { reply, .. } if reply.is_abandoned())
    }

    fn fail(self, error: &Error) {
        drop(self.permit);
        match self.reply {
            Waiting::Write { reply, .. } | Waiting::Delete { reply: Some(reply), .. } => reply.send(Err(error.clone())),
            Waiting::Delete { reply: None, .. } => {}
            Waiting::Series { reply, .. } => reply.send(Err(error.clone())),
            Waiting::Sync { reply } => reply.send(Err(error.clone())),
        }
    }
}

impl<S: Storage, T: Timers> Writer<S, T> {
    /// The next requests that may share a record group, within its bounds.
    pub(super) fn take_group(&mut self) -> Vec<Command> {
        let mut group = Vec::new();
        let mut bytes = 0;
        while group.len() < GROUP_REQUESTS && bytes < GROUP_BYTES {
            let next = self.queue.pop_front_if(|command| {
                matches!(command.work, Work::Write(_) | Work::MakeSeries { .. } | Work::Delete(_) | Work::Sync { .. })
            });
            let Some(command) = next else { break };
            bytes += command.work.byte_len();
            group.push(command);
        }
        group
    }

    /// Carries the next group through: durable, visible, acknowledged, in this order.
    pub(super) fn commit_group(&mut self) {
        let group = self.take_group();
        if let Err(error) = self.writable() {
            return self.refuse_group(group, &error);
        }
        let mut ahead = Ahead {
            seq: self.version.seq,
            series: self.version.series.clone(),
            max_series: self.settings.max_series,
            duplicates: self.settings.duplicates,
            durability: self.settings.durability,
        };
        let group: Vec<Prepared> = group.into_iter().filter_map(|command| ahead.prepare(command)).collect();
        #[cfg(feature = "planted")]
        let mut group = group;
        let wants_sync = group.iter().any(|prepared| prepared.durability() == Durability::Sync);
        if let Err(error) = self.append_group(&group, wants_sync) {
            #[cfg(feature = "planted")]
            self.acknowledges_failed(&mut group, &error);
            return group.into_iter().for_each(|prepared| prepared.fail(&error));
        }
        self.show_group(&group, ahead);
        let synced = wants_sync && !self.unsynced;
        let newest = self.version.seq;
        for prepared in group {
            prepared.acknowledge(newest, synced);
        }
    }

    /// Of a read-only database. A sync is carried out all the same if it was not the WAL that failed.
    fn refuse_group(&mut self, group: Vec<Command>, error: &Error) {
        for command in group {
            match command.work {
                Work::Sync { reply } => reply.send(self.sync_now()),
                work => work.refuse(error),
            }
        }
    }

    /// Makes the group's records durable, as far as it asks for.
    fn append_group(&mut self, group: &[Prepared], wants_sync: bool) -> Result<()> {
        let records: Vec<LogRecord<'_>> = group.iter().filter_map(Prepared::record).collect();
        if !records.is_empty() {
            match self.storage.append(&records) {
                Ok(()) => self.unsynced = true,
                Err(AppendError::Absent(error)) => return Err(Error::WriteFailed { reason: error.to_string() }),
                Err(AppendError::Unknown(error)) => return Err(self.unknown_since(&error)),
            }
        }
        if wants_sync && self.unsynced {
            // Before anything is visible or acknowledged: an acknowledgement must survive the next power loss.
            #[cfg(not(feature = "mutant_ack_before_fsync"))]
            let synced = self.storage.sync();
            #[cfg(feature = "planted")]
            let synced = if crate::planted::is("failed_sync_is_acknowledged") { Ok(()) } else { synced };
            #[cfg(not(feature = "mutant_ack_before_fsync"))]
            synced.map_err(|error| self.unknown_since(&error))?;
            self.note_synced();
        }
        Ok(())
    }

    fn unknown_since(&mut self, error: &Error) -> Error {
        self.go_read_only(error);
        Error::OutcomeUnknown { reason: error.to_string() }
    }

    /// Inserts the group's points and publishes them with the series they made, in one store.
    fn show_group(&mut self, group: &[Prepared], ahead: Ahead) {
        if ahead.seq == self.version.seq {
            return;
        }
        if !self.has_unfrozen() {
            self.timers.arm(Timer::Age, self.settings.flush_age);
        }
        #[cfg(feature = "mutant_publish_before_last_cell")]
        self.publish(self.version.appended(ahead.seq, ahead.series.clone(), self.memtable.view_ahead(group.len())));
        let mut deletes = Vec::new();
        for prepared in group {
            #[cfg(feature = "planted")]
            if crate::planted::is("cancelled_write_is_half_applied") && prepared.is_abandoned() {
                continue;
            }
            if let Some(record) = prepared.record().filter(|record| record.points.len() > 0) {
                self.memtable.insert(record.points);
            }
            if let Some(delete) = &prepared.delete {
                // In the group's order: it hides what came before it in this very group, and nothing behind it.
                self.memtable.delete(Arc::clone(delete));
                deletes.push(Arc::clone(delete));
            }
            self.definitions.extend(prepared.definitions.iter().cloned());
            self.arm_sync(prepared);
        }
        for prepared in group {
            self.census.note(&prepared.series, prepared.delete.as_deref());
        }
        let next = self.version.appended(ahead.seq, ahead.series, self.memtable.view());
        #[cfg(feature = "mutant_two_store_delete")]
        self.publish(next.clone());
        for Tombstone { seq, series, first_time, last_time } in deletes.iter().map(|delete| &**delete) {
            tracing::debug!(seq, series = series.count(), first_time, last_time, "points deleted");
        }
        self.publish(next.with_deletes(deletes));
    }

    /// Asks for the sync that an interval promises; an earlier one, already asked for, will do.
    fn arm_sync(&mut self, prepared: &Prepared) {
        #[cfg(feature = "planted")]
        if crate::planted::is("interval_is_never_synced") {
            return;
        }
        if let (Durability::Interval(every), true) = (prepared.durability(), self.unsynced) {
            self.timers.arm_no_later(Timer::Sync, every);
        }
    }
}

impl Ahead {
    /// Checks a request against the series as they will be by its turn; answers it at once if it cannot go on.
    fn prepare(&mut self, Command { work, permit }: Command) -> Option<Prepared> {
        match work {
            Work::Write(write) => {
                let Write { batch, durability, reply } = *write;
                let made = self.make_all(batch.keys(), None);
                match made.and_then(|made| made.resolve(&batch, self.max_series)) {
                    #[cfg(feature = "planted")]
                    Err(_) if crate::planted::is("refused_batch_is_ok") => {
                        reply.send(Ok(Ack { seq: self.seq, durability }));
                        None
                    }
                    Err(error) => {
                        reply.send(Err(error));
                        None
                    }
                    Ok((series, MadeSeries { definitions, index, .. })) => {
                        self.series = index;
                        let reply = Waiting::Write { reply, durability };
                        Some(self.enter(definitions, series, batch, reply, permit))
                    }
                }
            }
            Work::Delete(delete) => Some(self.prepare_delete(*delete, permit)),
            Work::MakeSeries { keys, duplicates, reply } => match self.make_all(&keys, duplicates) {
                Err(error) => {
                    reply.send(Err(error));
                    None
                }
                Ok(MadeSeries { ids, definitions, index }) => {
                    self.series = index;
                    let reply = Waiting::Series { reply, ids, durability: self.durability };
                    Some(self.enter(definitions, Vec::new(), Batch::new(), reply, permit))
                }
            },
            Work::Sync { reply } => {
                Some(self.enter(Vec::new(), Vec::new(), Batch::new(), Waiting::Sync { reply }, permit))
            }
            // `take_group` takes no other work.
            other => {
                other.refuse(&Error::Closed);
                None
            }
        }
    }

    /// Gives the request its place in the order, if it has anything to record.
    fn enter(
        &mut self,
        definitions: Vec<Arc<SeriesDef>>,
        series: Vec<SeriesId>,
        batch: Batch,
        reply: Waiting,
        permit: Option<Permit>,
    ) -> Prepared {
        let records = !definitions.is_empty() || !batch.is_empty();
        self.seq += u64::from(records);
        Prepared { seq: records.then_some(self.seq), definitions, series, batch, delete: None, reply, permit }
    }

    /// Gives a delete its place in the order, and with it the series that were made since its selection was resolved.
    fn prepare_delete(&mut self, delete: Delete, permit: Option<Permit>) -> Prepared {
        let Delete { found, known, matcher, times: (first_time, last_time), reply } = delete;
        let since = self.series.since(known).filter(|def| matcher.matches(&def.key)).map(|def| def.id);
        let series = SeriesSet::from_sorted(found.iter().chain(since));
        let reply = Waiting::Delete { reply, durability: self.durability };
        let mut prepared = self.enter(Vec::new(), Vec::new(), Batch::new(), reply, permit);
        // A delete of nothing has no record, as an empty batch has none.
        if !series.is_empty() && first_time <= last_time {
            self.seq += 1;
            prepared.seq = Some(self.seq);
            let tombstone = Tombstone { seq: self.seq, series, first_time, last_time };
            self.series.deleted(&tombstone);
            prepared.delete = Some(Arc::new(tombstone));
        }
        prepared
    }

    /// Finds or makes every key's series. Nothing is made before the caller takes over the index.
    fn make_all(&self, keys: &[(SeriesKey, ValueType)], duplicates: Option<Duplicates>) -> Result<MadeSeries> {
        let mut index = self.series.clone();
        let mut definitions = Vec::new();
        let mut ids = Vec::with_capacity(keys.len());
        for (key, ty) in keys {
            key.check()?;
            let made = index.find_or_make(
                key,
                *ty,
                duplicates,
                Making { seq: self.seq + 1, cap: self.max_series, duplicates: self.duplicates },
            )?;
            ids.push(made.id());
            if let Made::New(def) = made {
                definitions.push(def);
            }
        }
        Ok(MadeSeries { ids, definitions, index })
    }
}

impl MadeSeries {
    /// The series of each point of a batch whose keys these are; those that were gone are back.
    fn resolve(mut self, batch: &Batch, cap: u32) -> Result<(Vec<SeriesId>, Self)> {
        let known = self.index.len();
        let resolve = |target| match target {
            Target::Id(id) if id.index() < known => Ok(id),
            Target::Id(id) => Err(Error::UnknownSeries { id: id.get() }),
            Target::Key(at) => Ok(self.ids[at]),
        };
        let series: Vec<SeriesId> = batch.targets().map(resolve).collect::<Result<_>>()?;
        self.index.come_back(&series, cap)?;
        Ok((series, self))
    }
}
