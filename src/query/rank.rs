//! Ranking of the rows of a result, and selection of their windows.

use std::cmp::Ordering;

use super::aggregate::Aggregate;
use super::column::slice_vector;
use super::partial::{OrderedNumber, PartialAggregate};
use super::window_output::WindowColumns;

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
    /// The input is in key order, each row with the aggregate over the range. `end` is the end of the range.
    pub(super) fn top_rows<T>(self, rows: Vec<(Option<PartialAggregate>, T)>, end: Option<i128>) -> Vec<T> {
        let value = |total: Option<PartialAggregate>| total.and_then(|total| total.rank_value(self.by, end));
        let mut ranked: Vec<(Option<OrderedNumber>, T)> =
            rows.into_iter().map(|(total, row)| (value(total), row)).collect();
        // A stable sort keeps equal rows in key order.
        ranked.sort_by(|(a, _), (b, _)| self.order(*a, *b));
        ranked.truncate(self.count);
        ranked.into_iter().map(|(_, row)| row).collect()
    }

    fn order(self, a: Option<OrderedNumber>, b: Option<OrderedNumber>) -> Ordering {
        let ordered = |value: Option<OrderedNumber>| value.filter(|value| !value.is_nan());
        match (ordered(a), ordered(b)) {
            (Some(a), Some(b)) if self.greatest_first => b.compare(a),
            (Some(a), Some(b)) => a.compare(b),
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
        let WindowColumns { starts, values, .. } = rows;
        slice_vector(starts, self.newest_first, self.offset, self.limit);
        for column in values {
            column.slice(self.newest_first, self.offset, self.limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::aggregate::ColumnType;
    use crate::types::point::{Timestamp, Value};

    #[test]
    fn windows_are_turned_round_before_some_are_left_out() {
        let mut rows = WindowColumns::new([ColumnType::U64]);
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
            let (one, nan) = (Some(OrderedNumber::Float(1.0)), Some(OrderedNumber::Float(f64::NAN)));
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
        let (less, more) = ((1 << 53), (1 << 53) + 1);
        let number = |integer| Some(OrderedNumber::Integer(integer));
        assert_eq!(rank.order(number(more), number(less)), Ordering::Less);
        assert_eq!(rank.order(number(-1), number(less)), Ordering::Greater);
    }

    /// If integers were compared with doubles as doubles, 2^53 and 2^53 + 1 would both equal the double 2^53 although
    /// they differ: no order that a sort accepts.
    #[test]
    fn integers_and_doubles_have_one_order() {
        const LARGE: f64 = 9_007_199_254_740_992.0;
        let ascending = [
            vec![Value::F64(f64::NEG_INFINITY)],
            vec![Value::F64(-LARGE), Value::I64(-(1 << 53))],
            vec![Value::F64(-2.5)],
            vec![Value::I64(-2), Value::F64(-2.0)],
            vec![Value::F64(-0.5)],
            vec![Value::F64(-0.0)],
            vec![Value::F64(0.0), Value::I64(0), Value::U64(0), Value::Bool(false)],
            vec![Value::F64(0.5)],
            vec![Value::Bool(true), Value::F64(1.0)],
            vec![Value::U64(1 << 53), Value::F64(LARGE)],
            vec![Value::I64((1 << 53) + 1)],
            vec![Value::F64(LARGE + 2.0), Value::I64((1 << 53) + 2)],
            vec![Value::U64(u64::MAX)],
            vec![Value::F64(18_446_744_073_709_551_616.0)],
            vec![Value::F64(1e300)],
            vec![Value::F64(f64::INFINITY)],
        ];
        let places =
            || ascending.iter().enumerate().flat_map(|(place, values)| values.iter().map(move |v| (place, *v)));
        for ((place, value), (other_place, other)) in places().flat_map(|one| places().map(move |other| (one, other))) {
            let order = OrderedNumber::from(value).compare(other.into());
            assert_eq!(order, place.cmp(&other_place), "{value:?} {other:?}");
        }
    }
}
