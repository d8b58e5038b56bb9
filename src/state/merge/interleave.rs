//! Merge of two runs that interleave with few consecutive points of each.

use super::column_buffer::ColumnBuffer;

/// Moves points of two runs to the end of `out` in time order, at equal times those of the older run first.
///
/// Ends when either run has no more points, before the first time at or after `limit`, or after `max` points. A comparison
/// selects the next point, and no branch depends on it: where runs interleave, half of such branches are mispredicted.
pub(super) fn interleave<T: Copy>(
    older: &mut ColumnBuffer<T>,
    newer: &mut ColumnBuffer<T>,
    limit: Option<i64>,
    max: usize,
    out: &mut ColumnBuffer<T>,
) {
    let (older_times, older_values) = (older.timestamps(), older.values());
    let (newer_times, newer_values) = (newer.timestamps(), newer.values());
    let (mut older_at, mut newer_at) = (0, 0);
    out.timestamps.reserve(max);
    out.values.reserve(max);
    for _ in 0..max {
        let (Some(older_time), Some(newer_time)) = (older_times.get(older_at), newer_times.get(newer_at)) else {
            break;
        };
        let is_older = older_time <= newer_time;
        let time = if is_older { *older_time } else { *newer_time };
        if limit.is_some_and(|limit| time.as_nanos() >= limit) {
            break;
        }
        out.timestamps.push(time);
        out.values.push(if is_older { older_values[older_at] } else { newer_values[newer_at] });
        older_at += usize::from(is_older);
        newer_at += usize::from(!is_older);
    }
    older.remove_front(older_at);
    newer.remove_front(newer_at);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::point::Timestamp;

    fn buffer(times: &[i64], first_value: i64) -> ColumnBuffer<i64> {
        let mut buffer = ColumnBuffer::new();
        buffer.timestamps.extend(times.iter().copied().map(Timestamp::from_nanos));
        buffer.values.extend((first_value..).take(times.len()));
        buffer
    }

    fn merged(limit: Option<i64>, max: usize) -> (Vec<(i64, i64)>, [usize; 2]) {
        let (mut older, mut newer) = (buffer(&[1, 3, 3, 7], 10), buffer(&[0, 3, 4, 9, 9], 20));
        let mut out = buffer(&[-5], 0);
        interleave(&mut older, &mut newer, limit, max, &mut out);
        let points = out.timestamps().iter().map(|at| at.as_nanos()).zip(out.values().iter().copied()).collect();
        (points, [older.values().len(), newer.values().len()])
    }

    #[test]
    fn points_are_in_time_order_and_at_equal_times_the_older_run_is_first() {
        let expected = vec![(-5, 0), (0, 20), (1, 10), (3, 11), (3, 12), (3, 21), (4, 22), (7, 13)];
        assert_eq!(merged(None, 100), (expected.clone(), [0, 2]));
        assert_eq!(merged(Some(4), 100), (expected[..6].to_vec(), [1, 3]));
        assert_eq!(merged(None, 2), (expected[..3].to_vec(), [3, 4]));
        assert_eq!(merged(Some(0), 100), (expected[..1].to_vec(), [4, 5]));
    }
}
