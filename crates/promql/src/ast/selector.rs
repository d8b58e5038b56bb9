//! Selectors of series, subqueries, and their modifiers.

use super::{DurationExpression, Expression, Number, Span};

/// A selector of one sample of each matching series.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VectorSelector {
    /// The metric name before the braces; `None` if it is inside them, or if there is none.
    pub name: Option<String>,
    /// The matchers inside the braces in their order. A name in quotes, `{"a.b"}`, is the matcher `__name__="a.b"`.
    pub matchers: Vec<LabelMatcher>,
    /// The modifier `offset`.
    pub offset: Option<Offset>,
    /// The modifier `@`.
    pub at: Option<AtModifier>,
    /// The modifier `anchored` or `smoothed`.
    pub extension: Option<RangeExtension>,
    /// Place in the text. Within a matrix selector the modifiers are outside it.
    pub span: Span,
}

impl VectorSelector {
    /// Returns every condition, in the form of matchers: those of the braces, then the name before them.
    #[must_use]
    pub fn conditions(&self) -> Vec<LabelMatcher> {
        let name = self.name.iter().map(|name| LabelMatcher {
            label: "__name__".to_owned(),
            operator: MatchOperator::Equal,
            value: name.clone(),
            span: self.span,
        });
        self.matchers.iter().cloned().chain(name).collect()
    }

    /// Returns the metric name if exactly one can match.
    #[must_use]
    pub fn metric_name(&self) -> Option<&str> {
        self.name.as_deref().or_else(|| {
            let is_name = |m: &&LabelMatcher| m.label == "__name__" && m.operator == MatchOperator::Equal;
            self.matchers.iter().find(is_name).map(|m| m.value.as_str())
        })
    }
}

/// A condition on the value of one label. A label that a series lacks has the empty value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LabelMatcher {
    /// The label; `__name__` is the metric name.
    pub label: String,
    /// The condition.
    pub operator: MatchOperator,
    /// The value, or the regular expression, which must match the whole value.
    pub value: String,
    /// Place in the text.
    pub span: Span,
}

/// The condition of a [`LabelMatcher`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOperator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
}

impl MatchOperator {
    /// Returns the operator's text.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::NotMatches => "!~",
        }
    }
}

/// The modifier `offset`: the evaluation time minus a duration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Offset {
    /// The duration, which may be negative.
    pub duration: DurationExpression,
    /// Place in the text, from the keyword.
    pub span: Span,
}

/// The modifier `@`: a fixed evaluation time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AtModifier {
    /// The time.
    pub time: AtTime,
    /// Place in the text, from the `@`.
    pub span: Span,
}

/// The time of an [`AtModifier`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AtTime {
    /// Seconds since 1970-01-01 00:00 UTC; finite.
    Seconds(Number),
    /// `start()`: the start of the query's range.
    Start,
    /// `end()`: the end of the query's range.
    End,
}

/// How a range takes account of the samples around its borders. Experimental.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RangeExtension {
    /// `anchored`: the last sample before the range is moved to its start.
    Anchored,
    /// `smoothed`: values at the borders are interpolated from the samples around them.
    Smoothed,
}

impl RangeExtension {
    /// Returns the keyword.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anchored => "anchored",
            Self::Smoothed => "smoothed",
        }
    }
}

/// A selector of the samples of each matching series in a range of time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MatrixSelector {
    /// The series, with the modifiers of the range: `x[5m] offset 1h` has its offset here.
    pub selector: VectorSelector,
    /// Length of the range, which ends at the evaluation time.
    pub range: DurationExpression,
    /// Place in the text, modifiers included.
    pub span: Span,
}

/// An expression evaluated at the steps of a range of time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subquery {
    /// The expression, an instant vector.
    pub inner: Expression,
    /// Length of the range, which ends at the evaluation time.
    pub range: DurationExpression,
    /// Distance of the steps; `None` for the default step of the evaluator.
    pub step: Option<DurationExpression>,
    /// The modifier `offset`.
    pub offset: Option<Offset>,
    /// The modifier `@`.
    pub at: Option<AtModifier>,
    /// Place in the text, modifiers included.
    pub span: Span,
}
