//! Every text form of the engine's: read or refused, and the same when what was read is written and read again.

use super::input::Input;
use super::wal::{Owned, rewrite};
use crate::bytes::Reader;
use crate::bytes::key::{put_key, read_key};
use crate::point::{Batch, Target, Timestamp, Value, ValueType};
use crate::query::Select;
use crate::series::{SeriesDef, SeriesId, SeriesKey};
use crate::sync::Arc;

/// Text longer than this is left alone: what a command line or a label holds is shorter, and a pattern's cost grows.
const MAX_TEXT: usize = 4 << 10;

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok().filter(|text| text.len() <= MAX_TEXT)
}

/// A selector's text: its own text form means the same.
///
/// # Panics
/// If it does not.
pub fn selector(data: &[u8]) {
    let Some(Ok(select)) = text(data).map(str::parse::<Select>) else { return };
    let written = select.to_string();
    let again: Option<Select> = written.parse().ok();
    assert_eq!(again.as_ref(), Some(&select), "written as {written}");
    for key in [SeriesKey::new("up"), SeriesKey::new("temp").tag("station", "JFK").tag("host", "web-1")] {
        assert_eq!(again.as_ref().map(|again| again.matches(&key)), Some(select.matches(&key)));
    }
}

/// A series key's text, and its bytes in a log.
///
/// # Panics
/// If a key that was read is another one when it is written and read again.
pub fn key(data: &[u8]) {
    if let Some(Ok(key)) = text(data).map(str::parse::<SeriesKey>) {
        assert!(key.check().is_ok(), "a key that breaks the rules was read");
        assert_eq!(key.to_string().parse::<SeriesKey>().ok(), Some(key.clone()), "written as {key}");
        key_comes_back(&key);
    }
    if let Ok(key) = read_key(&mut Reader::new(data)) {
        assert!(key.check().is_ok(), "a key that breaks the rules was read from bytes");
        key_comes_back(&key);
    }
}

fn key_comes_back(key: &SeriesKey) {
    let mut bytes = Vec::new();
    put_key(&mut bytes, key);
    let mut reader = Reader::new(&bytes);
    assert_eq!(read_key(&mut reader).as_ref(), Ok(key));
    assert!(reader.is_empty());
}

/// A timestamp's text, and the text of any timestamp.
///
/// # Panics
/// If a moment is another one when it is written and read again.
pub fn timestamp(data: &[u8]) {
    let any = Timestamp::from_nanos(Input::new(data).word().cast_signed());
    let read = text(data).and_then(|text| text.parse::<Timestamp>().ok());
    for at in read.into_iter().chain([any]) {
        assert_eq!(at.to_string().parse::<Timestamp>().ok(), Some(at), "written as {at}");
    }
}

/// Any batch, filled as its user does and written to the log as the engine does.
///
/// # Panics
/// If a batch that is not refused comes back from the log as another.
pub fn batch(data: &[u8]) {
    let mut input = Input::new(data);
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
    if batch.check(0).is_ok() {
        rewrite(0, &[committed(&batch)]);
    }
}

/// A key of any texts; only the write says whether it keeps the rules.
fn any_key(input: &mut Input<'_>) -> SeriesKey {
    let mut text = || {
        let len = usize::from(input.byte()) % 24;
        String::from_utf8_lossy(input.bytes(len)).into_owned()
    };
    let key = SeriesKey::new(text());
    (0..text().len()).fold(key, |key, _| key.tag(text(), text()))
}

/// The record that the writer makes of a batch whose every key is new.
fn committed(batch: &Batch) -> Owned {
    let ids = || (0..).map(SeriesId::new);
    let define = |(id, (key, ty)): (SeriesId, &(SeriesKey, ValueType))| {
        Arc::new(SeriesDef { id, key: key.clone(), ty: *ty, duplicates: crate::options::Duplicates::default(), seq: 1 })
    };
    let all: Vec<SeriesId> = ids().take(batch.keys().len()).collect();
    let id = |target| match target {
        Target::Id(id) => id,
        Target::Key(nth) => all[nth],
    };
    Owned {
        seq: 1,
        definitions: ids().zip(batch.keys()).map(define).collect(),
        series: batch.targets().map(id).collect(),
        timestamps: batch.timestamps().to_vec(),
        bits: batch.bits().to_vec(),
    }
}
