//! What a parser accepts beyond the stable grammar.

/// A part of the grammar that is experimental in Prometheus, where a flag of the server switches it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Functions and aggregations such as `sort_by_label`, `info` and `limitk`.
    ExperimentalFunctions,
    /// Arithmetic in ranges, steps and offsets: `x[step() + 1m]`.
    DurationExpressions,
    /// The modifiers `anchored` and `smoothed` of selectors.
    ExtendedRangeSelectors,
    /// The modifiers `fill`, `fill_left` and `fill_right` of binary operators.
    FillModifiers,
}

impl Feature {
    /// Every feature.
    pub const ALL: [Self; 4] =
        [Self::ExperimentalFunctions, Self::DurationExpressions, Self::ExtendedRangeSelectors, Self::FillModifiers];

    /// Returns the name that Prometheus' option `--enable-feature` has for this feature.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ExperimentalFunctions => "promql-experimental-functions",
            Self::DurationExpressions => "promql-duration-expr",
            Self::ExtendedRangeSelectors => "promql-extended-range-selectors",
            Self::FillModifiers => "promql-binop-fill-modifiers",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Options of [`parse`](crate::parse): which experimental features are enabled. The default is none.
///
/// ```
/// use timestrata_promql::{Feature, ParserOptions, parse};
///
/// let text = "limitk(2, up)";
/// assert!(parse(text, &ParserOptions::default()).is_err());
/// assert!(parse(text, &ParserOptions::default().enable(Feature::ExperimentalFunctions)).is_ok());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ParserOptions {
    features: u8,
}

impl ParserOptions {
    /// Returns options with every experimental feature enabled.
    #[must_use]
    pub fn experimental() -> Self {
        Feature::ALL.into_iter().fold(Self::default(), Self::enable)
    }

    /// Enables a feature.
    #[must_use]
    pub const fn enable(self, feature: Feature) -> Self {
        Self { features: self.features | feature.bit() }
    }

    /// Returns `true` if a feature is enabled.
    #[must_use]
    pub const fn has(&self, feature: Feature) -> bool {
        self.features & feature.bit() != 0
    }
}
