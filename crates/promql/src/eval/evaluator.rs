//! Evaluation of an expression: each node once, over all steps.
//!
//! A query is evaluated twice. The first pass reads nothing: it finds the leaves, so that the second one can read each
//! selector once for all of its leaves.

use std::collections::HashMap;

use super::aggregate::{self, Groups};
use super::annotation::Annotations;
use super::error::QueryError;
use super::functions::range::Arguments;
use super::labels::{LabelId, LabelTable};
use super::leaf::{Conditions, Leaf, LeafKind, LeafRow};
use super::options::EngineOptions;
use super::row::{Row, is_present, merge_same_labels};
use super::scan::Reader;
use super::window::{Anchor, Steps};
use super::{binary, invariant, matching, number};
use crate::ast::{
    Aggregation, Aggregator, AtModifier, AtTime, Binary, BinaryOperator, DurationContext, Expression, Offset,
    RangeExtension, StringLiteral, Unary, UnaryOperator, ValueType, VectorSelector,
};

/// Steps from which on each column counts as memory before it is made.
const MANY_STEPS: usize = 10_000;

/// Value of an expression at all steps.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Scalar(Vec<f64>),
    Rows(Vec<Row>),
    Text(StringLiteral),
}

/// Leaf that both passes know, and its rows once they are read.
#[derive(Debug, Default)]
struct LeafState {
    /// Number of nodes that need the rows.
    uses: usize,
    rows: Option<Vec<LeafRow>>,
}

/// Evaluator of one query.
#[derive(Debug)]
pub(crate) struct Evaluator<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) options: &'a EngineOptions,
    pub(crate) table: LabelTable,
    pub(crate) annotations: Annotations,
    /// Steps of the query.
    pub(crate) query: Steps,
    /// End of the query's range, in nanoseconds; it may be no step.
    pub(crate) query_end: i64,
    /// Step and range for duration expressions.
    pub(crate) durations: DurationContext,
    /// `true` in the pass that finds the leaves.
    pub(crate) is_planning: bool,
    leaves: HashMap<Leaf, LeafState>,
    /// Number of reads of selectors.
    pub(crate) reads: usize,
}

impl<'a> Evaluator<'a> {
    /// Creates the evaluator of a query.
    pub(crate) fn new(
        reader: Reader<'a>,
        options: &'a EngineOptions,
        text: &str,
        query: Steps,
        query_end: i64,
        durations: DurationContext,
    ) -> Self {
        Self {
            reader,
            options,
            table: LabelTable::default(),
            annotations: Annotations::new(text),
            query,
            query_end,
            durations,
            is_planning: false,
            leaves: HashMap::new(),
            reads: 0,
        }
    }

    /// Returns the leaves that were found, with the number of their uses.
    pub(crate) fn planned_leaves(&self) -> impl Iterator<Item = (&Leaf, usize)> {
        self.leaves.iter().map(|(leaf, state)| (leaf, state.uses))
    }

    /// Evaluates an expression that is no range vector.
    ///
    /// # Errors
    /// Any [`QueryError`].
    pub(crate) fn eval(&mut self, expression: &Expression, steps: &Steps) -> Result<Value, QueryError> {
        self.reader.budget.check()?;
        if steps.count > MANY_STEPS {
            // Before the column is made.
            self.reader.budget.add_bytes(steps.count.saturating_mul(size_of::<f64>()))?;
        }
        if steps.count > 1 && invariant::is_invariant(expression) {
            let value = self.eval_node(expression, &Steps::instant(steps.start))?;
            return Ok(broadcast(value, steps.count));
        }
        self.eval_node(expression, steps)
    }

    fn eval_node(&mut self, expression: &Expression, steps: &Steps) -> Result<Value, QueryError> {
        match expression {
            Expression::Number(number) => Ok(Value::Scalar(vec![number.value.0; steps.count])),
            Expression::String(string) => Ok(Value::Text(string.clone())),
            Expression::Parenthesized(parenthesized) => self.eval(&parenthesized.inner, steps),
            Expression::Vector(selector) => self.eval_selector(selector, steps).map(Value::Rows),
            Expression::Unary(unary) => self.eval_unary(unary, steps),
            Expression::Binary(binary) => self.eval_binary(binary, steps),
            Expression::Aggregation(aggregation) => self.eval_aggregation(aggregation, steps).map(Value::Rows),
            Expression::Call(call) => self.eval_call(call, steps),
            Expression::Matrix(_) | Expression::Subquery(_) => {
                Err(QueryError::execution("a range vector has no value at a step"))
            }
        }
    }

