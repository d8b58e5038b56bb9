//! Encoding of the progress of retention in a manifest edit.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::format::bytes::{ByteReader, DecodeResult, put_varint, put_zigzag};
use crate::state::version::{AgeProgress, EncodedSelector, PendingAge, PendingTime, RetentionProgress};

/// Lower bound on the length of the age of a rule, in bytes: an empty selector, an age and a flag.
const MIN_RULE_BYTES: usize = 3;

pub(super) fn put_retention(out: &mut Vec<u8>, progress: &RetentionProgress) {
    let RetentionProgress { trusted_time, pending_time, next_time, size_cutoff, age, rule_ages } = progress;
    for time in [trusted_time, size_cutoff] {
        out.push(u8::from(time.is_some()));
        if let Some(time) = time {
            put_zigzag(out, *time);
        }
    }
    for pending in [pending_time, next_time] {
        out.push(u8::from(pending.is_some()));
        if let Some(PendingTime { claimed, advance, served }) = pending {
            put_zigzag(out, *claimed);
            put_duration(out, *advance);
            put_duration(out, *served);
        }
    }
    put_age(out, *age);
    put_varint(out, rule_ages.len() as u64);
    for (selector, age) in rule_ages {
        put_selector(out, selector);
        put_age(out, *age);
    }
}

/// Appends an encoded selector: its length as a varint, then its bytes.
pub(super) fn put_selector(out: &mut Vec<u8>, selector: &[u8]) {
    put_varint(out, selector.len() as u64);
    out.extend_from_slice(selector);
}

/// Reads the bytes of an encoded selector. The opening decodes them.
pub(super) fn read_selector(reader: &mut ByteReader<'_>) -> DecodeResult<EncodedSelector> {
    let len = reader.count(1)?;
    Ok(reader.bytes(len)?.to_vec())
}

fn put_age(out: &mut Vec<u8>, age: AgeProgress) {
    put_zigzag(out, age.applied);
    out.push(u8::from(age.pending.is_some()));
    if let Some(PendingAge { age, served }) = age.pending {
        put_zigzag(out, age);
        put_duration(out, served);
    }
}

fn put_duration(out: &mut Vec<u8>, duration: Duration) {
    put_varint(out, u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
}

pub(super) fn read_retention(reader: &mut ByteReader<'_>) -> DecodeResult<RetentionProgress> {
    let trusted_time = if read_flag(reader)? { Some(reader.zigzag_i64()?) } else { None };
    let size_cutoff = if read_flag(reader)? { Some(reader.zigzag_i64()?) } else { None };
    let (pending_time, next_time) = (read_pending_time(reader)?, read_pending_time(reader)?);
    let age = read_age(reader)?;
    let mut rule_ages = BTreeMap::new();
    for _ in 0..reader.count(MIN_RULE_BYTES)? {
        let selector = read_selector(reader)?;
        // In order and without repetition, so that a state has one encoding.
        if rule_ages.last_key_value().is_some_and(|(last, _)| *last >= selector) {
            return Err("the retention rules are out of order".to_owned());
        }
        rule_ages.insert(selector, read_age(reader)?);
    }
    Ok(RetentionProgress { trusted_time, size_cutoff, pending_time, next_time, age, rule_ages })
}

fn read_pending_time(reader: &mut ByteReader<'_>) -> DecodeResult<Option<PendingTime>> {
    if !read_flag(reader)? {
        return Ok(None);
    }
    let claimed = reader.zigzag_i64()?;
    Ok(Some(PendingTime { claimed, advance: read_duration(reader)?, served: read_duration(reader)? }))
}

fn read_age(reader: &mut ByteReader<'_>) -> DecodeResult<AgeProgress> {
    let applied = read_age_nanos(reader)?;
    let pending = if read_flag(reader)? {
        Some(PendingAge { age: read_age_nanos(reader)?, served: read_duration(reader)? })
    } else {
        None
    };
    Ok(AgeProgress { applied, pending })
}

fn read_age_nanos(reader: &mut ByteReader<'_>) -> DecodeResult<i64> {
    let age = reader.zigzag_i64()?;
    if age > 0 { Ok(age) } else { Err("a retention age is not positive".to_owned()) }
}

fn read_duration(reader: &mut ByteReader<'_>) -> DecodeResult<Duration> {
    Ok(Duration::from_nanos(reader.varint_u64()?))
}

pub(super) fn read_flag(reader: &mut ByteReader<'_>) -> DecodeResult<bool> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err("unknown flag".to_owned()),
    }
}
