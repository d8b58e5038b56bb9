//! Arithmetic and comparisons of two vectors, whose rows match by signatures.

use std::collections::{HashMap, HashSet};

use super::error::QueryError;
use super::functions::math;
use super::labels::{LabelId, LabelTable};
use super::matching::{Signatures, match_labels};
use super::row::{MISSING, Row, is_present};
use crate::ast::{Binary, BinaryOperator, Cardinality, LabelSet, VectorMatching};

/// Applies an operator to two scalars.
pub(crate) fn scalars(operator: BinaryOperator, left: f64, right: f64) -> f64 {
    if operator.is_comparison() {
        f64::from(u8::from(math::compares(operator, left, right)))
    } else {
        math::arithmetic(operator, left, right)
    }
}

/// Applies an operator to two samples; [`MISSING`] if a comparison drops the sample. The kept value is the left one.
#[inline]
fn samples(operator: BinaryOperator, returns_bool: bool, left: f64, right: f64) -> f64 {
    if !operator.is_comparison() {
        return math::arithmetic(operator, left, right);
    }
    match (returns_bool, math::compares(operator, left, right)) {
        (true, holds) => f64::from(u8::from(holds)),
        (false, true) => left,
        (false, false) => MISSING,
    }
}

/// Applies an operator to each value of a vector and a scalar. The values of the vector are kept by comparisons.
pub(crate) fn with_scalar(binary: &Binary, rows: &mut [Row], scalar: &[f64], is_scalar_left: bool) {
    let operator = binary.operator;
    for row in rows {
        for (value, scalar) in row.values.iter_mut().zip(scalar) {
            if !is_present(*value) {
                continue;
            }
            let result = if is_scalar_left {
                samples(operator, binary.returns_bool, *scalar, *value)
            } else {
                samples(operator, binary.returns_bool, *value, *scalar)
            };
            let keeps_vector = is_scalar_left && operator.is_comparison() && !binary.returns_bool && is_present(result);
            if !keeps_vector {
                *value = result;
            }
        }
    }
}

/// Operator between two vectors, with the side of "many" first.
struct Operation<'a> {
    binary: &'a Binary,
    matching: &'a VectorMatching,
    many: &'a [Row],
    one: &'a [Row],
    /// `true` if the side of "many" is the right one.
    is_swapped: bool,
    steps: usize,
    delays_names: bool,
}

/// State of the evaluation.
struct Output<'a> {
    table: &'a mut LabelTable,
    rows: Vec<Row>,
    /// Place of the result of a pair of rows; `None` for a row that is filled.
    places: HashMap<(Option<usize>, Option<usize>), usize>,
}

/// Applies an operator to two vectors. Rows of the result may have the same labels.
///
/// # Errors
/// Several rows of the side of "one" match, or results of one match have the same labels.
pub(crate) fn vectors(
    binary: &Binary,
    matching: &VectorMatching,
    left: &[Row],
    right: &[Row],
    steps: usize,
    delays_names: bool,
    table: &mut LabelTable,
) -> Result<Vec<Row>, QueryError> {
    let signatures = Signatures::new(left, right, matching, table);
    let is_swapped = matching.cardinality == Cardinality::OneToMany;
    let (many, one) = if is_swapped { (right, left) } else { (left, right) };
    let (many_signatures, one_signatures) =
        if is_swapped { (&signatures.right, &signatures.left) } else { (&signatures.left, &signatures.right) };
    let mut members: Vec<(Vec<usize>, Vec<usize>)> = vec![Default::default(); signatures.count];
    for (index, signature) in many_signatures.iter().enumerate() {
        if let Some((many, _)) = members.get_mut(*signature) {
            many.push(index);
        }
    }
    for (index, signature) in one_signatures.iter().enumerate() {
        if let Some((_, one)) = members.get_mut(*signature) {
            one.push(index);
        }
    }
    let operation = Operation { binary, matching, many, one, is_swapped, steps, delays_names };
    let mut output = Output { table, rows: Vec::new(), places: HashMap::new() };
    for (many, one) in &members {
        operation.apply(many, one, &mut output)?;
    }
    // In the order of the side of "many", as if its rows had been taken one after the other.
    let mut order: Vec<((Option<usize>, Option<usize>), usize)> = output.places.into_iter().collect();
    order.sort_by_key(|((many, one), _)| (many.is_none(), *many, one.is_none(), *one));
    let rows = order.iter().filter_map(|(_, place)| output.rows.get(*place).cloned());
    Ok(rows.filter(Row::has_values).collect())
}

