//! Tests of the series log: exactly the definitions below its valid length are read.

use super::*;
use crate::format::manifest::{SERIES_LOG_MAGIC, series_log_name};
use crate::state::file_id::FileIdAllocator;
use crate::sync::Arc;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::point::ValueType;
use crate::types::series::{SeriesInfo, SeriesKey};

fn definitions(ids: std::ops::Range<u32>) -> Vec<Arc<SeriesInfo>> {
    let types = [ValueType::F64, ValueType::I64, ValueType::U64, ValueType::Bool];
    ids.map(|id| {
        let key = SeriesKey::new("cpu").tag("host", format!("h{}", id / 4)).tag("core", format!("{}", id % 4));
        let (ty, seq) = (types[id as usize % 4], u64::from(id / 3 + 1));
        Arc::new(SeriesInfo { id: SeriesId::new(id), key, value_type: ty, duplicates: DuplicatePolicy::KeepFirst, seq })
    })
    .collect()
}

fn plain(definitions: &[Arc<SeriesInfo>]) -> Vec<SeriesInfo> {
    definitions.iter().map(|definition| (**definition).clone()).collect()
}

const NO_LOG: SeriesLogEnd = SeriesLogEnd { file: FileId::new(0), len: 0 };

/// Returns the end of the first log of a directory at this length.
fn first(len: u64) -> SeriesLogEnd {
    SeriesLogEnd { file: FileId::new(1), len }
}

fn open_log(dir: &Dir, end: SeriesLogEnd, next_id: u32) -> SeriesLog {
    let ids = Arc::new(FileIdAllocator::new(end.file.next()));
    SeriesLog::open(dir.clone(), UUID, ids, end, next_id).unwrap()
}

fn new_log(dir: &Dir) -> SeriesLog {
    open_log(dir, NO_LOG, 0)
}

fn read_log(dir: &Dir, end: SeriesLogEnd) -> Result<Vec<SeriesInfo>> {
    SeriesLog::read(dir, UUID, end)
}

#[test]
fn definitions_are_read_back_by_a_new_reader() {
    let (_temp, dir) = temp();
    assert_eq!(read_log(&dir, NO_LOG).unwrap(), []);
    let mut log = new_log(&dir);
    assert_eq!(log.append(&[]).unwrap(), NO_LOG);
    let all = definitions(0..3_000);
    let five = log.append(&all[..5]).unwrap();
    let more = log.append(&all[5..2_500]).unwrap();
    assert_eq!(log.append(&[]).unwrap(), more);
    assert_eq!(read_log(&dir, five).unwrap(), plain(&all[..5]));
    assert_eq!(read_log(&dir, more).unwrap(), plain(&all[..2_500]));
    // Bytes beyond the valid length are cut off, and the ids in them are used again.
    let end = open_log(&dir, five, 5).append(&all[5..]).unwrap();
    assert_eq!(read_log(&dir, end).unwrap(), plain(&all));
    assert!(matches!(SeriesLog::read(&dir, Uuid::nil(), end), Err(Error::ForeignFile { .. })));
}

#[test]
fn ids_have_gaps() {
    let (_temp, dir) = temp();
    let mut some = definitions(7..2_000);
    some.retain(|def| !def.id.get().is_multiple_of(3));
    some.extend(definitions((1 << 31) - 1..1 << 31));
    let end = new_log(&dir).append(&some).unwrap();
    assert_eq!(read_log(&dir, end).unwrap(), plain(&some));
}

#[test]
fn a_rewritten_log_replaces_the_one_before_once_it_is_named() {
    let (_temp, dir) = temp();
    let mut log = new_log(&dir);
    let all = definitions(0..9);
    let before = log.append(&all[..7]).unwrap();
    let left = [Arc::clone(&all[1]), Arc::clone(&all[5])];
    log.prepare(&left).unwrap();
    assert_eq!(read_log(&dir, before).unwrap(), plain(&all[..7]), "the edit may still be lost");
    let after = log.append(&[]).unwrap();
    assert!(after.file > before.file);
    assert_eq!(read_log(&dir, after).unwrap(), plain(&left));
    log.finish_rewrite().unwrap();
    assert!(matches!(read_log(&dir, before), Err(Error::Io { .. })), "the old log is removed");
    let more = log.append(&all[7..]).unwrap();
    assert_eq!(read_log(&dir, more).unwrap(), [plain(&left), plain(&all[7..])].concat());
    log.prepare(&[]).unwrap();
    let none = log.append(&[]).unwrap();
    log.finish_rewrite().unwrap();
    assert_eq!(read_log(&dir, none).unwrap(), [], "every definition was dropped");
    let last = definitions(9..10);
    assert_eq!(read_log(&dir, open_log(&dir, none, 9).append(&last).unwrap()).unwrap(), plain(&last));
}

