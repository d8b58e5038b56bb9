//! Numbers of the tree.

use std::hash::{Hash, Hasher};

use super::Span;

/// A float that compares and hashes by its bits.
#[derive(Debug, Clone, Copy)]
pub struct Number(pub f64);

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// A number: `1.5`, `0x1F`, `-Inf`, or a duration in seconds, `5m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NumberLiteral {
    /// The value; of a duration the seconds. A sign before the number is part of it.
    pub value: Number,
    /// `true` if the text is a duration such as `5m`. Alone in a range, step or offset, `300` is one, too.
    pub is_duration: bool,
    /// Place in the text.
    pub span: Span,
}