    /// Evaluates an instant vector.
    pub(crate) fn rows(&mut self, expression: &Expression, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        match self.eval(expression, steps)? {
            Value::Rows(rows) => Ok(rows),
            Value::Scalar(values) => Ok(vec![Row { labels: LabelId::EMPTY, drops_name: false, values }]),
            Value::Text(_) => Err(QueryError::execution("a string is no vector")),
        }
    }

    /// Evaluates a scalar.
    pub(crate) fn scalar(&mut self, expression: &Expression, steps: &Steps) -> Result<Vec<f64>, QueryError> {
        match self.eval(expression, steps)? {
            Value::Scalar(values) => Ok(values),
            _ => Err(QueryError::execution("the expression is no scalar")),
        }
    }

    /// Returns the reference times of a selector or subquery.
    pub(crate) fn anchor(&self, at: Option<&AtModifier>, offset: Option<&Offset>) -> Result<Anchor, QueryError> {
        let offset = offset.map(|offset| offset.duration.nanos(&self.durations)).transpose()?.unwrap_or(0);
        let at = at.map(|at| match at.time {
            AtTime::Seconds(seconds) => number::nanos(seconds.0),
            AtTime::Start => self.query.start,
            AtTime::End => self.query_end,
        });
        Ok(Anchor { at, offset })
    }

    fn eval_selector(&mut self, selector: &VectorSelector, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let kind = match selector.extension {
            Some(RangeExtension::Smoothed) => LeafKind::Smoothed,
            _ => LeafKind::Newest,
        };
        self.selector_leaf(selector, steps, kind)
    }

    /// Evaluates a leaf over a selector.
    pub(crate) fn selector_leaf(
        &mut self,
        selector: &VectorSelector,
        steps: &Steps,
        kind: LeafKind,
    ) -> Result<Vec<Row>, QueryError> {
        let anchor = self.anchor(selector.at.as_ref(), selector.offset.as_ref())?;
        let leaf = Leaf { conditions: Conditions::of(selector), anchor, steps: *steps, kind };
        self.leaf(leaf, None, selector.span)
    }

    /// Returns the rows of a leaf, and reads them unless another leaf has read the selector.
    pub(crate) fn leaf(
        &mut self,
        leaf: Leaf,
        arguments: Option<&[Arguments]>,
        span: crate::ast::Span,
    ) -> Result<Vec<Row>, QueryError> {
        if self.is_planning {
            if arguments.is_none() {
                self.leaves.entry(leaf).or_default().uses += 1;
            }
            return Ok(Vec::new());
        }
        let found = match arguments {
            Some(_) => {
                self.reads += 1;
                self.reader.leaves(&[&leaf], arguments)?.pop().unwrap_or_default()
            }
            None => self.shared_leaf(&leaf)?,
        };
        let mut rows = Vec::with_capacity(found.len());
        for row in found {
            if row.is_rounded {
                self.annotations.rounded_integers(row.labels.get(super::labels::METRIC_NAME), span);
            }
            rows.push(Row { labels: self.table.intern(row.labels), drops_name: false, values: row.values });
        }
        Ok(rows)
    }

    fn shared_leaf(&mut self, leaf: &Leaf) -> Result<Vec<LeafRow>, QueryError> {
        if self.leaves.get(leaf).is_none_or(|state| state.rows.is_none()) {
            self.read_with_neighbours(leaf)?;
        }
        let Some(state) = self.leaves.get_mut(leaf) else { return Ok(Vec::new()) };
        state.uses = state.uses.saturating_sub(1);
        let rows = if state.uses == 0 { state.rows.take() } else { state.rows.clone() };
        Ok(rows.unwrap_or_default())
    }

