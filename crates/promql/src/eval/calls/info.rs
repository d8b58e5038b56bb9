//! `info`: adds the labels of info metrics to series, by the labels `instance` and `job`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use regex::Regex;

use super::super::column::{Column, is_present};
use super::super::error::QueryError;
use super::super::evaluator::Evaluator;
use super::super::label_table::LabelId;
use super::super::labels::{Labels, METRIC_NAME};
use super::super::leaf::{Conditions, Leaf, LeafKind};
use super::super::row::{Row, merge_same_labels};
use super::super::window::{Anchor, Steps};
use crate::ast::{Call, Expression, LabelMatcher, MatchOperator};

/// Labels that identify a target.
const IDENTIFYING: [&str; 2] = ["instance", "job"];
/// Info metric that is used unless the call names another.
const TARGET_INFO: &str = "target_info";
/// Names of info metrics if the call only excludes some.
const ANY_INFO: &str = ".+_info";

/// Rows of info metrics: labels, and at each step the time of the newest sample.
type InfoRows = Vec<Row>;

/// Values of the labels that identify a target.
type Target = [String; 2];

fn target(labels: &Labels) -> Target {
    IDENTIFYING.map(|name| labels.get(name).to_owned())
}

impl Evaluator<'_> {
    pub(super) fn eval_info(&mut self, call: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let argument = Self::argument(call, 0)?;
        let rows = self.rows(argument, steps)?;
        let matchers = match call.arguments.get(1).map(Expression::without_parentheses) {
            Some(Expression::Vector(selector)) => selector.conditions(),
            _ => Vec::new(),
        };
        let (names, data): (Vec<LabelMatcher>, Vec<LabelMatcher>) =
            matchers.into_iter().partition(|matcher| matcher.label == METRIC_NAME);
        let names = with_positive(names, call);
        let conditions: Vec<Condition> = names.iter().map(Condition::new).collect();
        let mut ignored: Vec<bool> = Vec::with_capacity(rows.len());
        for row in &rows {
            self.reader.budget.check()?;
            let name = self.table.get(row.labels).get(METRIC_NAME);
            ignored.push(conditions.iter().all(|condition| condition.accepts(name)));
        }
        let accepts_none = data.iter().map(Condition::new).all(|condition| condition.accepts(""));
        let info = self.info_rows(&rows, &ignored, names, &data, steps, call)?;
        let mut targets: HashMap<Target, Vec<&Row>> = HashMap::new();
        for row in &info {
            targets.entry(target(self.table.get(row.labels))).or_default().push(row);
        }
        let mut combined: Vec<Row> = Vec::new();
        for (row, is_ignored) in rows.into_iter().zip(ignored) {
            if is_ignored {
                combined.push(row);
            } else {
                let candidates = targets.get(&target(self.table.get(row.labels))).map_or(&[][..], |rows| &rows[..]);
                self.combine(&row, candidates, (&data, accepts_none), &mut combined)?;
            }
        }
        merge_same_labels(combined, self.reader.budget)
    }

    /// Reads the info series of the targets of some rows.
    fn info_rows(
        &mut self,
        rows: &[Row],
        ignored: &[bool],
        names: Vec<LabelMatcher>,
        data: &[LabelMatcher],
        steps: &Steps,
        call: &Call,
    ) -> Result<InfoRows, QueryError> {
        let mut targets: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for row in rows.iter().zip(ignored).filter(|(_, is_ignored)| !**is_ignored).map(|(row, _)| row) {
            let labels = self.table.get(row.labels);
            for name in IDENTIFYING.iter().filter(|name| !labels.get(name).is_empty()) {
                targets.entry(name).or_default().insert(labels.get(name).to_owned());
            }
        }
        if targets.is_empty() {
            return Ok(Vec::new());
        }
        let mut conditions = Conditions::of_matchers(&[names, data.to_vec()].concat());
        for (name, values) in targets {
            conditions.push_list(name, values.into_iter().collect());
        }
        let argument = Self::argument(call, 0)?;
        let anchor =
            self.first_anchor(argument, Anchor { at: None, offset: 0 })?.unwrap_or(Anchor { at: None, offset: 0 });
        let leaf = Leaf { conditions, anchor, steps: *steps, kind: LeafKind::NewestTime };
        // The leaf depends on the data: it cannot be planned.
        let none = vec![[0.0; 2]; steps.count];
        self.leaf(leaf, Some(&none), call.span)
    }

    /// Returns the reference times of the first selector of an expression: info series are read as of the same times.
    fn first_anchor(&self, expression: &Expression, outer: Anchor) -> Result<Option<Anchor>, QueryError> {
        let within = |inner: Anchor| match inner.at {
            Some(_) => inner,
            None => Anchor { at: outer.at, offset: outer.offset.saturating_add(inner.offset) },
        };
        match expression {
            Expression::Vector(selector) => {
                self.anchor(selector.at.as_ref(), selector.offset.as_ref()).map(|inner| Some(within(inner)))
            }
            Expression::Matrix(matrix) => {
                let selector = &matrix.selector;
                self.anchor(selector.at.as_ref(), selector.offset.as_ref()).map(|inner| Some(within(inner)))
            }
            Expression::Subquery(subquery) => {
                let anchor = within(self.anchor(subquery.at.as_ref(), subquery.offset.as_ref())?);
                self.first_anchor(&subquery.inner, anchor)
            }
            other => {
                for child in other.children() {
                    if let Some(anchor) = self.first_anchor(child, outer)? {
                        return Ok(Some(anchor));
                    }
                }
                Ok(None)
            }
        }
    }

    /// Adds the labels of info series to one row, which may become several rows over time.
    fn combine(
        &mut self,
        row: &Row,
        candidates: &[&Row],
        (data, accepts_none): (&[LabelMatcher], bool),
        combined: &mut Vec<Row>,
    ) -> Result<(), QueryError> {
        let base = self.table.get(row.labels).clone();
        self.reader.budget.check()?;
        // Places of the rows by their labels; most rows have one.
        let mut places: HashMap<LabelId, usize> = HashMap::new();
        for (step, value) in row.column.present() {
            let Some(labels) = self.enriched(&base, candidates, data, accepts_none, step)? else { continue };
            let labels = self.table.intern(labels);
            let place = *places.entry(labels).or_insert_with(|| {
                combined.push(Row { labels, column: Column::default(), ..*row });
                combined.len() - 1
            });
            if let Some(combined) = combined.get_mut(place) {
                self.reader.budget.add_cells(combined.column.growth(step))?;
                combined.column.set(step, value);
            }
        }
        Ok(())
    }

    /// Returns the labels of a row with those of the info series at a step; `None` if the row is dropped.
    fn enriched(
        &self,
        base: &Labels,
        candidates: &[&Row],
        data: &[LabelMatcher],
        accepts_none: bool,
        step: usize,
    ) -> Result<Option<Labels>, QueryError> {
        let mut newest: BTreeMap<&str, (f64, LabelId)> = BTreeMap::new();
        for row in candidates {
            let time = row.at(step);
            if !is_present(time) {
                continue;
            }
            let name = self.table.get(row.labels).get(METRIC_NAME);
            match newest.get(name) {
                Some((known, _)) if *known > time => {}
                #[expect(clippy::float_cmp, reason = "times of samples")]
                Some((known, labels)) if *known == time => {
                    return Err(self.duplicate_info(*labels, row.labels, time));
                }
                _ => {
                    newest.insert(name, (time, row.labels));
                }
            }
        }
        if newest.is_empty() && !accepts_none {
            return Ok(None);
        }
        let mut added = Labels::default();
        for (_, id) in newest.values() {
            for (name, value) in self.table.get(*id).iter() {
                let is_wanted = data.is_empty() || data.iter().any(|matcher| matcher.label == name);
                if name == METRIC_NAME || !is_wanted {
                    continue;
                }
                let known = added.get(name);
                if !known.is_empty() && known != value {
                    return Err(QueryError::execution(format!("conflicting label: {name}")));
                }
                if base.get(name).is_empty() {
                    added = added.with(name, value);
                }
            }
        }
        Ok(Some(added.iter().fold(base.clone(), |labels, (name, value)| labels.with(name, value))))
    }

    fn duplicate_info(&self, known: LabelId, other: LabelId, time: f64) -> QueryError {
        let (known, other, millis) = (self.table.get(known), self.table.get(other), time * 1000.0);
        QueryError::execution(format!(
            "found duplicate series for info metric: existing {known} @ {millis}, new {other} @ {millis}"
        ))
    }
}