#[test]
fn a_rewrite_may_fail_at_each_call_and_nothing_changes() {
    let prepared = || {
        let (temp, plain) = temp();
        let env = FaultyEnv::default();
        let mut log = new_log(&env.dir(temp.path()));
        let named = log.append(&definitions(0..5)).unwrap();
        (temp, plain, env, log, named)
    };
    let calls = {
        let (_temp, _, env, mut log, _) = prepared();
        let before = env.calls().len();
        log.prepare(&definitions(2..4)).unwrap();
        env.calls()[before..].to_vec()
    };
    for (at, call) in calls.iter().enumerate() {
        let (temp, dir, env, mut log, named) = prepared();
        env.inject_after(at, EnvFault::Error(ErrorKind::Other));
        if log.prepare(&definitions(2..4)).is_ok() {
            // The removal of a leftover, of which there is none.
            continue;
        }
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 1, "{call:?}: the new file is removed");
        assert_eq!(log.append(&[]).unwrap(), named, "{call:?}");
        let end = log.append(&definitions(5..6)).unwrap();
        assert_eq!(read_log(&dir, end).unwrap(), plain(&definitions(0..6)), "{call:?}");
        log.prepare(&definitions(2..4)).unwrap();
        assert_eq!(read_log(&dir, log.append(&[]).unwrap()).unwrap(), plain(&definitions(2..4)), "{call:?}");
    }
}

#[test]
fn every_bit_and_cut_below_the_valid_length_is_damage() {
    let (temp, dir) = temp();
    let path = temp.path().join(series_log_name(FileId::new(1)));
    let mut log = new_log(&dir);
    log.append(&definitions(0..3)).unwrap();
    let end = log.append(&definitions(3..6)).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(first(bytes.len() as u64), end);
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        overwrite(&path, &bad);
        let error = read_log(&dir, end).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. } | Error::UnsupportedVersion { .. }), "bit {bit}: {error}");
    }
    for cut in 0..bytes.len() {
        overwrite(&path, &bytes[..cut]);
        assert!(matches!(read_log(&dir, end), Err(Error::Corrupt { .. })), "cut at {cut}");
    }
    std::fs::write(&path, [&bytes[..], b"beyond"].concat()).unwrap();
    assert_eq!(read_log(&dir, end).unwrap().len(), 6);
    for wrong in [1, 128 + 8, end.len - 8, end.len + 6] {
        assert!(matches!(read_log(&dir, first(wrong)), Err(Error::Corrupt { .. })), "length {wrong}");
    }
    overwrite(&path, &bytes);
    std::fs::rename(&path, temp.path().join(series_log_name(FileId::new(2)))).unwrap();
    let renamed = SeriesLogEnd { file: FileId::new(2), ..end };
    assert!(matches!(read_log(&dir, renamed), Err(Error::Corrupt { offset: 0, .. })), "a renamed log");
}

#[test]
fn an_append_may_fail_at_each_call_and_named_definitions_stay() {
    for new in [true, false] {
        let prepared = || {
            let (temp, plain) = temp();
            let env = FaultyEnv::default();
            let mut log = new_log(&env.dir(temp.path()));
            let named = if new { NO_LOG } else { log.append(&definitions(0..2)).unwrap() };
            (temp, plain, env, log, named)
        };
        let from = if new { 0 } else { 2 };
        let calls = {
            let (_temp, _, env, mut log, _) = prepared();
            let before = env.calls().len();
            log.append(&definitions(from..9)).unwrap();
            env.calls()[before..].to_vec()
        };
        for (at, call) in calls.iter().enumerate() {
            let (_temp, dir, env, mut log, named) = prepared();
            env.inject_after(at, EnvFault::Error(ErrorKind::Other));
            log.append(&definitions(from..9)).unwrap_err();
            assert_eq!(read_log(&dir, named).unwrap(), plain(&definitions(0..from)), "{call:?}");
            let again = log.append(&definitions(from..9));
            if matches!(call, EnvCall::Sync(_) | EnvCall::SyncDir(_)) {
                assert!(matches!(again, Err(AppendError::ReadOnly(_))), "{call:?}");
            } else {
                let len = again.unwrap();
                assert_eq!(read_log(&dir, len).unwrap(), plain(&definitions(0..9)), "{call:?}");
            }
        }
    }
}

