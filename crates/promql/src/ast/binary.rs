//! Operators with two operands, and how the series of two vectors match.

use super::{Expression, Number, Span, ValueType};

/// An operator with two operands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Binary {
    /// The operator.
    pub operator: BinaryOperator,
    /// The left operand.
    pub left: Expression,
    /// The right operand.
    pub right: Expression,
    /// `true` if a comparison gives 0 or 1 instead of keeping or dropping samples.
    pub returns_bool: bool,
    /// How series match; `None` unless both operands are instant vectors.
    pub matching: Option<VectorMatching>,
    /// A scalar if both operands are scalars, otherwise an instant vector.
    pub value_type: ValueType,
    /// Place of the operator in the text.
    pub operator_span: Span,
    /// Place in the text, both operands included.
    pub span: Span,
}

/// How the series of two vectors match.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VectorMatching {
    /// How many series of each side may match.
    pub cardinality: Cardinality,
    /// The labels whose values must be equal. No clause is `ignoring ()`.
    pub labels: LabelSet,
    /// The labels in the parentheses of `group_left` or `group_right`: taken from the side that has one series.
    pub include: Vec<String>,
    /// The value of a series that the left side lacks.
    pub fill_left: Option<Number>,
    /// The value of a series that the right side lacks.
    pub fill_right: Option<Number>,
}

/// The labels that a matching compares.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LabelSet {
    /// `on (a, b)`: these labels.
    On(Vec<String>),
    /// `ignoring (a, b)`: all labels but these and the metric name.
    Ignoring(Vec<String>),
}

impl LabelSet {
    /// Returns the labels of the clause.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Self::On(labels) | Self::Ignoring(labels) => labels,
        }
    }
}

/// How many series of each side of an operator may match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cardinality {
    /// One series of each side.
    OneToOne,
    /// `group_left`: several series of the left side match one of the right.
    ManyToOne,
    /// `group_right`: several series of the right side match one of the left.
    OneToMany,
    /// Set operators: any number on both sides.
    ManyToMany,
}

impl Cardinality {
    /// Returns the name in messages, such as `one-to-one`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneToOne => "one-to-one",
            Self::ManyToOne => "many-to-one",
            Self::OneToMany => "one-to-many",
            Self::ManyToMany => "many-to-many",
        }
    }
}

/// An operator with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOperator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
    /// `^`
    Power,
    /// `atan2`
    Atan2,
    /// `</`: a native histogram without the observations above a value.
    TrimUpper,
    /// `>/`: a native histogram without the observations below a value.
    TrimLower,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `and`
    And,
    /// `or`
    Or,
    /// `unless`
    Unless,
}

impl BinaryOperator {
    /// Every operator.
    pub const ALL: [Self; 18] = [
        Self::Add,
        Self::Subtract,
        Self::Multiply,
        Self::Divide,
        Self::Modulo,
        Self::Power,
        Self::Atan2,
        Self::TrimUpper,
        Self::TrimLower,
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::And,
        Self::Or,
        Self::Unless,
    ];

    /// Returns the operator's text.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Power => "^",
            Self::Atan2 => "atan2",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// Returns how strongly the operator binds, from 1 (`or`) to 6 (`^`).
    #[must_use]
    pub const fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::TrimUpper
            | Self::TrimLower => 3,
            Self::Add | Self::Subtract => 4,
            Self::Multiply | Self::Divide | Self::Modulo | Self::Atan2 => 5,
            Self::Power => 6,
        }
    }

    /// Returns `true` for comparisons.
    #[must_use]
    pub const fn is_comparison(self) -> bool {
        use BinaryOperator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        matches!(self, Equal | NotEqual | Less | LessOrEqual | Greater | GreaterOrEqual)
    }

    /// Returns `true` for the operators of native histograms, `</` and `>/`.
    #[must_use]
    pub const fn is_trim(self) -> bool {
        matches!(self, Self::TrimUpper | Self::TrimLower)
    }

    /// Returns `true` for `and`, `or` and `unless`.
    #[must_use]
    pub const fn is_set_operator(self) -> bool {
        self.precedence() <= 2
    }
}
