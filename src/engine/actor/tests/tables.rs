//! Tables of events and expected effects: helpers shared by the tests of the state machines.

use super::*;
use crate::engine::actor::effects::{Effect, Effects, FreezeOrigin, MachineEvent};
use crate::engine::actor::interfaces::SeriesToCheck;
use crate::state::memtable::{FrozenMemtable, Memtable};
use crate::types::point::PointColumns;

pub(super) const SERIES: SeriesId = SeriesId::new(0);

/// Returns the reply sender of a command whose receiver was dropped.
pub(super) fn reply() -> crate::sync::ReplySender<Result<()>> {
    reply_channel().0
}

/// Asserts that the effects of a step have the expected short forms.
#[track_caller]
pub(super) fn expect(step: &str, effects: &Effects, expected: &[&str]) {
    let actual: Vec<String> = effects.iter().map(short_form).collect();
    assert_eq!(actual, expected, "after: {step}");
}

/// Returns the version of the first install or publish effect.
pub(super) fn next_version(effects: Effects) -> Version {
    let next = effects.into_iter().find_map(|effect| match effect {
        Effect::Install { next, .. } | Effect::Publish(next) => Some(*next),
        _ => None,
    });
    next.expect("a version is installed or published")
}

fn short_form(effect: &Effect) -> String {
    match effect {
        Effect::StartFlush(frozen) => format!("start flush {}", frozen.generation),
        Effect::StartCompaction(plan) => format!("start compaction of {}", plan.inputs.len()),
        Effect::StartEmptySeriesCheck(SeriesToCheck { candidates, droppable }) if droppable.is_empty() => {
            format!("start check of {}", candidates.count())
        }
        Effect::StartEmptySeriesCheck(SeriesToCheck { candidates, droppable }) => {
            format!("start check of {}, {} droppable", candidates.count(), droppable.count())
        }
        Effect::DropDefinitions { unnamed, then } => format!("drop of {}, then {}", unnamed.count(), event_name(then)),
        Effect::CancelCompactor => "cancel compactor".to_owned(),
        Effect::Freeze(FreezeOrigin::FlushCommand(_)) => "freeze for a flush command".to_owned(),
        Effect::Freeze(FreezeOrigin::MemtableAge) => "freeze for the age".to_owned(),
        Effect::Freeze(FreezeOrigin::Close) => "freeze for a close".to_owned(),
        Effect::Install { then, .. } => format!("install, then {}", event_name(then)),
        Effect::Publish(_) => "publish".to_owned(),
        Effect::RemoveSsts(ids) => format!("remove {} SSTs", ids.len()),
        Effect::DropWalSegments => "drop WAL segments".to_owned(),
        Effect::ArmTimer(timer, after) => format!("arm {timer:?} {after:?}"),
        Effect::ArmTimerNoLater(timer, after) => format!("arm {timer:?} no later than {after:?}"),
        Effect::Reply(_, outcome) => format!("reply {outcome:?}"),
        Effect::HidePoints { deletes, then } => {
            let one = |delete: &DeleteRequest| format!("{} until {}", delete.selected.count(), delete.range.last());
            let deletes: Vec<String> = deletes.iter().map(one).collect();
            format!("hide {}, then {}", deletes.join(" and "), event_name(then))
        }
        Effect::QueueDelete(delete) => {
            format!("queue delete of {} until {}", delete.selected.count(), delete.range.last())
        }
        Effect::RejectQueuedFlushes(error) => format!("reject queued flushes {error:?}"),
        Effect::RejectQueue => "reject queue".to_owned(),
        Effect::SyncAndReply { outcome, .. } => format!("sync and reply {outcome:?}"),
        Effect::Sync => "sync".to_owned(),
        Effect::Handle(event) => event_name(event),
    }
}

/// Returns the names of the event's variants, without the fields.
fn event_name(event: &MachineEvent) -> String {
    let text = format!("{event:?}");
    let names = text.split(['(', ')', '{', ' ']).filter(|name| !name.is_empty());
    // The compactor's schedule contains two state machines, whose events are nested one level deeper.
    let depth = if text.contains("(Compaction(") || text.contains("(EmptySeries(") { 3 } else { 2 };
    names.take(depth).collect::<Vec<_>>().join(" ")
}

/// Returns a version with one frozen memtable per generation, and optionally an active record.
/// Each memtable has one record.
pub(super) fn version_with_memtables(generations: &[u64], has_active_record: bool) -> Version {
    let mut version = Version::from_durable(SeriesIndex::default(), &DurableState::default(), Cutoffs::default());
    for generation in generations {
        version = with_record(&version);
        let frozen = Arc::new(FrozenMemtable {
            generation: *generation,
            view: version.active.clone(),
            series: version.series.clone(),
            metadata: version.metadata.clone(),
            min_seq: version.seq,
            max_seq: version.seq,
            next_wal_segment: FileId::new(*generation),
        });
        version = version.after_freeze(frozen);
    }
    if has_active_record { with_record(&version) } else { version }
}

fn with_record(version: &Version) -> Version {
    let mut memtable = Memtable::new();
    let timestamp = i64::try_from(version.seq).unwrap();
    memtable.insert(PointColumns { series: &[SERIES], timestamps: &[timestamp], bits: &[0] });
    version.after_commit(version.seq + 1, version.series.clone(), version.metadata.clone(), memtable.view())
}

/// Returns a version with `series_count` series, these files and these tombstones.
pub(super) fn version_with_files(series_count: u32, ssts: Vec<SstMeta>, tombstones: Vec<Tombstone>) -> Version {
    let mut series = SeriesIndex::default();
    for number in 0..series_count {
        let duplicates = DuplicatePolicy::default();
        let making = NewSeriesSettings { seq: 0, cap: series_count, max_tags: 64, key_bytes_cap: u64::MAX, duplicates };
        series.find_or_create(&SeriesKey::new(format!("m{number}")), ValueType::F64, None, making).unwrap();
        series.revive(&[SeriesId::new(number)], series_count).unwrap();
    }
    let newest = ssts.iter().map(|sst| sst.max_seq).chain(tombstones.iter().map(|tombstone| tombstone.seq)).max();
    let tombstones = tombstones.into_iter().map(Arc::new).collect();
    let flushed_seq = newest.unwrap_or_default();
    let durable = DurableState { ssts: ssts.into_iter().collect(), flushed_seq, tombstones, ..DurableState::default() };
    Version::from_durable(series, &durable, Cutoffs::default())
}

/// Returns the version with these series as candidates of an empty-series check.
pub(super) fn with_candidates(version: &Version, ids: &[u32]) -> Version {
    let mut next = version.clone();
    next.series.add_candidates(&series_set(ids));
    next
}

pub(super) fn series_set(ids: &[u32]) -> SeriesSet {
    SeriesSet::from_sorted(ids.iter().copied().map(SeriesId::new))
}