impl Operation<'_> {
    /// Returns the fill values of the sides of "many" and "one".
    ///
    /// As in the reference, `fill_left` is for the side of "many", even if that is the right one.
    fn fills(&self) -> (Option<f64>, Option<f64>) {
        (self.matching.fill_left.map(|number| number.0), self.matching.fill_right.map(|number| number.0))
    }

    /// Applies the operator to the rows of one signature.
    fn apply(&self, many: &[usize], one: &[usize], output: &mut Output<'_>) -> Result<(), QueryError> {
        let (fill_many, fill_one) = self.fills();
        let can_match = !many.is_empty() && !one.is_empty();
        if !can_match && !(fill_one.is_some() && !many.is_empty()) && !(fill_many.is_some() && !one.is_empty()) {
            return if one.len() > 1 { self.check_unmatched(one, output) } else { Ok(()) };
        }
        let mut inserted: HashSet<LabelId> = HashSet::new();
        for step in 0..self.steps {
            let found = self.one_at(one, step, output)?;
            let mut has_match = false;
            inserted.clear();
            for index in many {
                let Some(value) = value_at(self.many, *index, step) else { continue };
                let other = match (found, fill_one) {
                    (Some((row, value)), _) => (Some(row), value),
                    (None, Some(fill)) => (None, fill),
                    (None, None) => continue,
                };
                let place = self.place(Some(*index), other.0, output);
                self.check_unique(has_match, place, &mut inserted, output)?;
                has_match = true;
                self.store(place, step, value, other.1, output);
            }
            if let (Some((row, value)), Some(fill), false) = (found, fill_many, has_match) {
                let place = self.place(None, Some(row), output);
                self.store(place, step, fill, value, output);
            }
        }
        Ok(())
    }

    /// Checks rows of "one" that no row matches: two of one signature are an error where the other side has any value.
    fn check_unmatched(&self, one: &[usize], output: &mut Output<'_>) -> Result<(), QueryError> {
        (0..self.steps).try_for_each(|step| self.one_at(one, step, output).map(drop))
    }

    /// Returns the row of the side of "one" with a value at a step.
    fn one_at(&self, one: &[usize], step: usize, output: &Output<'_>) -> Result<Option<(usize, f64)>, QueryError> {
        let mut found: Option<(usize, f64)> = None;
        for index in one {
            let Some(value) = value_at(self.one, *index, step) else { continue };
            if let Some((first, _)) = found {
                if self.fills() == (None, None) && !self.many.iter().any(|row| is_present(row.at(step))) {
                    return Ok(None);
                }
                return Err(self.duplicate(first, *index, output));
            }
            found = Some((*index, value));
        }
        Ok(found)
    }

    fn duplicate(&self, first: usize, second: usize, output: &Output<'_>) -> QueryError {
        let labels = |index: usize| self.one.get(index).map(|row| output.table.get(row.labels).clone()).unwrap_or_default();
        let (first, second) = (labels(first), labels(second));
        let group = match_labels(&second, self.matching);
        let side = if self.is_swapped { "left" } else { "right" };
        QueryError::execution(format!(
            "found duplicate series for the match group {group} on the {side} hand-side of the operation: \
             [{first}, {second}];many-to-many matching not allowed: matching labels must be unique on one side"
        ))
    }

    fn check_unique(
        &self,
        has_match: bool,
        place: usize,
        inserted: &mut HashSet<LabelId>,
        output: &Output<'_>,
    ) -> Result<(), QueryError> {
        if self.matching.cardinality == Cardinality::OneToOne {
            if has_match {
                let message = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
                return Err(QueryError::execution(message));
            }
        } else if output.rows.get(place).is_some_and(|row| !inserted.insert(row.labels)) {
            let message = "multiple matches for labels: grouping labels must ensure unique matches";
            return Err(QueryError::execution(message));
        }
        Ok(())
    }

    /// Returns the place of the result of two rows; `None` for a row that is filled.
    fn place(&self, many: Option<usize>, one: Option<usize>, output: &mut Output<'_>) -> usize {
        if let Some(place) = output.places.get(&(many, one)) {
            return *place;
        }
        let labels_of = |rows: &[Row], index: Option<usize>| index.and_then(|index| rows.get(index)).map(|row| row.labels);
        let (many_id, one_id) = (labels_of(self.many, many), labels_of(self.one, one));
        let labels = |id: Option<LabelId>, other: Option<LabelId>| match (id, other) {
            (Some(id), _) => output.table.get(id).clone(),
            (None, Some(other)) => match_labels(output.table.get(other), self.matching),
            (None, None) => super::labels::Labels::default(),
        };
        let (many_labels, one_labels) = (labels(many_id, one_id), labels(one_id, many_id));
        let result = self.result_labels(&many_labels, &one_labels);
        let mut id = output.table.intern(result);
        if self.binary.returns_bool && !self.delays_names {
            id = output.table.without_metadata(id);
        }
        let place = output.rows.len();
        output.rows.push(Row { labels: id, drops_name: self.binary.returns_bool, values: vec![MISSING; self.steps] });
        output.places.insert((many, one), place);
        place
    }

    /// Returns the labels of the result of two rows.
    fn result_labels(&self, many: &super::labels::Labels, one: &super::labels::Labels) -> super::labels::Labels {
        let is_arithmetic = !self.binary.operator.is_comparison();
        let mut labels = if is_arithmetic { many.without_metadata() } else { many.clone() };
        if self.matching.cardinality == Cardinality::OneToOne {
            let names = self.matching.labels.names();
            let is_listed = |name: &str| names.iter().any(|other| other == name);
            labels = match self.matching.labels {
                LabelSet::On(_) => labels.filter(is_listed),
                LabelSet::Ignoring(_) => labels.filter(|name| !is_listed(name)),
            };
        }
        self.matching.include.iter().fold(labels, |labels, name| labels.with(name, one.get(name)))
    }

    fn store(&self, place: usize, step: usize, many: f64, one: f64, output: &mut Output<'_>) {
        let (left, right) = if self.is_swapped { (one, many) } else { (many, one) };
        if let Some(slot) = output.rows.get_mut(place).and_then(|row| row.values.get_mut(step)) {
            *slot = samples(self.binary.operator, self.binary.returns_bool, left, right);
        }
    }
}

fn value_at(rows: &[Row], index: usize, step: usize) -> Option<f64> {
    rows.get(index).map(|row| row.at(step)).filter(|value| is_present(*value))
}
