//! The decision of recovery: which files of the directory are in use, replayed or garbage.
//!
//! This is redo recovery in the style of LevelDB: the manifest gives the durable state, and the WAL from the floor on
//! is replayed on top of it. The decision is a pure function ([`plan_recovery`]), so that tests and loom can run it
//! over any state that a crash leaves; the store reads its input and executes the plan. No file of an existing
//! database is changed before the plan is complete.
//!
//! ```text
//!   manifest ------> DurableState: SSTs, flushed_seq = 70, wal_floor = 5
//!
//!   WAL segments       2           5 (floor)        6              7
//!                   [ .... ]      [ 61 .. 75 ]<----[ 76 .. 90 ]<--[ 91 .. ? ]
//!                   garbage        sealed length     sealed         tail rule:
//!                                  from header of 6  by 7           a torn end is dropped
//!                                  replay > 70 only
//!
//!   SSTs   named by the manifest: must exist with the named length      others: garbage, removed before the replay
//!
//!   segment 8, without a predecessor and beyond the floor: an opening that did not finish; empty, garbage
//!   segment 7, if 8 names 6 as its predecessor, too: it had no record when 8 was created; garbage
//! ```
//!
//! # The rules
//!
//! 1. Every SST that the manifest names must exist with the named length. If not, the opening fails.
//! 2. Segments below the floor are garbage: everything in them is in SSTs.
//! 3. Each segment after the floor names its predecessor and the length at which the predecessor was sealed. Bytes of a
//!    sealed segment beyond this length are never read. A missing predecessor is an error: a replay that skipped it
//!    would lose records in the middle of the total order.
//! 4. Only the last segment can have a torn tail: every segment is synced before the next one is opened.
//! 5. Records up to `flushed_seq` are in SSTs and are not replayed: their points would be there twice. Segments from
//!    the floor on may contain such records; segments below the floor contain no other records.
//! 6. An opening creates its first segment, which has no predecessor, before it moves the floor to this segment, and
//!    accepts no write until the floor has moved. A segment without a predecessor beyond the floor is therefore empty.
//! 7. A bad last edit of the manifest is a torn write only if the state without it is complete: its SSTs exist and the
//!    WAL still starts at its floor. Otherwise the edit was durable once (later steps relied on it) and is now damaged.
//! 8. The series log that the manifest names must exist; others are garbage. Rule 7 applies to it as to the SSTs: an
//!    edit that replaces the log is durable before the old log is removed.
//! 9. An opening on a full disk names the last segment that has a record as the predecessor of its first one. The name of
//!    a segment without a record may not be durable: the sync of the directory may have failed before the process ended,
//!    and no later sync makes up for that. Hence segments in a row may name the same predecessor; the last of them counts.
//!    The others stay until the floor has moved.
//! 10. New file ids lie above every id in the manifest and in the directory, so that no file is overwritten.

use std::collections::BTreeMap;

use super::durable_state::DurableState;
use crate::state::file_id::FileId;

/// Content of the manifest.
#[derive(Debug, Clone, Default)]
pub(crate) struct ManifestState {
    /// The sum of the valid edits.
    pub(crate) durable: DurableState,
    /// Offset of a bad last edit in bytes, if there is one.
    pub(crate) bad_edit: Option<u64>,
}

/// Content of the header of a WAL segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentSummary {
    pub(crate) id: FileId,
    /// Seq of the last record before the segment.
    pub(crate) previous_seq: u64,
    /// The segment before this one, and its sealed length in bytes.
    /// `None` for the first segment of an opening.
    pub(crate) predecessor: Option<(FileId, u64)>,
}

/// Input of the decision: the manifest, and the files of the directory.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecoveryInput {
    pub(crate) manifest: ManifestState,
    /// WAL segments in any order.
    /// Segments below the floor may be given by their ids in `other_ids` instead.
    pub(crate) segments: Vec<SegmentSummary>,
    /// The SSTs in the directory, with their lengths in bytes.
    pub(crate) ssts: BTreeMap<FileId, u64>,
    /// Series logs in the directory.
    pub(crate) series_logs: Vec<FileId>,
    /// Ids of further files, such as spare segments and temporary files. They matter only for the next id.
    pub(crate) other_ids: Vec<FileId>,
}

/// End of a replayed segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplayEnd {
    /// The length in bytes that the header of the successor names; bytes beyond it are never read.
    Sealed(u64),
    /// The end that the tail rule finds.
    Tail,
}

