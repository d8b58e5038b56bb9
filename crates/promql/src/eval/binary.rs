//! Arithmetic and comparisons of two vectors, whose rows match by signatures.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::budget::Budget;
use super::column::{Column, MISSING, is_present};
use super::error::QueryError;
use super::functions::math;
use super::label_table::{LabelId, LabelTable};
use super::matching::{Signatures, match_labels};
use super::row::Row;
use crate::ast::{Binary, BinaryOperator, Cardinality, LabelSet, VectorMatching};

/// Error of two rows of the left side that match one of the right side.
const EXPLICIT_MATCHING: &str =
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
/// Error of two results of one match that have the same labels.
const UNIQUE_GROUPING: &str = "multiple matches for labels: grouping labels must ensure unique matches";

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
        for (step, value) in row.column.present_mut() {
            let Some(scalar) = scalar.get(step) else { continue };
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

/// Applies an operator to the values of two columns at the steps at which both have one.
fn columns(operator: BinaryOperator, returns_bool: bool, left: &Column, right: &Column) -> Column {
    use BinaryOperator as B;
    let (one, other) = (left.span(), right.span());
    let (start, end) = (one.start.max(other.start), one.end.min(other.end));
    if start >= end {
        return Column::default();
    }
    let pairs = left.part(start..end).iter().copied().zip(right.part(start..end).iter().copied());
    // One loop for each of the common operators, which has no branches.
    let values = match operator {
        B::Add => combined(pairs, |left, right| left + right),
        B::Subtract => combined(pairs, |left, right| left - right),
        B::Multiply => combined(pairs, |left, right| left * right),
        B::Divide => combined(pairs, |left, right| left / right),
        _ => combined(pairs, |left, right| samples(operator, returns_bool, left, right)),
    };
    Column::new(start, values)
}

#[inline]
fn combined(pairs: impl Iterator<Item = (f64, f64)>, of: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let value = |(left, right)| {
        let value = of(left, right);
        if is_present(left) & is_present(right) { value } else { MISSING }
    };
    pairs.map(value).collect()
}

/// Operator between two vectors, with the side of "many" first.
struct Operation<'a> {
    binary: &'a Binary,
    matching: &'a VectorMatching,
    many: &'a [Row],
    one: &'a [Row],
    /// `true` if the side of "many" is the right one.
    is_swapped: bool,
    context: Context<'a>,
    /// At which steps the side of "many" has a value; computed once it is asked for.
    many_steps: OnceCell<Vec<bool>>,
}

/// What an operator needs to know of its query.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) steps: usize,
    /// `true` if metric names are removed at the end of the query.
    pub(crate) delays_names: bool,
    pub(crate) budget: &'a Budget,
}

/// Rows of the sides of "many" and "one"; `None` for a row that is filled.
type Pair = (Option<usize>, Option<usize>);
/// Rows of the result by their pair of rows.
type Places = HashMap<Pair, usize>;
/// Bytes of an entry of [`Places`] with its labels.
const PAIR_BYTES: usize = 64;

/// State of the evaluation.
struct Output<'a> {
    table: &'a mut LabelTable,
    rows: Vec<Row>,
    places: Places,
    /// Rows of the result by the row of "many" and the labels of the result: the row of "one" may change over time, and
    /// the labels need not.
    by_labels: HashMap<(Option<usize>, LabelId), usize>,
}

/// Side of "one" of a signature: at each step the value, and the row that has it.
struct OneSide {
    values: Vec<f64>,
    /// Row at each step; empty if there is at most one row.
    rows: Vec<usize>,
    single: usize,
}

impl OneSide {
    fn row(&self, step: usize) -> usize {
        self.rows.get(step).copied().unwrap_or(self.single)
    }
}

