//! Which rows of an answer are given, in which order, and which of their windows.

use std::cmp::Ordering;

use super::aggregate::Aggregate;
use super::cell::{Cell, integer};
use super::windows::Rows;
use crate::point::Value;

/// The best so many rows by an aggregate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rank {
    pub(super) count: usize,
    pub(super) by: Aggregate,
    pub(super) greatest_first: bool,
}

impl Rank {
    /// Leaves the best rows, the best first; rows come in key order, each with all its points as a cell.
    pub(super) fn best<T>(self, rows: Vec<(Option<Cell>, T)>) -> Vec<T> {
        let value = |total: Option<Cell>| total.and_then(|total| total.value(self.by));
        let mut ranked: Vec<(Option<Value>, T)> = rows.into_iter().map(|(total, row)| (value(total), row)).collect();
        // Stable, so that equal ones stay in key order.
        ranked.sort_by(|(a, _), (b, _)| self.order(*a, *b));
        ranked.truncate(self.count);
        ranked.into_iter().map(|(_, row)| row).collect()
    }

    fn order(self, a: Option<Value>, b: Option<Value>) -> Ordering {
        let ordered = |value: Option<Value>| value.filter(|value| !value.as_f64().is_nan());
        // Integers beyond 2^53 are told apart as what they are.
        let least_first = |a: Value, b: Value| match (integer(a), integer(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.as_f64().total_cmp(&b.as_f64()),
        };
        match (ordered(a), ordered(b)) {
            (Some(a), Some(b)) if self.greatest_first => least_first(b, a),
            (Some(a), Some(b)) => least_first(a, b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }
}

/// Which windows of each row are given.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shown {
    pub(super) newest_first: bool,
    pub(super) offset: usize,
    pub(super) limit: Option<usize>,
}

impl Shown {
    pub(super) fn of(self, rows: &mut Rows) {
        let Rows { starts, values } = rows;
        self.cut(starts);
        for column in values {
            self.cut(column);
        }
    }

    fn cut<T>(self, column: &mut Vec<T>) {
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
    use crate::point::Timestamp;

    #[test]
    fn windows_are_turned_round_before_some_are_left_out() {
        let mut rows = Rows::new(1);
        rows.starts = (0..6).map(Timestamp::from_secs).collect();
        rows.values[0] = (0..6_u64).map(|n| Some(n.into())).collect();
        Shown { newest_first: true, offset: 1, limit: Some(3) }.of(&mut rows);
        assert_eq!(rows.starts, [4, 3, 2].map(Timestamp::from_secs));
        assert_eq!(rows.values[0], [4_u64, 3, 2].map(|n| Some(n.into())));
        Shown { newest_first: false, offset: 9, limit: None }.of(&mut rows);
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
    fn integers_beyond_the_doubles_are_told_apart() {
        let rank = Rank { count: 1, by: Aggregate::Max, greatest_first: true };
        let (less, more) = (Some(Value::U64(1 << 53)), Some(Value::U64((1 << 53) + 1)));
        assert_eq!(rank.order(more, less), Ordering::Less);
        assert_eq!(rank.order(Some(Value::I64(-1)), less), Ordering::Greater);
    }
}
