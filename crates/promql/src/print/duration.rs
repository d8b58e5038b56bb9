//! Durations as text.

use std::fmt::{self, Display, Formatter};

use crate::ast::{DurationExpression, DurationOperation, NumberLiteral};

/// Units with their milliseconds, and whether one is used only if nothing remains: `90d` reads better than `12w6d`.
const UNITS: [(&str, u64, bool); 7] = [
    ("y", 31_536_000_000, true),
    ("w", 604_800_000, true),
    ("d", 86_400_000, false),
    ("h", 3_600_000, false),
    ("m", 60_000, false),
    ("s", 1_000, false),
    ("ms", 1, false),
];

/// Seconds as a duration, `1h30m`.
pub(crate) struct DurationText(pub(crate) f64);

impl DurationText {
    /// Returns `true` if the seconds are whole milliseconds, which is what a duration can say.
    pub(crate) fn is_exact(&self) -> bool {
        let millis = self.0 * 1_000.0;
        // Not every product is exact: 0.007 s are 7 ms.
        millis.abs() < 9.3e12 && (millis.round() / 1_000.0).to_bits() == self.0.to_bits()
    }
}

impl Display for DurationText {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.is_sign_negative() {
            f.write_str("-")?;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a duration has fewer than 2^63 nanoseconds"
        )]
        let mut millis = (self.0.abs() * 1_000.0).round() as u64;
        if millis == 0 {
            return f.write_str("0s");
        }
        for (unit, factor, is_exact) in UNITS {
            if is_exact && !millis.is_multiple_of(factor) {
                continue;
            }
            if millis >= factor {
                write!(f, "{}{unit}", millis / factor)?;
                millis %= factor;
            }
        }
        Ok(())
    }
}

impl Display for NumberLiteral {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let value = self.value.0;
        if self.is_duration {
            DurationText(value).fmt(f)
        } else if value.is_infinite() {
            f.write_str(if value > 0.0 { "Inf" } else { "-Inf" })
        } else {
            write!(f, "{value}")
        }
    }
}

impl Display for DurationExpression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => literal.fmt(f),
            Self::Call(call) => {
                write!(f, "{}(", call.function.name())?;
                for (at, argument) in call.arguments.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { ", " })?;
                    argument.fmt(f)?;
                }
                f.write_str(")")
            }
            Self::Unary(operation) | Self::Binary(operation) => operation.fmt(f),
            Self::Parenthesized(inner) => write!(f, "({})", inner.0),
        }
    }
}

impl Display for DurationOperation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let symbol = self.operator.symbol();
        match &self.left {
            Some(left) => write!(f, "{left} {symbol} {}", self.right),
            None => write!(f, "{symbol}{}", self.right),
        }
    }
}