/// Applies an operator to two vectors. Rows of the result may have the same labels.
///
/// The cells of the result are counted before they are made; its values are not.
///
/// # Errors
/// Several rows of the side of "one" match, or results of one match have the same labels; limits.
pub(crate) fn vectors(
    binary: &Binary,
    matching: &VectorMatching,
    left: &[Row],
    right: &[Row],
    context: Context<'_>,
    table: &mut LabelTable,
) -> Result<Vec<Row>, QueryError> {
    let signatures = Signatures::new(left, right, matching, table);
    let is_swapped = matching.cardinality == Cardinality::OneToMany;
    let (many, one) = if is_swapped { (right, left) } else { (left, right) };
    let (many_signatures, one_signatures) =
        if is_swapped { (&signatures.right, &signatures.left) } else { (&signatures.left, &signatures.right) };
    let many_members = members(many_signatures, signatures.count);
    let one_members = members(one_signatures, signatures.count);
    let operation = Operation { binary, matching, many, one, is_swapped, context, many_steps: OnceCell::new() };
    let mut output = Output { table, rows: Vec::new(), places: HashMap::new(), by_labels: HashMap::new() };
    for (many, one) in many_members.iter().zip(&one_members) {
        operation.apply(many, one, &mut output)?;
    }
    // In the order of the side of "many", as if its rows had been taken one after the other.
    let mut order: Vec<(Pair, usize)> = output.places.into_iter().collect();
    order.sort_by_key(|((many, one), _)| (many.is_none(), *many, one.is_none(), *one));
    let mut rows: Vec<Option<Row>> = output.rows.into_iter().map(Some).collect();
    let ordered = order.iter().filter_map(|(_, place)| rows.get_mut(*place).and_then(Option::take));
    Ok(ordered.filter(Row::has_values).collect())
}

