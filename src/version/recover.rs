//! Recovery's decision: of what was found on disk, what is the database, what is replayed, what is garbage.
//! A pure function, so that loom and the tests can run it over any state that a crash leaves; the store acts on it.

use std::collections::{BTreeMap, BTreeSet};

use super::edit::Durable;
use super::sst::FileId;

/// What the manifest says.
#[derive(Debug, Clone, Default)]
pub(crate) struct FoundManifest {
    /// The sum of the good edits.
    pub(crate) durable: Durable,
    /// Where a bad last edit begins, if there is one.
    pub(crate) bad_edit: Option<u64>,
}

/// A WAL segment by its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundSegment {
    pub(crate) id: FileId,
    /// The seq of the last record before it.
    pub(crate) last_seq: u64,
    /// The segment before it and the length at which that one ends; `None` for the first segment of an opening.
    pub(crate) predecessor: Option<(FileId, u64)>,
}

/// Everything recovery looks at before it decides.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) manifest: FoundManifest,
    pub(crate) segments: Vec<FoundSegment>,
    /// SSTs by the names in the directory, with their lengths.
    pub(crate) ssts: BTreeMap<FileId, u64>,
    /// Ids of spares and temporary files, which count for the next id alone.
    pub(crate) other_ids: Vec<FileId>,
}

/// Where a segment that is replayed ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplayEnd {
    /// At the length that its successor's header names: bytes beyond are never read.
    Sealed(u64),
    /// Wherever the tail rule says.
    Tail,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recovery {
    pub(crate) durable: Durable,
    /// The segments to replay, in order, with those of their records that [count](Self::counts).
    pub(crate) replay: Vec<(FoundSegment, ReplayEnd)>,
    /// Segments and SSTs that nothing names: to be removed once the recovered state is durable.
    pub(crate) garbage_segments: Vec<FileId>,
    pub(crate) garbage_ssts: Vec<FileId>,
    /// Above every id named or found.
    pub(crate) next_file: FileId,
}

impl Recovery {
    /// Whether a record of the WAL is replayed. One that is in SSTs is not: its points would be doubled.
    pub(crate) fn counts(&self, seq: u64) -> bool {
        #[cfg(feature = "mutant_replay_ignores_flushed_seq")]
        let seq = seq.max(u64::MAX);
        seq > self.durable.flushed_seq
    }
}