/// Steps of an opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecoveryPlan {
    pub(crate) durable: DurableState,
    /// Segments to replay, in order.
    /// Only the records that [must be replayed](Self::must_replay) are applied.
    pub(crate) replay: Vec<(SegmentSummary, ReplayEnd)>,
    /// Segments below the floor, and segments of openings that did not finish.
    /// They are removed or recycled once the recovered state is durable.
    pub(crate) garbage_segments: Vec<FileId>,
    /// Those of the garbage that openings have left which did not finish: they must have no record.
    ///
    /// A segment that was passed over may have records. They were not acknowledged: a failed write had left them, and
    /// the process ended before they were cut off durably.
    pub(crate) unfinished_segments: Vec<FileId>,
    /// SSTs that the manifest does not name.
    /// Those whose headers name this database are removed before the replay.
    pub(crate) garbage_ssts: Vec<FileId>,
    /// Series logs that the manifest does not name. They are removed once the recovered state is durable.
    pub(crate) garbage_series_logs: Vec<FileId>,
    /// An id above every id in the manifest and in the directory.
    pub(crate) next_file_id: FileId,
}

impl RecoveryPlan {
    /// Returns `true` if a record of the WAL must be replayed, since it is not in SSTs.
    pub(crate) fn must_replay(&self, seq: u64) -> bool {
        seq > self.durable.flushed_seq
    }
}

