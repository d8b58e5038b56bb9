//! Tests of the series log: exactly the definitions below its valid length are read.

use super::*;
use crate::format::manifest::{SERIES_LOG, SERIES_LOG_MAGIC};
use crate::sync::Arc;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::point::ValueType;
use crate::types::series::{SeriesDef, SeriesKey};

fn definitions(ids: std::ops::Range<u32>) -> Vec<Arc<SeriesDef>> {
    let types = [ValueType::F64, ValueType::I64, ValueType::U64, ValueType::Bool];
    ids.map(|id| {
        let key = SeriesKey::new("cpu").tag("host", format!("h{}", id / 4)).tag("core", format!("{}", id % 4));
        let (ty, seq) = (types[id as usize % 4], u64::from(id / 3 + 1));
        Arc::new(SeriesDef { id: SeriesId::new(id), key, ty, duplicates: DuplicatePolicy::KeepFirst, seq })
    })
    .collect()
}

fn plain(definitions: &[Arc<SeriesDef>]) -> Vec<SeriesDef> {
    definitions.iter().map(|definition| (**definition).clone()).collect()
}

fn new_log(dir: &Dir) -> SeriesLog {
    SeriesLog::open(dir.clone(), UUID, 0, 0).unwrap()
}

#[test]
fn definitions_are_read_back_by_a_new_reader() {
    let (_temp, dir) = temp();
    assert_eq!(SeriesLog::read(&dir, UUID, 0).unwrap(), []);
    let mut log = new_log(&dir);
    assert_eq!(log.append(&[]).unwrap(), 0);
    let all = definitions(0..3_000);
    let first = log.append(&all[..5]).unwrap();
    let second = log.append(&all[5..2_500]).unwrap();
    assert_eq!(SeriesLog::read(&dir, UUID, first).unwrap(), plain(&all[..5]));
    assert_eq!(SeriesLog::read(&dir, UUID, second).unwrap(), plain(&all[..2_500]));
    // Bytes beyond the valid length are cut off, and the ids in them are used again.
    let mut log = SeriesLog::open(dir.clone(), UUID, first, 5).unwrap();
    let len = log.append(&all[5..]).unwrap();
    assert_eq!(SeriesLog::read(&dir, UUID, len).unwrap(), plain(&all));
    assert!(matches!(SeriesLog::read(&dir, Uuid::nil(), len), Err(Error::ForeignFile { .. })));
}

#[test]
fn every_bit_and_cut_below_the_valid_length_is_damage() {
    let (temp, dir) = temp();
    let path = temp.path().join(SERIES_LOG);
    let mut log = new_log(&dir);
    log.append(&definitions(0..3)).unwrap();
    let len = log.append(&definitions(3..6)).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes.len() as u64, len);
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        overwrite(&path, &bad);
        let error = SeriesLog::read(&dir, UUID, len).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. } | Error::UnsupportedVersion { .. }), "bit {bit}: {error}");
    }
    for cut in 0..bytes.len() {
        overwrite(&path, &bytes[..cut]);
        assert!(matches!(SeriesLog::read(&dir, UUID, len), Err(Error::Corrupt { .. })), "cut at {cut}");
    }
    std::fs::write(&path, [&bytes[..], b"beyond"].concat()).unwrap();
    assert_eq!(SeriesLog::read(&dir, UUID, len).unwrap().len(), 6);
    for wrong in [1, 128 + 8, len - 8, len + 6] {
        assert!(matches!(SeriesLog::read(&dir, UUID, wrong), Err(Error::Corrupt { .. })), "length {wrong}");
    }
}

#[test]
fn an_append_may_fail_at_each_call_and_named_definitions_stay() {
    for new in [true, false] {
        let prepared = || {
            let (temp, plain) = temp();
            let env = FaultyEnv::default();
            let mut log = new_log(&env.dir(temp.path()));
            let named = if new { 0 } else { log.append(&definitions(0..2)).unwrap() };
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
            assert_eq!(SeriesLog::read(&dir, UUID, named).unwrap(), plain(&definitions(0..from)), "{call:?}");
            let again = log.append(&definitions(from..9));
            if matches!(call, EnvCall::Sync(_)) {
                assert!(matches!(again, Err(Error::ReadOnly { .. })), "{call:?}");
            } else {
                let len = again.unwrap();
                assert_eq!(SeriesLog::read(&dir, UUID, len).unwrap(), plain(&definitions(0..9)), "{call:?}");
            }
        }
    }
}

#[test]
fn a_million_definitions_are_read_in_well_under_two_seconds() {
    let (_temp, dir) = temp();
    let all = definitions(0..1_000_000);
    let len = new_log(&dir).append(&all).unwrap();
    let begin = std::time::Instant::now();
    let found = SeriesLog::read(&dir, UUID, len).unwrap();
    println!("{:?} for {len} bytes", begin.elapsed());
    assert_eq!((found.len(), &found[999_999]), (1_000_000, &*all[999_999]));
}

#[test]
fn a_series_log_equals_the_golden_file_of_version_1() {
    let (temp, dir) = temp();
    let mut log = new_log(&dir);
    log.append(&definitions(0..3)).unwrap();
    let len = log.append(&definitions(3..8)).unwrap();
    let bytes = std::fs::read(temp.path().join(SERIES_LOG)).unwrap();
    assert_golden("series.log", &bytes, include_bytes!("../../../../tests/golden/v1/series.log"));
    std::fs::write(temp.path().join(SERIES_LOG), include_bytes!("../../../../tests/golden/v1/series.log")).unwrap();
    assert_eq!(SeriesLog::read(&dir, UUID, len).unwrap(), plain(&definitions(0..8)));
}

/// Appends the frame of a group of definitions.
fn put(bytes: &mut Vec<u8>, first_id: u64, body: &[u8]) {
    let crc = crate::format::bytes::SaltedCrc::new(&SERIES_LOG_MAGIC, UUID, 0);
    put_frame(bytes, crc, 0, FrameHeader::new(1, first_id, 0), |out| out.extend_from_slice(body)).unwrap();
}

#[test]
fn a_group_with_a_smaller_seq_than_the_one_before_it_is_damage() {
    let (_temp, dir) = temp();
    let mut bytes = LogHeader::new(UUID, 0).to_bytes(SERIES_LOG_MAGIC).to_vec();
    // One definition each: type f64, the seq, a metric of one letter without tags.
    put(&mut bytes, 0, &[1, 1, 5, 1, b'a', 0]);
    let second = bytes.len() as u64;
    put(&mut bytes, 1, &[1, 1, 4, 1, b'b', 0]);
    std::fs::write(dir.file_path(SERIES_LOG), &bytes).unwrap();
    let error = SeriesLog::read(&dir, UUID, bytes.len() as u64).unwrap_err();
    assert!(matches!(error, Error::Corrupt { offset, .. } if offset == second), "{error}");
    assert_eq!(SeriesLog::read(&dir, UUID, second).unwrap().len(), 1);
}
