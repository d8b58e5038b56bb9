//! Samples of a series, which both versions write in the same way.

use timestrata::Timestamp;

use super::labels::series_key;
use crate::RefusalCode;
use crate::SeriesNumber;
use crate::bodies::body_rows::BodyRows;
use crate::bodies::wire::{WireError, WireReader};

/// Number of the field with the samples of a series.
pub(super) const SAMPLES: u32 = 2;

/// What a series has beside its labels.
#[derive(Debug, Default)]
pub(super) struct SeriesParts {
    pub(super) samples: u64,
    pub(super) histograms: u64,
    pub(super) exemplars: u64,
    /// Place of the first sample in the series.
    pub(super) first_sample: usize,
}

impl SeriesParts {
    /// Counts a sample at this place of the series.
    pub(super) fn add_sample(&mut self, at: usize) {
        if self.samples == 0 {
            self.first_sample = at;
        }
        self.samples += 1;
    }
}

/// Pushes the samples of series `number`, and returns the series; `None` if it has none or is refused.
pub(super) fn push_series(
    number: u64,
    labels: &[u8],
    series: &[u8],
    parts: &SeriesParts,
    out: &mut BodyRows<'_>,
) -> Result<Option<SeriesNumber>, WireError> {
    out.summary.exemplars += parts.exemplars;
    out.summary.histograms += parts.histograms;
    let mut damaged = None;
    let found = out.begin().and_then(|()| {
        out.series(labels, || match series_key(labels) {
            Ok(key) => key,
            Err(error) => {
                damaged = Some(error);
                Err((RefusalCode::BadRow, String::new()))
            }
        })
    });
    if let Some(error) = damaged {
        return Err(error);
    }
    let index = match found {
        Ok(index) => index,
        Err((code, reason)) => {
            out.refuse(number, code, (parts.samples + parts.histograms).max(1), reason);
            return Ok(None);
        }
    };
    if parts.histograms > 0 {
        let reason = "native histograms are not supported: let the sender write classic ones";
        out.refuse(number, RefusalCode::NativeHistogram, parts.histograms, reason);
    }
    let mut fields = WireReader::new(&series[parts.first_sample..]);
    let mut left = parts.samples;
    while left > 0
        && let Some(field) = fields.next()?
    {
        if field.number == SAMPLES {
            push_sample(number, index, field.bytes()?, out)?;
            left -= 1;
        }
    }
    Ok(Some(index))
}

#[inline]
fn push_sample(number: u64, index: SeriesNumber, sample: &[u8], out: &mut BodyRows<'_>) -> Result<(), WireError> {
    let (value, millis) = value_and_millis(sample)?;
    if let Some(time) = Timestamp::checked_from_millis(millis) {
        out.push_point(index, time.as_nanos(), value);
        out.rows.end_row(number);
    } else {
        let reason = format_args!("the time {millis} ms is beyond the years 1677 to 2262");
        out.refuse(number, RefusalCode::TimeRange, 1, reason);
    }
    Ok(())
}

#[inline]
fn value_and_millis(sample: &[u8]) -> Result<(f64, i64), WireError> {
    let (mut value, mut millis) = (0.0, 0);
    let mut fields = WireReader::new(sample);
    while let Some(field) = fields.next()? {
        match field.number {
            1 => value = field.double()?,
            2 => millis = field.varint()?.cast_signed(),
            _ => {}
        }
    }
    Ok((value, millis))
}
