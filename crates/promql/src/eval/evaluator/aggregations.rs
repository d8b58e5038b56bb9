//! Aggregations and their parameters.

use super::Evaluator;
use crate::ast::{Aggregation, Aggregator, Expression};
use crate::eval::aggregate::{self, Groups};
use crate::eval::error::QueryError;
use crate::eval::row::Row;
use crate::eval::window::Steps;
use crate::eval::{number, rank, text};

impl Evaluator<'_> {
    pub(super) fn eval_aggregation(&mut self, node: &Aggregation, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        if node.aggregator == Aggregator::CountValues {
            return self.eval_count_values(node, steps);
        }
        let parameter = match &node.parameter {
            Some(parameter) => Some((self.scalar(parameter, steps)?, parameter.without_parentheses().span())),
            None => None,
        };
        let rows = self.rows(&node.operand, steps)?;
        let budget = self.reader.budget;
        let groups = Groups::new(&rows, &node.grouping, &mut self.table);
        let Some((parameter, span)) = parameter else {
            let folded = aggregate::aggregate(node.aggregator, &rows, &groups, None, budget)?;
            return self.replace_rows(rows, folded);
        };
        let (least, greatest) = bounds(&parameter);
        let has_nan = parameter.iter().any(|value| value.is_nan());
        match node.aggregator {
            Aggregator::Quantile => {
                if has_nan {
                    self.annotations.quantile_level(f64::NAN, span);
                }
                for level in [least, greatest].into_iter().filter(|level| level.is_finite() || !has_nan) {
                    self.annotations.quantile_level(level, span);
                }
                let folded = aggregate::aggregate(node.aggregator, &rows, &groups, Some(&parameter), budget)?;
                self.replace_rows(rows, folded)
            }
            Aggregator::LimitRatio => {
                if has_nan && !self.is_planning {
                    return Err(QueryError::execution("Ratio value is NaN"));
                }
                if greatest > 1.0 {
                    self.annotations.ratio(greatest, 1.0, span);
                }
                if least < -1.0 {
                    self.annotations.ratio(least, -1.0, span);
                }
                Ok(aggregate::limit_ratio(rows, &self.table, &parameter))
            }
            _ => {
                self.check_k(has_nan, least, greatest)?;
                match node.aggregator {
                    Aggregator::Limitk => Ok(aggregate::limit(rows, &groups, &parameter)),
                    kind => {
                        let is_top = kind == Aggregator::Topk;
                        let ranked = rank::rank(&rows, &groups, steps.count, is_top, &parameter, budget)?;
                        self.replace_rows(rows, ranked)
                    }
                }
            }
        }
    }

    /// Checks the parameter of `topk` and the like. The planning pass does not know a value that data determines.
    fn check_k(&self, has_nan: bool, least: f64, greatest: f64) -> Result<(), QueryError> {
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        if greatest < 1.0 && !has_nan {
            return Ok(());
        }
        if has_nan && !self.is_planning {
            return Err(QueryError::execution("Parameter value is NaN"));
        }
        if least <= -LIMIT {
            return Err(QueryError::execution(format!("Scalar value {} underflows int64", number::general(least))));
        }
        if greatest >= LIMIT {
            return Err(QueryError::execution(format!("Scalar value {} overflows int64", number::general(greatest))));
        }
        Ok(())
    }

    fn eval_count_values(&mut self, node: &Aggregation, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let label = match node.parameter.as_ref().map(Expression::without_parentheses) {
            Some(Expression::String(label)) => label.clone(),
            _ => return Err(QueryError::execution("count_values needs a label name")),
        };
        let name = match std::str::from_utf8(&label.value) {
            Ok(name) if !name.is_empty() => name,
            _ => {
                let quoted = text::quoted_bytes(&label.value);
                return Err(QueryError::execution(format!("invalid label name {quoted}")));
            }
        };
        let rows = self.rows(&node.operand, steps)?;
        let counted = aggregate::count_values(&rows, &node.grouping, name, &mut self.table, self.reader.budget)?;
        self.replace_rows(rows, counted)
    }
}

/// Returns the least and the greatest value, without NaN.
fn bounds(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, greatest), value| (least.min(*value), greatest.max(*value)))
}
