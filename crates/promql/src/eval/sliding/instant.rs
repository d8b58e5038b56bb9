//! Columns of instant selectors.

use super::super::column::{Column, MISSING, is_present};
use super::super::window::{Anchor, Extent, Samples, Steps, Window, interpolate};
use super::bounds::Bounds;

/// Returns the column of an instant selector: at each step the newest sample of at most the lookback.
///
/// A staleness marker hides older samples. `value` makes the result from time and value of the sample.
pub(crate) fn newest(
    samples: &Samples,
    (steps, anchor): (&Steps, Anchor),
    lookback: i64,
    bounds: &mut Bounds,
    value: impl Fn(i64, f64) -> f64,
) -> Column {
    bounds.find(&samples.times, steps, anchor, Extent { range: lookback, before: 0, after: 0 });
    let newest = |behind: usize| Some((*samples.times.get(behind - 1)?, *samples.values.get(behind - 1)?));
    bounds.column(|_, behind| match newest(behind) {
        Some((time, found)) if is_present(found) => value(time, found),
        _ => MISSING,
    })
}

/// Returns the column of a `smoothed` instant selector: at each step the value interpolated between the samples around it.
///
/// Without a later sample within the lookback the earlier value counts.
pub(crate) fn smoothed(
    samples: &Samples,
    (steps, anchor): (&Steps, Anchor),
    lookback: i64,
    bounds: &mut Bounds,
) -> Column {
    let extent = Extent { range: 0, before: lookback, after: lookback };
    bounds.find(&samples.times, steps, anchor, extent);
    bounds.column_of_windows(samples, (steps, anchor, extent), |_, window| {
        let next = window.times.partition_point(|time| *time < window.end);
        let later = sample(window, next);
        match (next.checked_sub(1).and_then(|previous| sample(window, previous)), later) {
            (_, Some((time, value))) if time == window.end => Some(value),
            (Some(previous), Some(later)) => Some(interpolate(previous, later, window.end, false)),
            (Some((_, value)), None) => Some(value),
            (None, _) => None,
        }
    })
}

fn sample(window: &Window<'_>, at: usize) -> Option<(i64, f64)> {
    Some((*window.times.get(at)?, *window.values.get(at)?))
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::cast_precision_loss, reason = "the values are exact")]
mod tests {
    use super::*;

    const LOOKBACK: i64 = 5;

    fn samples(pairs: &[(i64, f64)]) -> Samples {
        let mut samples = Samples::default();
        for (time, value) in pairs {
            samples.push(*time, *value);
        }
        samples
    }

    #[test]
    fn the_newest_sample_counts_for_the_lookback_unless_it_is_stale() {
        let samples = samples(&[(0, 1.0), (2, 2.0), (2, 3.0), (4, MISSING), (10, 7.0)]);
        let steps = Steps { start: -1, step: 1, count: 18 };
        let bounds = &mut Bounds::default();
        let column = newest(&samples, (&steps, Anchor { at: None, offset: 0 }), LOOKBACK, bounds, |_, value| value);
        let expected = [(1, 1.0), (2, 1.0), (3, 3.0), (4, 3.0), (11, 7.0), (12, 7.0), (13, 7.0), (14, 7.0), (15, 7.0)];
        assert_eq!(column.present().collect::<Vec<_>>(), expected);
        let pinned = (&steps, Anchor { at: Some(3), offset: 1 });
        let column = newest(&samples, pinned, LOOKBACK, bounds, |time, _| time as f64);
        assert!((0..18).all(|step| column.at(step) == 2.0));
    }

    #[test]
    fn smoothed_values_lie_on_the_line_between_samples() {
        let data = samples(&[(0, 0.0), (4, 8.0)]);
        let steps = Steps { start: -1, step: 1, count: 12 };
        let column = smoothed(&data, (&steps, Anchor { at: None, offset: 0 }), LOOKBACK, &mut Bounds::default());
        let line = [0.0, 2.0, 4.0, 6.0, 8.0, 8.0, 8.0, 8.0, 8.0];
        assert_eq!((column.span(), column.values()), (1..10, &line[..]));
    }
}