    /// Reads a leaf together with the other leaves of its selector whose times overlap.
    fn read_with_neighbours(&mut self, leaf: &Leaf) -> Result<(), QueryError> {
        self.leaves.entry(leaf.clone()).or_insert(LeafState { uses: 1, rows: None });
        let lookback = self.reader.lookback;
        let (mut from, mut to) = leaf.times(lookback);
        let mut others: Vec<&Leaf> = Vec::new();
        for (other, state) in &self.leaves {
            if other.conditions == leaf.conditions && other != leaf && state.rows.is_none() && state.uses > 0 {
                others.push(other);
            }
        }
        let mut group: Vec<Leaf> = vec![leaf.clone()];
        while let Some(at) = others.iter().position(|other| {
            let times = other.times(lookback);
            times.0 <= to && from <= times.1
        }) {
            let other = others.swap_remove(at);
            let times = other.times(lookback);
            (from, to) = (from.min(times.0), to.max(times.1));
            group.push(other.clone());
        }
        self.reads += 1;
        let rows = self.reader.leaves(&group.iter().collect::<Vec<_>>(), None)?;
        for (leaf, rows) in group.into_iter().zip(rows) {
            self.leaves.entry(leaf).or_default().rows = Some(rows);
        }
        Ok(())
    }

    /// Removes the metric name of rows, or marks them for it.
    pub(crate) fn drop_names(&mut self, rows: &mut [Row]) {
        for row in rows {
            if self.options.delayed_name_removal {
                row.drops_name = true;
            } else {
                row.labels = self.table.without_metadata(row.labels);
            }
        }
    }

    fn eval_unary(&mut self, unary: &Unary, steps: &Steps) -> Result<Value, QueryError> {
        let value = self.eval(&unary.operand, steps)?;
        if unary.operator == UnaryOperator::Plus {
            return Ok(value);
        }
        match value {
            Value::Scalar(values) => Ok(Value::Scalar(values.iter().map(|value| -value).collect())),
            Value::Rows(mut rows) => {
                map_values(&mut rows, |value| -value);
                self.drop_names(&mut rows);
                Ok(Value::Rows(merge_same_labels(rows)?))
            }
            Value::Text(_) => Err(QueryError::execution("a string has no sign")),
        }
    }

    fn eval_binary(&mut self, node: &Binary, steps: &Steps) -> Result<Value, QueryError> {
        let (left, right) = (self.eval(&node.left, steps)?, self.eval(&node.right, steps)?);
        match (left, right) {
            (Value::Scalar(left), Value::Scalar(right)) => {
                let pairs = left.iter().zip(&right);
                Ok(Value::Scalar(pairs.map(|(left, right)| binary::scalars(node.operator, *left, *right)).collect()))
            }
            (Value::Rows(rows), Value::Scalar(scalar)) => self.with_scalar(node, rows, &scalar, false),
            (Value::Scalar(scalar), Value::Rows(rows)) => self.with_scalar(node, rows, &scalar, true),
            (Value::Rows(left), Value::Rows(right)) => self.vectors(node, left, right, steps.count).map(Value::Rows),
            _ => Err(QueryError::execution("a string is no operand")),
        }
    }

    fn with_scalar(
        &mut self,
        node: &Binary,
        mut rows: Vec<Row>,
        scalar: &[f64],
        is_scalar_left: bool,
    ) -> Result<Value, QueryError> {
        binary::with_scalar(node, &mut rows, scalar, is_scalar_left);
        if !node.operator.is_comparison() || node.returns_bool {
            self.drop_names(&mut rows);
        }
        Ok(Value::Rows(merge_same_labels(rows)?))
    }

    fn vectors(
        &mut self,
        node: &Binary,
        left: Vec<Row>,
        right: Vec<Row>,
        steps: usize,
    ) -> Result<Vec<Row>, QueryError> {
        let Some(by) = &node.matching else { return Err(QueryError::execution("the operator has no matching")) };
        let delays_names = self.options.delayed_name_removal;
        if !node.operator.is_set_operator() {
            let rows = binary::vectors(node, by, &left, &right, steps, delays_names, &mut self.table)?;
            self.count_rows(&rows)?;
            return Ok(merge_same_labels(rows)?);
        }
        let signatures = matching::Signatures::new(&left, &right, by, &mut self.table);
        let rows = match node.operator {
            BinaryOperator::And => matching::and(left, &right, &signatures, steps),
            BinaryOperator::Unless => matching::unless(left, &right, &signatures, steps),
            _ => matching::or(left, right, &signatures, steps),
        };
        Ok(merge_same_labels(rows)?)
    }

