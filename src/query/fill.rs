//! What stands in windows that have no value.

use super::cut::Cut;
use super::limits::Limits;
use super::windows::Rows;
use crate::error::Result;
use crate::merge::TimeRange;
use crate::point::{Timestamp, Value};

/// What stands in windows without a value.
///
/// With anything but `None`, the windows of a series or group follow one another without a gap: from the range's first
/// window to its last, and where the range is open, from or to the series' own. A series without any value in the
/// range is not in the answer, filled or not. Without `every` there is one window, and nothing to fill.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Fill {
    /// Windows without a value are left out. The default. Of several aggregates, those without a value are `None` in
    /// windows where another has one.
    #[default]
    None,
    /// `None`.
    Null,
    /// The value of the window before it; `None` before the first.
    Previous,
    /// On the line between the values of the windows around it, by their starts, as `f64`; `None` before the first and
    /// after the last. Anything between or next to NaN is NaN.
    Linear,
    /// This value.
    Value(Value),
}

/// Fills the windows of one series or group.
pub(super) fn fill(
    rows: Rows,
    fill: Fill,
    cut: &Cut,
    bounds: (Option<Timestamp>, Option<Timestamp>),
    limits: &Limits<'_>,
) -> Result<Rows> {
    if fill == Fill::None || rows.starts.is_empty() || matches!(cut, Cut::Whole { .. }) {
        return Ok(rows);
    }
    let mut rows = spread(&rows, cut, bounds, limits)?;
    for column in &mut rows.values {
        match fill {
            Fill::None | Fill::Null => {}
            Fill::Previous => previous(column),
            Fill::Linear => linear(column, &rows.starts),
            Fill::Value(value) => column.iter_mut().for_each(|own| *own = own.or(Some(value))),
        }
    }
    Ok(rows)
}

/// The same windows and those between, before and after them.
fn spread(
    rows: &Rows,
    cut: &Cut,
    (first, last): (Option<Timestamp>, Option<Timestamp>),
    limits: &Limits<'_>,
) -> Result<Rows> {
    let mut all = Rows::new(rows.values.len());
    let (Some(own_first), Some(own_last)) = (rows.starts.first(), rows.starts.last()) else { return Ok(all) };
    let until = last.unwrap_or(*own_last);
    let (mut at, mut held) = (first.unwrap_or(*own_first), 0);
    let mut given = 0;
    loop {
        let (start, end) = cut.window(at);
        let is_given = rows.starts.get(given) == Some(&start);
        for (own, column) in all.values.iter_mut().zip(&rows.values) {
            own.push(if is_given { column[given] } else { None });
        }
        all.starts.push(start);
        given += usize::from(is_given);
        let now = all.byte_len();
        if now != held {
            limits.hold(held, now)?;
            held = now;
            if !limits.go_on()? {
                return Ok(all);
            }
        }
        match end.checked_add(1) {
            Some(next) if next <= until.as_nanos() => at = Timestamp::from_nanos(next),
            _ => return Ok(all),
        }
    }
}

fn previous(column: &mut [Option<Value>]) {
    let mut last = None;
    for value in column {
        *value = value.or(last);
        last = *value;
    }
}

fn linear(column: &mut [Option<Value>], starts: &[Timestamp]) {
    let mut before: Option<usize> = None;
    for at in 0..column.len() {
        let Some(value) = column[at] else { continue };
        if let Some((from, low)) = before.and_then(|from| Some((from, column[from]?.as_f64()))) {
            let length = distance(starts[from], starts[at]);
            for between in from + 1..at {
                let share = distance(starts[from], starts[between]) / length;
                let (high, rise) = (value.as_f64(), value.as_f64() - low);
                // From one end of all doubles to the other their distance is beyond them.
                let beyond = rise.is_infinite() && low.is_finite() && high.is_finite();
                let filled = if beyond { low * (1.0 - share) + high * share } else { low + rise * share };
                column[between] = Some(Value::F64(filled));
            }
        }
        before = Some(at);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of a distance is a double")]
fn distance(from: Timestamp, to: Timestamp) -> f64 {
    to.as_nanos().abs_diff(from.as_nanos()) as f64
}

/// What the range says of the first and the last window.
pub(super) fn bounds(range: TimeRange, is_open: (bool, bool)) -> (Option<Timestamp>, Option<Timestamp>) {
    let at = |is_open: bool, nanos| (!is_open).then(|| Timestamp::from_nanos(nanos));
    (at(is_open.0, range.first()), at(is_open.1, range.last()))
}
