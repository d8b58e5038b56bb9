//! Encoding of the progress of retention in a manifest edit.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::format::bytes::{
    ByteReader, DecodeResult, put_bytes, put_option, put_varint, put_zigzag, read_bytes, read_option,
    read_optional_zigzag,
};
use crate::state::version::{AgeProgress, PendingAge, PendingTime, RetentionProgress};

/// Lower bound on the length of the age of a rule, in bytes: an empty selector, an age and a flag.
const MIN_RULE_BYTES: usize = 3;

pub(super) fn put_retention(out: &mut Vec<u8>, progress: &RetentionProgress) {
    let RetentionProgress { trusted_time, pending_time, next_time, size_cutoff, age, rule_ages } = progress;
    put_option(out, *trusted_time, put_zigzag);
    put_option(out, *size_cutoff, put_zigzag);
    put_option(out, *pending_time, put_pending_time);
    put_option(out, *next_time, put_pending_time);
    put_age(out, *age);
    put_varint(out, rule_ages.len() as u64);
    for (selector, age) in rule_ages {
        put_bytes(out, selector);
        put_age(out, *age);
    }
}

fn put_pending_time(out: &mut Vec<u8>, PendingTime { claimed, advance, served }: PendingTime) {
    put_zigzag(out, claimed);
    put_duration(out, advance);
    put_duration(out, served);
}

fn put_age(out: &mut Vec<u8>, AgeProgress { applied, pending }: AgeProgress) {
    put_zigzag(out, applied);
    put_option(out, pending, |out, PendingAge { age, served }| {
        put_zigzag(out, age);
        put_duration(out, served);
    });
}

fn put_duration(out: &mut Vec<u8>, duration: Duration) {
    put_varint(out, u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
}

pub(super) fn read_retention(reader: &mut ByteReader<'_>) -> DecodeResult<RetentionProgress> {
    let (trusted_time, size_cutoff) = (read_optional_zigzag(reader)?, read_optional_zigzag(reader)?);
    let pending_time = read_option(reader, read_pending_time)?;
    let next_time = read_option(reader, read_pending_time)?;
    let age = read_age(reader)?;
    let mut rule_ages = BTreeMap::new();
    for _ in 0..reader.count(MIN_RULE_BYTES)? {
        let selector = read_bytes(reader)?.to_vec();
        // In order and without repetition, so that a state has one encoding.
        if rule_ages.last_key_value().is_some_and(|(last, _)| *last >= selector) {
            return Err("the retention rules are out of order".to_owned());
        }
        rule_ages.insert(selector, read_age(reader)?);
    }
    Ok(RetentionProgress { trusted_time, size_cutoff, pending_time, next_time, age, rule_ages })
}

fn read_pending_time(reader: &mut ByteReader<'_>) -> DecodeResult<PendingTime> {
    let claimed = reader.zigzag_i64()?;
    Ok(PendingTime { claimed, advance: read_duration(reader)?, served: read_duration(reader)? })
}

fn read_age(reader: &mut ByteReader<'_>) -> DecodeResult<AgeProgress> {
    let applied = read_age_nanos(reader)?;
    let pending =
        read_option(reader, |reader| Ok(PendingAge { age: read_age_nanos(reader)?, served: read_duration(reader)? }))?;
    Ok(AgeProgress { applied, pending })
}

fn read_age_nanos(reader: &mut ByteReader<'_>) -> DecodeResult<i64> {
    let age = reader.zigzag_i64()?;
    if age > 0 { Ok(age) } else { Err("a retention age is not positive".to_owned()) }
}

fn read_duration(reader: &mut ByteReader<'_>) -> DecodeResult<Duration> {
    Ok(Duration::from_nanos(reader.varint_u64()?))
}