    /// Counts the cells of new rows.
    pub(crate) fn count_rows(&self, rows: &[Row]) -> Result<(), QueryError> {
        let cells: usize = rows.iter().map(|row| row.values.len()).sum();
        self.reader.budget.add_samples(rows.iter().map(Row::count).sum())?;
        self.reader.budget.add_bytes(cells * size_of::<f64>())
    }

    fn eval_aggregation(&mut self, node: &Aggregation, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        if node.aggregator == Aggregator::CountValues {
            return self.eval_count_values(node, steps);
        }
        let parameter = match &node.parameter {
            Some(parameter) => Some((self.scalar(parameter, steps)?, parameter.without_parentheses().span())),
            None => None,
        };
        let rows = self.rows(&node.operand, steps)?;
        let groups = Groups::new(&rows, &node.grouping, &mut self.table);
        let Some((parameter, span)) = parameter else {
            let rows = aggregate::aggregate(node.aggregator, &rows, &groups, steps.count, None);
            self.count_rows(&rows)?;
            return Ok(rows);
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
                let rows = aggregate::aggregate(node.aggregator, &rows, &groups, steps.count, Some(&parameter));
                self.count_rows(&rows)?;
                Ok(rows)
            }
            Aggregator::LimitRatio => {
                if has_nan {
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
                    Aggregator::Limitk => Ok(aggregate::limit(rows, &groups, steps.count, &parameter)),
                    kind => Ok(aggregate::rank(&rows, &groups, steps.count, kind == Aggregator::Topk, &parameter)),
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
                let quoted = super::text::quoted_bytes(&label.value);
                return Err(QueryError::execution(format!("invalid label name {quoted}")));
            }
        };
        let rows = self.rows(&node.operand, steps)?;
        let rows = aggregate::count_values(&rows, &node.grouping, name, steps.count, &mut self.table);
        self.count_rows(&rows)?;
        Ok(rows)
    }

    /// Removes the metric names that functions have marked, at the end of a query.
    pub(crate) fn finish(&mut self, rows: Vec<Row>) -> Result<Vec<Row>, QueryError> {
        let mut rows = rows;
        for row in rows.iter_mut().filter(|row| row.drops_name) {
            row.labels = self.table.without_metadata(row.labels);
        }
        Ok(merge_same_labels(rows)?)
    }
}

/// Returns the least and the greatest value, without NaN.
fn bounds(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, greatest), value| (least.min(*value), greatest.max(*value)))
}

/// Repeats the value at the only step for all steps.
fn broadcast(value: Value, steps: usize) -> Value {
    let repeat = |values: Vec<f64>| vec![values.first().copied().unwrap_or(super::row::MISSING); steps];
    match value {
        Value::Scalar(values) => Value::Scalar(repeat(values)),
        Value::Rows(rows) => {
            Value::Rows(rows.into_iter().map(|row| Row { values: repeat(row.values), ..row }).collect())
        }
        text @ Value::Text(_) => text,
    }
}

/// Replaces each value.
pub(crate) fn map_values(rows: &mut [Row], map: impl Fn(f64) -> f64) {
    for row in rows {
        for value in row.values.iter_mut().filter(|value| is_present(**value)) {
            *value = map(*value);
        }
    }
}

/// Returns `true` if an expression is a scalar that no data and no time changes.
pub(crate) fn is_constant(expression: &Expression) -> bool {
    expression.value_type() == ValueType::Scalar && {
        let mut is_constant = true;
        expression.walk(&mut |node| {
            is_constant &= match node {
                Expression::Vector(_) | Expression::Matrix(_) | Expression::Subquery(_) => false,
                Expression::Call(call) => call.function != crate::ast::Function::Time,
                _ => true,
            };
        });
        is_constant
    }
}