/// Returns the rows of each signature.
fn members(signatures: &[usize], count: usize) -> Vec<Vec<usize>> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (index, signature) in signatures.iter().enumerate() {
        if let Some(members) = members.get_mut(*signature) {
            members.push(index);
        }
    }
    members
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
        if let ([one], (None, None)) = (one, self.fills())
            && self.apply_to_one(many, *one, output)?
        {
            return Ok(());
        }
        let (fill_many, fill_one) = self.fills();
        if (one.is_empty() && fill_one.is_none()) || (many.is_empty() && fill_many.is_none() && one.len() < 2) {
            return Ok(());
        }
        let side = self.one_side(one, output)?;
        let is_one_to_one = self.matching.cardinality == Cardinality::OneToOne;
        let mut has_match = vec![false; if is_one_to_one || fill_many.is_some() { self.context.steps } else { 0 }];
        // Steps with a value, by the labels of the result.
        let mut taken: HashMap<LabelId, Vec<bool>> = HashMap::new();
        let mut taken_bytes = 0_usize;
        for index in many {
            let Some(row) = self.many.get(*index) else { continue };
            self.context.budget.check()?;
            let mut current: Option<(Option<usize>, usize)> = None;
            let mut steps_taken: Vec<bool> = Vec::new();
            for (step, value) in row.column.present() {
                let Some(other) = side.values.get(step) else { continue };
                let (partner, other) = match (is_present(*other), fill_one) {
                    (true, _) => (Some(side.row(step)), *other),
                    (false, Some(fill)) => (None, fill),
                    (false, None) => continue,
                };
                let place = match current {
                    Some((known, place)) if known == partner => place,
                    _ => {
                        if let Some((_, place)) = current {
                            keep_taken(&mut taken, output.rows.get(place), std::mem::take(&mut steps_taken));
                        }
                        let place = self.place(Some(*index), partner, output)?;
                        current = Some((partner, place));
                        let known = output.rows.get(place).and_then(|row| taken.remove(&row.labels));
                        steps_taken = match known {
                            Some(known) => known,
                            None if is_one_to_one => Vec::new(),
                            None => {
                                self.context.budget.add_bytes(self.context.steps)?;
                                taken_bytes = taken_bytes.saturating_add(self.context.steps);
                                vec![false; self.context.steps]
                            }
                        };
                        place
                    }
                };
                mark_step(&mut has_match, step, is_one_to_one.then_some(EXPLICIT_MATCHING))?;
                mark_step(&mut steps_taken, step, Some(UNIQUE_GROUPING))?;
                self.store(place, step, value, other, output)?;
            }
            if let Some((_, place)) = current {
                keep_taken(&mut taken, output.rows.get(place), steps_taken);
            }
        }
        self.context.budget.remove_bytes(taken_bytes);
        if let Some(fill) = fill_many {
            for (step, value) in side.values.iter().enumerate().filter(|(_, value)| is_present(**value)) {
                if !has_match.get(step).copied().unwrap_or(false) {
                    let place = self.place(None, Some(side.row(step)), output)?;
                    self.store(place, step, fill, *value, output)?;
                }
            }
        }
        Ok(())
    }

    /// Applies the operator to rows that match one row, column by column. Returns `false`, and changes nothing, if
    /// results may have the same labels at a step.
    fn apply_to_one(&self, many: &[usize], one: usize, output: &mut Output<'_>) -> Result<bool, QueryError> {
        let is_one_to_one = self.matching.cardinality == Cardinality::OneToOne;
        let Some(right) = self.one.get(one).filter(|_| many.len() == 1 || !is_one_to_one) else { return Ok(false) };
        let mut results = Vec::with_capacity(many.len());
        for index in many {
            let Some(left) = self.many.get(*index) else { continue };
            results.push((*index, left, self.labels(Some(*index), Some(one), output)));
        }
        let mut ids: Vec<LabelId> = results.iter().map(|(_, _, labels)| *labels).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Ok(false);
        }
        for (index, left, labels) in results {
            let (own, other) = (left.column.span(), right.column.span());
            let common = own.end.min(other.end).saturating_sub(own.start.max(other.start));
            self.context.budget.check()?;
            self.context.budget.add_cells(common)?;
            let (left, right) =
                if self.is_swapped { (&right.column, &left.column) } else { (&left.column, &right.column) };
            let column = columns(self.binary.operator, self.binary.returns_bool, left, right);
            output.places.insert((Some(index), Some(one)), output.rows.len());
            output.rows.push(Row { labels, drops_name: self.binary.returns_bool, column });
        }
        Ok(true)
    }

    /// Returns the values of the side of "one".
    fn one_side(&self, one: &[usize], output: &Output<'_>) -> Result<OneSide, QueryError> {
        let single = one.first().copied().unwrap_or(0);
        if let [index] = one {
            let row = self.one.get(*index);
            let values = (0..self.context.steps).map(|step| row.map_or(MISSING, |row| row.at(step))).collect();
            return Ok(OneSide { values, rows: Vec::new(), single });
        }
        let steps = self.context.steps;
        let mut side = OneSide { values: vec![MISSING; steps], rows: vec![single; steps], single };
        for index in one {
            let Some(row) = self.one.get(*index) else { continue };
            for (step, value) in row.column.present() {
                let (Some(slot), Some(place)) = (side.values.get_mut(step), side.rows.get_mut(step)) else { continue };
                // Without a value on the other side, nothing is compared.
                let is_compared = || self.fills() != (None, None) || self.has_many(step);
                if is_present(*slot) && is_compared() {
                    return Err(self.duplicate(*place, *index, output));
                }
                (*slot, *place) = (value, *index);
            }
        }
        Ok(side)
    }

    /// Returns `true` if any row of the side of "many" has a value at a step.
    fn has_many(&self, step: usize) -> bool {
        let steps = self.many_steps.get_or_init(|| {
            let mut steps = vec![false; self.context.steps];
            for (step, _) in self.many.iter().flat_map(|row| row.column.present()) {
                if let Some(has_value) = steps.get_mut(step) {
                    *has_value = true;
                }
            }
            steps
        });
        steps.get(step).copied().unwrap_or(false)
    }

    fn duplicate(&self, first: usize, second: usize, output: &Output<'_>) -> QueryError {
        let labels =
            |index: usize| self.one.get(index).map(|row| output.table.get(row.labels).clone()).unwrap_or_default();
        let (one, other) = (labels(first), labels(second));
        let (first, second) = if other < one { (other, one) } else { (one, other) };
        let group = match_labels(&second, self.matching);
        let side = if self.is_swapped { "left" } else { "right" };
        QueryError::execution(format!(
            "found duplicate series for the match group {group} on the {side} hand-side of the operation: \
             [{first}, {second}];many-to-many matching not allowed: matching labels must be unique on one side"
        ))
    }

    /// Returns the place of the result of two rows; `None` for a row that is filled.
    fn place(&self, many: Option<usize>, one: Option<usize>, output: &mut Output<'_>) -> Result<usize, QueryError> {
        // Without labels of the side of "one" the result has the same labels for all of its rows.
        let has_labels_of_one = many.is_none() || !self.matching.include.is_empty();
        let pair = (many, one.filter(|_| has_labels_of_one));
        if let Some(place) = output.places.get(&pair) {
            return Ok(*place);
        }
        self.context.budget.add_bytes(PAIR_BYTES)?;
        let labels = self.labels(many, one, output);
        let Output { rows, by_labels, places, .. } = output;
        let place = *by_labels.entry((many, labels)).or_insert_with(|| {
            rows.push(Row { labels, drops_name: self.binary.returns_bool, column: Column::default() });
            rows.len() - 1
        });
        places.insert(pair, place);
        Ok(place)
    }

    /// Returns the id of the labels of the result of two rows; `None` for a row that is filled.
    fn labels(&self, many: Option<usize>, one: Option<usize>, output: &mut Output<'_>) -> LabelId {
        let labels_of =
            |rows: &[Row], index: Option<usize>| index.and_then(|index| rows.get(index)).map(|row| row.labels);
        let (many_id, one_id) = (labels_of(self.many, many), labels_of(self.one, one));
        let labels = |id: Option<LabelId>, other: Option<LabelId>| match (id, other) {
            (Some(id), _) => output.table.get(id).clone(),
            (None, Some(other)) => match_labels(output.table.get(other), self.matching),
            (None, None) => super::labels::Labels::default(),
        };
        let (many_labels, one_labels) = (labels(many_id, one_id), labels(one_id, many_id));
        let result = self.result_labels(&many_labels, &one_labels);
        let id = output.table.intern(result);
        if self.binary.returns_bool && !self.context.delays_names { output.table.without_metadata(id) } else { id }
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

    fn store(&self, place: usize, step: usize, many: f64, one: f64, output: &mut Output<'_>) -> Result<(), QueryError> {
        let (left, right) = if self.is_swapped { (one, many) } else { (many, one) };
        if let Some(row) = output.rows.get_mut(place) {
            self.context.budget.add_cells(row.column.growth(step))?;
            row.column.set(step, samples(self.binary.operator, self.binary.returns_bool, left, right));
        }
        Ok(())
    }
}

/// Marks a step. `message` is that of the error if it is marked already; `None` if it may be.
fn mark_step(steps: &mut [bool], step: usize, message: Option<&'static str>) -> Result<(), QueryError> {
    if let Some(is_marked) = steps.get_mut(step) {
        if let Some(message) = message.filter(|_| *is_marked) {
            return Err(QueryError::execution(message));
        }
        *is_marked = true;
    }
    Ok(())
}

/// Remembers the steps at which a result has a value.
fn keep_taken(taken: &mut HashMap<LabelId, Vec<bool>>, row: Option<&Row>, steps: Vec<bool>) {
    if let Some(row) = row.filter(|_| !steps.is_empty()) {
        taken.insert(row.labels, steps);
    }
}
