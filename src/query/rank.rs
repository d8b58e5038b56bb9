//! Ranking of the rows of a result, and selection of their windows.

use std::cmp::Ordering;

use super::aggregate::Aggregate;
use super::partial::{PartialAggregate, compare_values};
use super::window_aggregator::WindowColumns;
use crate::types::point::Value;

/// Number of rows to keep, and the aggregate that ranks them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rank {
    pub(super) count: usize,
    pub(super) by: Aggregate,
    pub(super) greatest_first: bool,
}

impl Rank {
    /// Returns the best rows, the best first.
    ///
    /// The input is in key order, each row with the aggregate over the range.
    pub(super) fn top_rows<T>(self, rows: Vec<(Option<PartialAggregate>, T)>) -> Vec<T> {
        let value = |total: Option<PartialAggregate>| total.and_then(|total| total.value(self.by));
        let mut ranked: Vec<(Option<Value>, T)> = rows.into_iter().map(|(total, row)| (value(total), row)).collect();
        // A stable sort keeps equal rows in key order.
        ranked.sort_by(|(a, _), (b, _)| self.order(*a, *b));
        ranked.truncate(self.count);
        ranked.into_iter().map(|(_, row)| row).collect()
    }

    fn order(self, a: Option<Value>, b: Option<Value>) -> Ordering {
        let ordered = |value: Option<Value>| value.filter(|value| !value.as_f64().is_nan());
        match (ordered(a), ordered(b)) {
            (Some(a), Some(b)) if self.greatest_first => compare_values(b, a),
            (Some(a), Some(b)) => compare_values(a, b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }
}

/// Windows of each row that are returned.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OutputSlice {
    pub(super) newest_first: bool,
    pub(super) offset: usize,
    pub(super) limit: Option<usize>,
}

impl OutputSlice {
    pub(super) fn apply(self, rows: &mut WindowColumns) {
        let WindowColumns { starts, values } = rows;
        self.apply_to_column(starts);
        for column in values {
            self.apply_to_column(column);
        }
    }

    fn apply_to_column<T>(self, column: &mut Vec<T>) {
        if self.newest_first {
            column.reverse();
        }
        column.drain(..self.offset.min(column.len()));
        column.truncate(self.limit.unwrap_or(usize::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::point::Timestamp;

    #[test]
    fn windows_are_turned_round_before_some_are_left_out() {
        let mut rows = WindowColumns::new(1);
        rows.starts = (0..6).map(Timestamp::from_secs).collect();
        rows.values[0] = (0..6_u64).map(|n| Some(n.into())).collect();
        OutputSlice { newest_first: true, offset: 1, limit: Some(3) }.apply(&mut rows);
        assert_eq!(rows.starts, [4, 3, 2].map(Timestamp::from_secs));
        assert_eq!(rows.values[0], [4_u64, 3, 2].map(|n| Some(n.into())));
        OutputSlice { newest_first: false, offset: 9, limit: None }.apply(&mut rows);
        assert!(rows.starts.is_empty() && rows.values[0].is_empty());
    }

    #[test]
    fn what_has_no_order_comes_last_whichever_way() {
        for greatest_first in [true, false] {
            let rank = Rank { count: 1, by: Aggregate::Max, greatest_first };
            let (one, nan) = (Some(Value::F64(1.0)), Some(Value::F64(f64::NAN)));
            for none in [None, nan] {
                assert_eq!(rank.order(one, none), Ordering::Less);
                assert_eq!(rank.order(none, one), Ordering::Greater);
            }
            assert_eq!(rank.order(None, nan), Ordering::Equal);
        }
    }

    #[test]
    fn integers_beyond_the_doubles_stay_distinct() {
        let rank = Rank { count: 1, by: Aggregate::Max, greatest_first: true };
        let (less, more) = (Some(Value::U64(1 << 53)), Some(Value::U64((1 << 53) + 1)));
        assert_eq!(rank.order(more, less), Ordering::Less);
        assert_eq!(rank.order(Some(Value::I64(-1)), less), Ordering::Greater);
    }
}