/// Why the directory cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RecoveryFault {
    /// SSTs that the manifest names are not there.
    MissingSsts(Vec<FileId>),
    /// An SST has not the length that the manifest names.
    SstLength { id: FileId, named: u64, found: u64 },
    /// The segment at which replay must begin, or one between it and a later one, is not there.
    MissingSegment(FileId),
    /// The manifest's last edit is bad, and what is there does not fit the state without it.
    BadEdit { offset: u64, why: &'static str },
    /// A segment's header does not fit its neighbours.
    Chain { id: FileId, what: &'static str },
}

/// Decides. Nothing is changed on disk before this has said yes.
pub(crate) fn recover(found: &Found) -> Result<Recovery, RecoveryFault> {
    let durable = &found.manifest.durable;
    check_ssts(found)?;
    let (older, newer): (Vec<_>, Vec<_>) =
        found.segments.iter().cloned().partition(|segment| segment.id < durable.floor);
    let chained = chain(durable, newer);
    #[cfg(feature = "planted")]
    let chained = planted(found, chained);
    let (replay, unfinished) = chained.map_err(|fault| forgiveness(found, fault))?;
    let named: BTreeSet<FileId> = durable.ssts.iter().map(|sst| sst.id).collect();
    let highest = named.iter().chain(found.ssts.keys()).chain(&found.other_ids).copied();
    let highest = highest.chain(found.segments.iter().map(|segment| segment.id)).max();
    Ok(Recovery {
        durable: durable.clone(),
        replay,
        garbage_segments: older.iter().chain(&unfinished).map(|segment| segment.id).collect(),
        garbage_ssts: found.ssts.keys().filter(|id| !named.contains(id)).copied().collect(),
        next_file: highest.map_or(FileId::new(1), FileId::next).max(durable.next_file),
    })
}

/// A bad last edit is only then no damage when the state without it is whole.
fn forgiveness(found: &Found, fault: RecoveryFault) -> RecoveryFault {
    match found.manifest.bad_edit {
        Some(offset) => RecoveryFault::BadEdit { offset, why: "the WAL no longer begins at the floor that remains" },
        None => fault,
    }
}

fn check_ssts(found: &Found) -> Result<(), RecoveryFault> {
    let named = &found.manifest.durable.ssts;
    let missing: Vec<FileId> = named.iter().map(|sst| sst.id).filter(|id| !found.ssts.contains_key(id)).collect();
    match found.manifest.bad_edit {
        Some(offset) if !missing.is_empty() => {
            return Err(RecoveryFault::BadEdit { offset, why: "SSTs of the state without it are gone" });
        }
        _ if !missing.is_empty() => return Err(RecoveryFault::MissingSsts(missing)),
        _ => {}
    }
    for sst in named {
        let length = found.ssts.get(&sst.id).copied().unwrap_or_default();
        if length != sst.len {
            return Err(RecoveryFault::SstLength { id: sst.id, named: sst.len, found: length });
        }
    }
    Ok(())
}

type Chain = (Vec<(FoundSegment, ReplayEnd)>, Vec<FoundSegment>);

/// The segments from the floor on, each sealed by the next; and those of openings that did not finish.
///
/// An opening makes its first segment, which names no predecessor, before the manifest moves the floor to it, and takes
/// no write until then. Such a segment beyond the floor is empty, whatever else happened.
fn chain(durable: &Durable, mut segments: Vec<FoundSegment>) -> Result<Chain, RecoveryFault> {
    segments.sort_by_key(|segment| segment.id);
    let is_first = |segment: &FoundSegment| segment.predecessor.is_none() && segment.id != durable.floor;
    let (unfinished, chain): (Vec<_>, Vec<_>) = segments.into_iter().partition(is_first);
    // Floor 0: the database was made, and no opening of it has ever finished.
    let no_segment_yet = durable.floor == FileId::default();
    match chain.first() {
        None if no_segment_yet => return Ok((Vec::new(), unfinished)),
        Some(first) if first.id == durable.floor && !no_segment_yet => {
            if first.last_seq > durable.flushed_seq {
                let what = "it begins behind the newest flushed record: records between are missing";
                return Err(RecoveryFault::Chain { id: first.id, what });
            }
        }
        _ => return Err(RecoveryFault::MissingSegment(durable.floor)),
    }
    let mut replay = Vec::with_capacity(chain.len());
    for (at, segment) in chain.iter().enumerate() {
        let end = match chain.get(at + 1) {
            None => ReplayEnd::Tail,
            Some(next) => match next.predecessor {
                Some((id, length)) if id == segment.id => ReplayEnd::Sealed(length),
                Some((id, _)) if id > segment.id => return Err(RecoveryFault::MissingSegment(id)),
                _ => {
                    return Err(RecoveryFault::Chain {
                        id: next.id,
                        what: "it names an older predecessor than the one found",
                    });
                }
            },
        };
        replay.push((segment.clone(), end));
    }
    Ok((replay, unfinished))
}

/// 8: a bad edit makes recovery give up the log, although it is sound, or instead of refusing.
#[cfg(feature = "planted")]
fn planted(found: &Found, chained: Result<Chain, RecoveryFault>) -> Result<Chain, RecoveryFault> {
    use crate::planted::is;
    match chained {
        chained if found.manifest.bad_edit.is_none() => chained,
        Ok((_, unfinished)) if is("bad_edit_gives_up_a_sound_log") => Ok((Vec::new(), unfinished)),
        Err(_) if is("bad_edit_begins_the_log_anew") => Ok(Chain::default()),
        chained => chained,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(id: u64, last_seq: u64, predecessor: Option<(u64, u64)>) -> FoundSegment {
        let predecessor = predecessor.map(|(id, length)| (FileId::new(id), length));
        FoundSegment { id: FileId::new(id), last_seq, predecessor }
    }

    fn found(floor: u64, flushed_seq: u64, segments: Vec<FoundSegment>) -> Found {
        let durable = Durable { floor: FileId::new(floor), flushed_seq, ..Durable::default() };
        Found { manifest: FoundManifest { durable, bad_edit: None }, segments, ..Found::default() }
    }

    #[test]
    fn a_chain_is_replayed_from_the_floor_and_older_segments_are_garbage() {
        let segments = vec![segment(2, 0, None), segment(5, 7, Some((2, 900))), segment(6, 9, Some((5, 300)))];
        let recovery = recover(&found(5, 7, segments.clone())).unwrap();
        let replay = vec![(segments[1].clone(), ReplayEnd::Sealed(300)), (segments[2].clone(), ReplayEnd::Tail)];
        assert_eq!(recovery.replay, replay);
        assert_eq!((recovery.garbage_segments, recovery.next_file), (vec![FileId::new(2)], FileId::new(7)));
    }

    #[test]
    fn a_record_counts_if_no_sst_has_it_wherever_the_floor_is() {
        let segments = vec![segment(2, 0, None), segment(5, 7, Some((2, 900)))];
        let recovery = recover(&found(2, 7, segments)).unwrap();
        assert_eq!(recovery.replay.len(), 2, "the floor lags behind what is flushed");
        assert!(!recovery.counts(1) && !recovery.counts(7) && recovery.counts(8));
    }

    #[test]
    fn a_hole_in_the_chain_is_refused() {
        let segments = vec![segment(5, 7, None), segment(8, 9, Some((6, 300)))];
        assert_eq!(recover(&found(5, 7, segments)), Err(RecoveryFault::MissingSegment(FileId::new(6))));
        assert_eq!(recover(&found(5, 7, vec![])), Err(RecoveryFault::MissingSegment(FileId::new(5))));
        let late = vec![segment(5, 8, None)];
        assert!(matches!(recover(&found(5, 7, late)), Err(RecoveryFault::Chain { .. })));
    }

    #[test]
    fn an_unfinished_opening_leaves_only_garbage() {
        let segments = vec![segment(5, 7, None), segment(6, 9, None)];
        let recovery = recover(&found(5, 7, segments.clone())).unwrap();
        assert_eq!(recovery.replay, vec![(segments[0].clone(), ReplayEnd::Tail)]);
        assert_eq!(recovery.garbage_segments, vec![FileId::new(6)]);
        let fresh = recover(&found(0, 0, vec![segment(1, 0, None)])).unwrap();
        assert_eq!((fresh.replay.len(), fresh.garbage_segments), (0, vec![FileId::new(1)]));
    }

    #[test]
    fn a_bad_edit_is_forgiven_only_while_the_floor_is_there() {
        let mut state = found(5, 7, vec![segment(5, 7, None)]);
        state.manifest.bad_edit = Some(99);
        assert!(recover(&state).is_ok());
        state.segments = vec![segment(6, 9, Some((5, 300)))];
        assert!(matches!(recover(&state), Err(RecoveryFault::BadEdit { offset: 99, .. })));
    }
}
