//! `sort`, `sort_desc`, `sort_by_label` and `sort_by_label_desc`: the order of an instant query's result.

use std::cmp::Ordering;

use super::super::error::QueryError;
use super::super::evaluator::Evaluator;
use super::super::labels::Labels;
use super::super::row::Row;
use super::super::text::natural_order;
use super::super::window::Steps;
use crate::ast::{Call, Function};

impl Evaluator<'_> {
    pub(super) fn eval_sort(&mut self, call: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let mut rows = self.rows_argument(call, 0, steps)?;
        if self.query.count > 1 {
            self.annotations.ineffective_sort(call.span);
        }
        if steps.count > 1 {
            return Ok(rows);
        }
        match call.function {
            Function::Sort | Function::SortDesc => {
                let is_descending = call.function == Function::SortDesc;
                rows.sort_by(|one, other| by_value(one.at(0), other.at(0), is_descending));
            }
            function => {
                let names = (1..call.arguments.len()).map(|index| Self::text_argument(call, index));
                let names = names.collect::<Result<Vec<String>, QueryError>>()?;
                let is_descending = function == Function::SortByLabelDesc;
                let table = &self.table;
                rows.sort_by(|one, other| {
                    let order = by_labels(table.get(one.labels), table.get(other.labels), &names);
                    if is_descending { order.reverse() } else { order }
                });
            }
        }
        Ok(rows)
    }
}

/// Compares values with NaN last.
fn by_value(one: f64, other: f64, is_descending: bool) -> Ordering {
    match one.partial_cmp(&other) {
        Some(order) => {
            if is_descending {
                order.reverse()
            } else {
                order
            }
        }
        None => one.is_nan().cmp(&other.is_nan()),
    }
}

fn by_labels(one: &Labels, other: &Labels, names: &[String]) -> Ordering {
    for name in names {
        let order = natural_order(one.get(name), other.get(name));
        if order != Ordering::Equal {
            return order;
        }
    }
    one.cmp(other)
}