/// Reason why the directory cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RecoveryRefusal {
    /// SSTs that the manifest names do not exist.
    MissingSsts(Vec<FileId>),
    /// An SST does not have the length that the manifest names.
    SstLength { id: FileId, named: u64, found: u64 },
    /// The series log that the manifest names does not exist.
    MissingSeriesLog(FileId),
    /// The segment at the floor, or a predecessor that a later segment names, does not exist.
    MissingSegment(FileId),
    /// The last edit of the manifest is bad, and the files do not fit the state without it.
    /// `offset` is the offset of the edit in the manifest, in bytes.
    BadEdit { offset: u64, detail: &'static str },
    /// The header of a segment does not fit the segment before it, or the flushed records.
    BrokenChain { id: FileId, detail: &'static str },
}

/// Decides what the directory contains and what the opening has to do.
///
/// # Errors
/// The reason why the directory cannot be opened.
pub(crate) fn plan_recovery(input: &RecoveryInput) -> Result<RecoveryPlan, RecoveryRefusal> {
    let durable = &input.manifest.durable;
    check_ssts(input)?;
    check_series_log(input)?;
    let (older, newer): (Vec<_>, Vec<_>) =
        input.segments.iter().cloned().partition(|segment| segment.id < durable.wal_floor);
    let segments = chain(durable, newer).map_err(|refusal| refusal_after_bad_edit(input, refusal))?;
    let SegmentChain { replay, unfinished, passed_over } = segments;
    let highest = durable.ssts.iter().map(|sst| &sst.id).chain(input.ssts.keys());
    let highest = highest.chain(&input.series_logs).chain(&input.other_ids).copied();
    let highest = highest.chain(input.segments.iter().map(|segment| segment.id)).max();
    Ok(RecoveryPlan {
        durable: durable.clone(),
        replay,
        garbage_segments: older.iter().map(|segment| segment.id).chain(passed_over).chain(unfinished.clone()).collect(),
        unfinished_segments: unfinished,
        garbage_ssts: input.ssts.keys().filter(|id| !durable.ssts.contains(**id)).copied().collect(),
        garbage_series_logs: input.series_logs.iter().filter(|id| **id != durable.series_log.file).copied().collect(),
        next_file_id: highest.map_or(FileId::new(1), FileId::next).max(durable.next_file_id),
    })
}

/// Returns the refusal to report: a bad last edit, if there is one, is the cause of the given refusal.
fn refusal_after_bad_edit(input: &RecoveryInput, refusal: RecoveryRefusal) -> RecoveryRefusal {
    match input.manifest.bad_edit {
        Some(offset) => {
            RecoveryRefusal::BadEdit { offset, detail: "the WAL does not start at the floor of the state before it" }
        }
        None => refusal,
    }
}

fn check_ssts(input: &RecoveryInput) -> Result<(), RecoveryRefusal> {
    let named = &input.manifest.durable.ssts;
    let missing: Vec<FileId> = named.iter().map(|sst| sst.id).filter(|id| !input.ssts.contains_key(id)).collect();
    if !missing.is_empty() {
        return Err(match input.manifest.bad_edit {
            Some(offset) => RecoveryRefusal::BadEdit { offset, detail: "SSTs of the state before it are missing" },
            None => RecoveryRefusal::MissingSsts(missing),
        });
    }
    for sst in named.iter() {
        let found = input.ssts.get(&sst.id).copied().unwrap_or_default();
        if found != sst.file_len {
            return Err(RecoveryRefusal::SstLength { id: sst.id, named: sst.file_len, found });
        }
    }
    Ok(())
}

fn check_series_log(input: &RecoveryInput) -> Result<(), RecoveryRefusal> {
    let named = input.manifest.durable.series_log;
    if named.len == 0 || input.series_logs.contains(&named.file) {
        return Ok(());
    }
    Err(match input.manifest.bad_edit {
        Some(offset) => RecoveryRefusal::BadEdit { offset, detail: "the series log of the state before it is missing" },
        None => RecoveryRefusal::MissingSeriesLog(named.file),
    })
}

/// Segments from the floor on.
struct SegmentChain {
    replay: Vec<(SegmentSummary, ReplayEnd)>,
    /// Those of openings that did not finish.
    unfinished: Vec<FileId>,
    /// Those that the next opening passed over, as they had no record: rule 9.
    passed_over: Vec<FileId>,
}

/// Orders the segments from the floor on, and checks that each names the one before it.
fn chain(durable: &DurableState, mut segments: Vec<SegmentSummary>) -> Result<SegmentChain, RecoveryRefusal> {
    segments.sort_by_key(|segment| segment.id);
    let is_unfinished = |segment: &SegmentSummary| segment.predecessor.is_none() && segment.id != durable.wal_floor;
    let (unfinished, chain): (Vec<_>, Vec<_>) = segments.into_iter().partition(is_unfinished);
    let unfinished = unfinished.iter().map(|segment| segment.id).collect();
    let (passed_over, chain) = without_passed_over(chain);
    // Floor 0: a new database or backup, of which no opening has ever finished.
    let no_segment_yet = durable.wal_floor == FileId::default();
    match chain.first() {
        None if no_segment_yet => return Ok(SegmentChain { replay: Vec::new(), unfinished, passed_over }),
        Some(first) if first.id == durable.wal_floor && !no_segment_yet => {
            if first.previous_seq > durable.flushed_seq {
                let detail = "it starts after the newest flushed record: the records between them are missing";
                return Err(RecoveryRefusal::BrokenChain { id: first.id, detail });
            }
        }
        _ => return Err(RecoveryRefusal::MissingSegment(durable.wal_floor)),
    }
    let mut replay = Vec::with_capacity(chain.len());
    for (at, segment) in chain.iter().enumerate() {
        let end = match chain.get(at + 1) {
            None => ReplayEnd::Tail,
            Some(next) => match next.predecessor {
                Some((id, length)) if id == segment.id => ReplayEnd::Sealed(length),
                Some((id, _)) if id > segment.id => return Err(RecoveryRefusal::MissingSegment(id)),
                _ => {
                    let detail = "it names an older predecessor than the segment before it";
                    return Err(RecoveryRefusal::BrokenChain { id: next.id, detail });
                }
            },
        };
        replay.push((segment.clone(), end));
    }
    Ok(SegmentChain { replay, unfinished, passed_over })
}

/// Separates the segments that the next opening passed over. Returns their ids, and the other segments.
fn without_passed_over(segments: Vec<SegmentSummary>) -> (Vec<FileId>, Vec<SegmentSummary>) {
    let (mut passed_over, mut others) = (Vec::new(), Vec::with_capacity(segments.len()));
    for segment in segments {
        let place = |segment: &SegmentSummary| (segment.predecessor, segment.previous_seq);
        let is_passed_over = |last: &mut SegmentSummary| last.predecessor.is_some() && place(last) == place(&segment);
        passed_over.extend(others.pop_if(is_passed_over).map(|segment| segment.id));
        others.push(segment);
    }
    (passed_over, others)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::version::SeriesLogEnd;

    fn segment(id: u64, previous_seq: u64, predecessor: Option<(u64, u64)>) -> SegmentSummary {
        let predecessor = predecessor.map(|(id, length)| (FileId::new(id), length));
        SegmentSummary { id: FileId::new(id), previous_seq, predecessor }
    }

    fn input(wal_floor: u64, flushed_seq: u64, segments: Vec<SegmentSummary>) -> RecoveryInput {
        let durable = DurableState { wal_floor: FileId::new(wal_floor), flushed_seq, ..DurableState::default() };
        RecoveryInput { manifest: ManifestState { durable, bad_edit: None }, segments, ..RecoveryInput::default() }
    }

    #[test]
    fn a_chain_is_replayed_from_the_floor_and_older_segments_are_garbage() {
        let segments = vec![segment(2, 0, None), segment(5, 7, Some((2, 900))), segment(6, 9, Some((5, 300)))];
        let plan = plan_recovery(&input(5, 7, segments.clone())).unwrap();
        let replay = vec![(segments[1].clone(), ReplayEnd::Sealed(300)), (segments[2].clone(), ReplayEnd::Tail)];
        assert_eq!(plan.replay, replay);
        assert_eq!((plan.garbage_segments, plan.next_file_id), (vec![FileId::new(2)], FileId::new(7)));
    }

    #[test]
    fn a_record_is_replayed_if_no_sst_has_it_wherever_the_floor_is() {
        let segments = vec![segment(2, 0, None), segment(5, 7, Some((2, 900)))];
        let plan = plan_recovery(&input(2, 7, segments)).unwrap();
        assert_eq!(plan.replay.len(), 2, "the floor lags behind what is flushed");
        assert!(!plan.must_replay(1) && !plan.must_replay(7) && plan.must_replay(8));
    }

    #[test]
    fn a_gap_in_the_chain_is_refused() {
        let segments = vec![segment(5, 7, None), segment(8, 9, Some((6, 300)))];
        assert_eq!(plan_recovery(&input(5, 7, segments)), Err(RecoveryRefusal::MissingSegment(FileId::new(6))));
        assert_eq!(plan_recovery(&input(5, 7, vec![])), Err(RecoveryRefusal::MissingSegment(FileId::new(5))));
        let late = vec![segment(5, 8, None)];
        assert!(matches!(plan_recovery(&input(5, 7, late)), Err(RecoveryRefusal::BrokenChain { .. })));
    }

    #[test]
    fn an_unfinished_opening_leaves_only_garbage() {
        let segments = vec![segment(5, 7, None), segment(6, 9, None)];
        let plan = plan_recovery(&input(5, 7, segments.clone())).unwrap();
        assert_eq!(plan.replay, vec![(segments[0].clone(), ReplayEnd::Tail)]);
        assert_eq!(plan.garbage_segments, vec![FileId::new(6)]);
        let fresh = plan_recovery(&input(0, 0, vec![segment(1, 0, None)])).unwrap();
        assert_eq!((fresh.replay.len(), fresh.garbage_segments), (0, vec![FileId::new(1)]));
    }

    #[test]
    fn an_empty_segment_is_passed_over_if_the_next_one_has_its_predecessor() {
        let first = segment(5, 7, None);
        let (empty, next) = (segment(8, 9, Some((5, 300))), segment(11, 9, Some((5, 300))));
        for passed_over in [vec![], vec![empty.clone()], vec![empty.clone(), segment(10, 9, Some((5, 300)))]] {
            let segments = [vec![first.clone()], passed_over.clone(), vec![next.clone()]].concat();
            let plan = plan_recovery(&input(5, 7, segments)).unwrap();
            let replay = vec![(first.clone(), ReplayEnd::Sealed(300)), (next.clone(), ReplayEnd::Tail)];
            let garbage: Vec<_> = passed_over.iter().map(|segment| segment.id).collect();
            assert_eq!((plan.replay, plan.garbage_segments), (replay, garbage));
            assert_eq!(plan.unfinished_segments, []);
        }
        // Another length or another seq: not the same place in the log.
        for other in [segment(11, 9, Some((5, 200))), segment(11, 10, Some((5, 300)))] {
            let plan = plan_recovery(&input(5, 7, vec![first.clone(), empty.clone(), other]));
            assert!(matches!(plan, Err(RecoveryRefusal::BrokenChain { .. })), "{plan:?}");
        }
    }

    #[test]
    fn a_series_log_that_the_manifest_does_not_name_is_garbage() {
        let mut state = input(5, 7, vec![segment(5, 7, None)]);
        state.series_logs = vec![FileId::new(3), FileId::new(9)];
        state.manifest.durable.series_log = SeriesLogEnd { file: FileId::new(3), len: 200 };
        let plan = plan_recovery(&state).unwrap();
        assert_eq!((plan.garbage_series_logs, plan.next_file_id), (vec![FileId::new(9)], FileId::new(10)));
        state.series_logs = vec![FileId::new(9)];
        assert_eq!(plan_recovery(&state), Err(RecoveryRefusal::MissingSeriesLog(FileId::new(3))));
        state.manifest.bad_edit = Some(99);
        assert!(matches!(plan_recovery(&state), Err(RecoveryRefusal::BadEdit { offset: 99, .. })));
    }

    #[test]
    fn a_bad_edit_is_dropped_only_if_the_wal_still_starts_at_the_floor() {
        let mut state = input(5, 7, vec![segment(5, 7, None)]);
        state.manifest.bad_edit = Some(99);
        assert!(plan_recovery(&state).is_ok());
        state.segments = vec![segment(6, 9, Some((5, 300)))];
        assert!(matches!(plan_recovery(&state), Err(RecoveryRefusal::BadEdit { offset: 99, .. })));
    }
}