/// Returns conditions on the names of info metrics: without any, the default; with only negative ones, that they end in
/// `_info`.
fn with_positive(mut names: Vec<LabelMatcher>, call: &Call) -> Vec<LabelMatcher> {
    let is_positive =
        |matcher: &LabelMatcher| matches!(matcher.operator, MatchOperator::Equal | MatchOperator::Matches);
    let (operator, value) = match names.len() {
        0 => (MatchOperator::Equal, TARGET_INFO),
        _ if names.iter().any(is_positive) => return names,
        _ => (MatchOperator::Matches, ANY_INFO),
    };
    names.push(LabelMatcher { label: METRIC_NAME.to_owned(), operator, value: value.to_owned(), span: call.span });
    names
}

/// Condition of a matcher on a value, with its pattern compiled.
struct Condition<'a> {
    matcher: &'a LabelMatcher,
    /// `None` without a pattern, or for one that is not valid: it accepts nothing, and the store reports it.
    pattern: Option<Regex>,
}

impl<'a> Condition<'a> {
    fn new(matcher: &'a LabelMatcher) -> Self {
        let has_pattern = matches!(matcher.operator, MatchOperator::Matches | MatchOperator::NotMatches);
        let pattern = has_pattern.then(|| Regex::new(&matcher.anchored_pattern()).ok()).flatten();
        Self { matcher, pattern }
    }

    fn accepts(&self, value: &str) -> bool {
        let is_match = || self.pattern.as_ref().map(|pattern| pattern.is_match(value));
        match self.matcher.operator {
            MatchOperator::Equal => self.matcher.value == value,
            MatchOperator::NotEqual => self.matcher.value != value,
            MatchOperator::Matches => is_match() == Some(true),
            MatchOperator::NotMatches => is_match() == Some(false),
        }
    }
}