#[test]
fn appends_and_a_prepared_log_are_taken_back() {
    let (temp, dir) = temp();
    let mut log = new_log(&dir);
    let named = log.append(&definitions(0..4)).unwrap();
    let mark = log.mark();
    log.append(&definitions(4..9)).unwrap();
    log.take_back(mark);
    assert_eq!(log.append(&[]).unwrap(), named);
    log.prepare(&definitions(2..4)).unwrap();
    let prepared = log.append(&definitions(4..6)).unwrap();
    assert_eq!(read_log(&dir, prepared).unwrap(), plain(&definitions(2..6)));
    log.take_back(mark);
    assert!(!temp.path().join(series_log_name(prepared.file)).exists());
    let end = log.append(&definitions(4..7)).unwrap();
    assert_eq!(read_log(&dir, end).unwrap(), plain(&definitions(0..7)));
}

#[test]
fn a_million_definitions_are_read_in_well_under_two_seconds() {
    let (_temp, dir) = temp();
    let all = definitions(0..1_000_000);
    let end = new_log(&dir).append(&all).unwrap();
    let begin = std::time::Instant::now();
    let found = read_log(&dir, end).unwrap();
    println!("{:?} for {} bytes", begin.elapsed(), end.len);
    assert_eq!((found.len(), &found[999_999]), (1_000_000, &*all[999_999]));
}

#[test]
fn a_series_log_equals_the_golden_file_of_version_1() {
    let (temp, dir) = temp();
    let path = temp.path().join(series_log_name(FileId::new(1)));
    let mut log = new_log(&dir);
    log.append(&definitions(0..3)).unwrap();
    let some = [definitions(4..8), definitions(70_000..70_001)].concat();
    let end = log.append(&some).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_golden("v1/series.log", &bytes, include_bytes!("../../../../tests/golden/v1/series.log"));
    std::fs::write(&path, include_bytes!("../../../../tests/golden/v1/series.log")).unwrap();
    assert_eq!(read_log(&dir, end).unwrap(), [plain(&definitions(0..3)), plain(&some)].concat());
}

/// Appends the frame of a group of definitions.
fn put(bytes: &mut Vec<u8>, first_id: u64, body: &[u8]) {
    let crc = crate::format::bytes::SaltedCrc::new(&SERIES_LOG_MAGIC, UUID, 1);
    put_frame(bytes, crc, 0, FrameHeader::new(1, first_id, 0), |out| out.extend_from_slice(body)).unwrap();
}

/// Reads a log of two groups of the given first ids and bodies, of which the second is damage.
fn second_is_damage(groups: [(u64, &[u8]); 2]) {
    let (_temp, dir) = temp();
    let mut bytes = LogHeader::new(UUID, 1).to_bytes(SERIES_LOG_MAGIC).to_vec();
    put(&mut bytes, groups[0].0, groups[0].1);
    let second = bytes.len() as u64;
    put(&mut bytes, groups[1].0, groups[1].1);
    std::fs::write(dir.file_path(&series_log_name(FileId::new(1))), &bytes).unwrap();
    let error = read_log(&dir, first(bytes.len() as u64)).unwrap_err();
    assert!(matches!(error, Error::Corrupt { offset, .. } if offset == second), "{error}");
    assert_eq!(read_log(&dir, first(second)).unwrap().len(), 1);
}

// A definition: the id step, type f64, the seq, a metric of one letter without tags.
#[test]
fn a_group_with_a_smaller_seq_than_the_one_before_it_is_damage() {
    second_is_damage([(0, &[1, 0, 1, 5, 1, b'a', 0]), (1, &[1, 0, 1, 4, 1, b'b', 0])]);
}

#[test]
fn ids_that_do_not_ascend_are_damage() {
    let sound: (u64, &[u8]) = (3, &[1, 0, 1, 5, 1, b'a', 0]);
    second_is_damage([sound, (3, &[1, 0, 1, 5, 1, b'b', 0])]);
    second_is_damage([sound, (4, &[1, 1, 1, 5, 1, b'b', 0])]);
    second_is_damage([sound, (4, &[2, 0, 1, 5, 1, b'b', 0, 0, 1, 5, 1, b'c', 0])]);
    second_is_damage([sound, (1 << 31, &[1, 0, 1, 5, 1, b'b', 0])]);
}
