//! Entry points for the text forms (selectors, series keys, timestamps) and for batches.
//!
//! What was read must be the same after it was written and read again.

use super::fuzz_input::FuzzInput;
use super::wal::{OwnedRecord, check_wal_round_trip};
use crate::format::bytes::ByteReader;
use crate::format::bytes::series_key::{put_key, read_key};
use crate::sync::Arc;
use crate::types::point::{Batch, BatchSeries, SeriesRef, Timestamp, Value, ValueType};
use crate::types::selector::Selector;
use crate::types::series::{SeriesId, SeriesInfo, SeriesKey};

/// Maximum length of a text, in bytes.
///
/// Longer input is skipped: command lines and labels are shorter, and the cost of a pattern grows with its length.
const MAX_TEXT: usize = 4 << 10;

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok().filter(|text| text.len() <= MAX_TEXT)
}

/// Parses a selector. Its text form must parse to the same selector.
///
/// # Panics
/// If it does not.
pub fn selector(data: &[u8]) {
    let Some(Ok(select)) = text(data).map(str::parse::<Selector>) else { return };
    let written = select.to_string();
    let again: Option<Selector> = written.parse().ok();
    assert_eq!(again.as_ref(), Some(&select), "written as {written}");
    for key in [SeriesKey::new("up"), SeriesKey::new("temp").tag("station", "JFK").tag("host", "web-1")] {
        assert_eq!(again.as_ref().map(|again| again.matches(&key)), Some(select.matches(&key)));
    }
}

/// Parses a series key from its text form and from its encoded form.
///
/// # Panics
/// If a key changes when it is written and read again.
pub fn key(data: &[u8]) {
    if let Some(Ok(key)) = text(data).map(str::parse::<SeriesKey>) {
        assert!(key.validate().is_ok(), "a key that breaks the rules was read");
        assert_eq!(key.to_string().parse::<SeriesKey>().ok(), Some(key.clone()), "written as {key}");
        check_key_round_trip(&key);
    }
    if let Ok(key) = read_key(&mut ByteReader::new(data)) {
        assert!(key.validate().is_ok(), "a key that breaks the rules was read from bytes");
        check_key_round_trip(&key);
    }
}

fn check_key_round_trip(key: &SeriesKey) {
    let mut bytes = Vec::new();
    put_key(&mut bytes, key);
    let mut reader = ByteReader::new(&bytes);
    assert_eq!(read_key(&mut reader).as_ref(), Ok(key));
    assert!(reader.is_empty());
}

/// Parses a timestamp, and formats an arbitrary one.
///
/// # Panics
/// If a timestamp changes when it is written and read again.
pub fn timestamp(data: &[u8]) {
    let any = Timestamp::from_nanos(FuzzInput::new(data).word().cast_signed());
    let read = text(data).and_then(|text| text.parse::<Timestamp>().ok());
    for at in read.into_iter().chain([any]) {
        assert_eq!(at.to_string().parse::<Timestamp>().ok(), Some(at), "written as {at}");
    }
}

/// Fills an arbitrary batch through the public methods and writes it to a WAL.
///
/// # Panics
/// If a batch that is not refused is read back changed.
pub fn batch(data: &[u8]) {
    let mut input = FuzzInput::new(data);
    let mut batch = Batch::new();
    let mut keys = vec![SeriesKey::new("m")];
    let (mut nanos, mut bits) = (0_u64, 0_u64);
    let mut pushed = 0;
    while !input.is_empty() {
        let [new_key, any_time, any_value, backwards, type_low, type_high] = input.flags();
        if new_key {
            keys.push(any_key(&mut input));
        }
        let key = &keys[usize::from(input.byte()) % keys.len()];
        let step = if any_time { input.word() } else { input.number() };
        nanos = if backwards { nanos.wrapping_sub(step) } else { nanos.wrapping_add(step) };
        bits = if any_value { input.word() } else { bits.wrapping_add(1) };
        let ty = match (type_low, type_high) {
            (false, false) => ValueType::F64,
            (true, false) => ValueType::I64,
            (false, true) => ValueType::U64,
            (true, true) => ValueType::Bool,
        };
        batch.push_key(key, Timestamp::from_nanos(nanos.cast_signed()), Value::from_bits(ty, bits));
        pushed += 1;
    }
    assert_eq!(batch.len(), pushed);
    if batch.validate(0).is_ok() {
        check_wal_round_trip(0, &[record_of_batch(&batch)]);
    }
}

/// Builds a key of arbitrary texts. It may break the rules for keys; the write checks them.
fn any_key(input: &mut FuzzInput<'_>) -> SeriesKey {
    let mut text = || {
        let len = usize::from(input.byte()) % 24;
        String::from_utf8_lossy(input.bytes(len)).into_owned()
    };
    let key = SeriesKey::new(text());
    (0..text().len()).fold(key, |key, _| key.tag(text(), text()))
}

/// Builds the record that the writer makes of a batch in which every series is new.
fn record_of_batch(batch: &Batch) -> OwnedRecord {
    let ids = || (0..).map(SeriesId::new);
    let define = |(id, series): (SeriesId, &BatchSeries)| {
        let BatchSeries::Key { key, value_type, .. } = series else { unreachable!("only keys are pushed") };
        Arc::new(SeriesInfo {
            id,
            key: key.clone(),
            value_type: *value_type,
            duplicates: crate::types::duplicate_policy::DuplicatePolicy::default(),
            seq: 1,
        })
    };
    let all: Vec<SeriesId> = ids().take(batch.series().len()).collect();
    let id = |target| match target {
        SeriesRef::Id(id) => id,
        SeriesRef::Index(nth) => all[nth],
    };
    OwnedRecord {
        seq: 1,
        definitions: ids().zip(batch.series()).map(define).collect(),
        series: batch.series_refs().map(id).collect(),
        timestamps: batch.timestamps().to_vec(),
        bits: batch.bits().to_vec(),
        delete: None,
        metadata: None,
    }
}
